"""VRFY and EXPN in the core: who is asked, what is announced, what counts (RFC 5321 sections 3.5 and 7.3)."""

from dataclasses import replace

import pytest
from tests.support.smtp import OPTIONS, codes, feed, opened

from pymailcore.base.address import Address
from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.states import State

ASKED = replace(OPTIONS, lookups=frozenset({"VRFY", "EXPN"}))
B = Address("b", "host.example")
HELLO = b"EHLO c.example\r\n"


def told(event: events.Event) -> Reply | None:
    """Know everybody."""
    return Reply(250, "2.1.5", "<b@host.example>") if isinstance(event, events.Verify) else None


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b"VRFY b@host.example", events.Verify(B)),
        (b"VRFY <b@host.example>", events.Verify(B)),
        (b"VRFY b@host.example  ", events.Verify(B)),
        (b"vrfy b@host.example smtputf8", events.Verify(B, smtputf8=True)),
        (b"EXPN b@host.example", events.Verify(B, expand=True)),
        (
            "VRFY j\u00f6rg@host.example SMTPUTF8".encode(),
            events.Verify(Address("j\u00f6rg", "host.example"), smtputf8=True),
        ),
    ],
)
def test_the_role_is_asked(line: bytes, event: events.Verify) -> None:
    protocol = opened(ASKED, HELLO)
    assert feed(protocol, line + b"\r\n", decision=told) == [event]
    assert codes(protocol.bytes_to_send()) == [b"250"]
    assert protocol.state is State.READY


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"VRFY", b"501"),
        (b"EXPN", b"501"),
        (b"VRFY b", b"252"),
        (b"VRFY Jane Doe", b"252"),
        (b"VRFY <b@host.example", b"252"),
        (b"VRFY @host.example", b"252"),
        (b"VRFY SMTPUTF8", b"252"),
        ("VRFY j\u00f6rg@host.example".encode(), b"553"),
        (b"VRFY \xff@host.example SMTPUTF8", b"252"),
    ],
)
def test_what_is_no_address_is_answered_by_the_core(line: bytes, code: bytes) -> None:
    protocol = opened(ASKED, HELLO)
    assert feed(protocol, line + b"\r\n", decision=told) == []
    assert codes(protocol.bytes_to_send()) == [code]


@pytest.mark.parametrize("verb", [b"VRFY", b"EXPN"])
def test_where_the_role_does_not_look_nothing_is_told(verb: bytes) -> None:
    """RFC 5321 section 7.3: 252, which is neither yes nor no, for those who exist as for all others."""
    protocol = opened(OPTIONS, HELLO)
    assert feed(protocol, verb + b" b@host.example\r\n" + verb + b" x@y.example\r\n", decision=told) == []
    first, second = protocol.bytes_to_send().splitlines()
    assert first == second == b"252 2.5.0 Send some mail and see"


@pytest.mark.parametrize("which", [(), ("VRFY",), ("EXPN",), ("EXPN", "VRFY")])
def test_what_is_looked_up_is_announced(which: tuple[str, ...]) -> None:
    """RFC 5321 section 3.5.2: EXPN must be listed where it is served."""
    lines = replace(OPTIONS, lookups=frozenset(which)).extended_hello.text.split("\n")
    assert [line for line in lines if line in ("VRFY", "EXPN")] == list(which)


def test_a_transaction_stays_as_it_is() -> None:
    """RFC 5321 section 4.1.1.6: VRFY has no effect on the buffers."""
    protocol = opened(ASKED, HELLO + b"MAIL FROM:<>\r\nRCPT TO:<b@host.example>\r\n")
    feed(protocol, b"VRFY b@host.example\r\nDATA\r\n", decision=told)
    assert codes(protocol.bytes_to_send()) == [b"250", b"354"]


@pytest.mark.parametrize("options", [OPTIONS, ASKED], ids=["told nothing", "told"])
def test_asking_on_and_on_comes_to_an_end(options: object) -> None:
    """S9, S12: 100 are free, then each is an error, and the twentieth error ends it."""
    assert options in (OPTIONS, ASKED)
    protocol = opened(ASKED if options is ASKED else OPTIONS, HELLO)
    feed(protocol, b"EXPN b@host.example\r\n" * 100, decision=told)
    assert protocol.errors == 0
    feed(protocol, b"VRFY b@host.example\r\n", decision=told)
    assert protocol.errors == 1
    feed(protocol, b"VRFY b@host.example\r\n" * 40, decision=told)
    assert protocol.state is State.CLOSED
