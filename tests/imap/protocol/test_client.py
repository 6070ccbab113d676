import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.errors import LocalProtocolError
from pymailcore.imap.protocol.client import (
    Broken,
    ClientState,
    ImapClientProtocol,
    number_set,
    plain_response,
    text,
)
from pymailcore.imap.protocol.client_responses import Condition, Continuation, Exists, Response


def greeted() -> ImapClientProtocol:
    protocol = ImapClientProtocol(message_octets=1_000)
    protocol.receive_data(b"* OK hello\r\n")
    assert protocol.next_event() == Condition(b"", "OK", b"", "hello")
    return protocol


def events(protocol: ImapClientProtocol, octets: bytes, step: int = 1_000) -> list[Response | Broken]:
    found = []
    for start in range(0, len(octets), step):
        protocol.receive_data(octets[start : start + step])
        while (event := protocol.next_event()) is not None:
            found.append(event)
    return found


@pytest.mark.parametrize("step", [1, 2, 7, 1_000])
def test_a_command_ends_with_its_tag(step: int) -> None:
    """RFC 3501 section 2.2.2."""
    protocol = greeted()
    protocol.start(b"EXAMINE", text(b"INBOX"))
    assert protocol.bytes_to_send() == b'A1 EXAMINE "INBOX"\r\n'
    assert protocol.bytes_to_send() == b""
    assert events(protocol, b"* 3 EXISTS\r\nA1 OK [READ-ONLY] done\r\n", step) == [
        Exists(3),
        Condition(b"A1", "OK", b"READ-ONLY", "done"),
    ]
    assert protocol.state is ClientState.READY
    protocol.start(b"NOOP")
    assert protocol.bytes_to_send() == b"A2 NOOP\r\n"


def test_literals_wait_until_they_are_asked_for() -> None:
    """RFC 3501 section 4.3."""
    protocol = greeted()
    protocol.start(b"LOGIN", text("Ä".encode()), text(b"a\r\nb"))
    assert protocol.bytes_to_send() == b"A1 LOGIN {2}\r\n"
    assert events(protocol, b"+ go\r\n") == [Continuation(b"go")]
    assert protocol.bytes_to_send() == "Ä {4}\r\n".encode()
    events(protocol, b"+\r\n")
    assert protocol.bytes_to_send() == b"a\r\nb\r\n"


def test_a_refused_literal_is_not_sent_later() -> None:
    protocol = greeted()
    protocol.start(b"LOGIN", text("Ä".encode()), text(b"x"))
    protocol.bytes_to_send()
    events(protocol, b"A1 NO no\r\n")
    protocol.start(b"NOOP")
    assert protocol.bytes_to_send() == b"A2 NOOP\r\n"


def test_the_response_of_authenticate() -> None:
    """RFC 3501 section 6.2.2, RFC 4616 section 2."""
    protocol = greeted()
    protocol.start(b"AUTHENTICATE PLAIN", then=plain_response("tim", "tanstaaftanstaaf"))
    assert protocol.bytes_to_send() == b"A1 AUTHENTICATE PLAIN\r\n"
    events(protocol, b"+ \r\n")
    assert protocol.bytes_to_send() == b"AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        b"+ more\r\n",
        b"A2 OK other tag\r\n",
        b"* BYE away\r\n",
        b"nonsense\r\n",
        b"",
    ],
)
def test_a_server_that_breaks_the_protocol_ends_it(octets: bytes) -> None:
    protocol = greeted()
    protocol.start(b"NOOP")
    protocol.bytes_to_send()
    protocol.receive_data(octets)
    assert isinstance(protocol.next_event(), Broken)
    assert protocol.state is ClientState.CLOSED
    assert protocol.next_event() is None
    with pytest.raises(LocalProtocolError):
        protocol.start(b"NOOP")


@pytest.mark.parametrize(
    "octets", [b"* BYE no\r\n", b"* 1 EXISTS\r\nA1 OK x\r\n", b"A1 OK x\r\n", b"* NO x\r\n"]
)
def test_a_greeting_that_is_none(octets: bytes) -> None:
    """RFC 3501 section 7.1.1."""
    protocol = ImapClientProtocol(message_octets=10)
    assert isinstance(events(protocol, octets)[-1], Broken)


def test_one_command_at_a_time() -> None:
    protocol = ImapClientProtocol(message_octets=10)
    with pytest.raises(LocalProtocolError):
        protocol.start(b"NOOP")
    protocol = greeted()
    protocol.start(b"NOOP")
    with pytest.raises(LocalProtocolError):
        protocol.start(b"NOOP")


def test_nul_stands_in_no_command() -> None:
    with pytest.raises(ValueError, match="NUL"):
        text(b"a\0b")


def test_numbers_become_ranges() -> None:
    assert number_set([1, 2, 3, 5, 7, 8]) == b"1:3,5,7:8"
    assert number_set([]) == b""


@given(
    octets=st.lists(
        st.sampled_from([b"* ", b"A1 ", b"OK ", b"+ ", b"BYE ", b"\r\n", b"1 EXISTS", b"{3}\r\n", b"("])
    ).map(b"".join)
)
def test_no_octets_raise(octets: bytes) -> None:
    protocol = greeted()
    protocol.start(b"NOOP")
    events(protocol, octets, 3)
