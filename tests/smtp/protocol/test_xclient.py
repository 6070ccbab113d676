from dataclasses import replace

import pytest
from tests.support.smtp import OFFER, OPTIONS, codes, feed, opened

from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.states import State
from pymailcore.smtp.protocol.xclient import parse_xclient

OURS = replace(OPTIONS, xclient=True)


@pytest.mark.parametrize(
    ("arguments", "event"),
    [
        (b"ADDR=192.0.2.7", events.Xclient("192.0.2.7", 0, "")),
        (
            b"NAME=spike.example ADDR=IPV6:2001:db8::1 port=25 PROTO=ESMTP HELO=x",
            events.Xclient("2001:db8::1", 25, "spike.example"),
        ),
        (b"ADDR=192.0.2.7 NAME=[UNAVAILABLE] PORT=[TEMPUNAVAIL]", events.Xclient("192.0.2.7", 0, "")),
        (b"NAME=x.example", None),
        (b"ADDR=[UNAVAILABLE]", None),
        (b"ADDR=192.0.2.7 LOGIN=anna", None),
        (b"ADDR=192.0.2.7 ADDR=192.0.2.8", None),
        (b"ADDR=host", None),
        (b"ADDR=192.0.2.7 NAME=a+0D+0Ab", None),
        (b"ADDR=192.0.2.7 NAME=a+20b", None),
        (b"ADDR=192.0.2.7 PORT=x", None),
        (b"ADDR", None),
        (b"", None),
    ],
)
def test_what_a_filter_says(arguments: bytes, event: events.Xclient | None) -> None:
    """Postfix, XCLIENT_README; who is signed in cannot be said."""
    assert parse_xclient(arguments) == event


def test_another_core_greets_the_client() -> None:
    """Postfix, XCLIENT_README: the reply is a greeting."""
    assert "XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT" in OURS.extended_hello.text
    protocol = opened(OURS, b"EHLO filter.example\r\n")
    assert feed(protocol, b"XCLIENT ADDR=192.0.2.7\r\n") == [events.Xclient("192.0.2.7", 0, "")]
    assert protocol.bytes_to_send() == b""
    assert protocol.state is State.RENEWED


@pytest.mark.parametrize(
    ("options", "octets", "expected"),
    [
        (OPTIONS, b"XCLIENT ADDR=192.0.2.7\r\n", [b"500"]),
        (OURS, b"XCLIENT ADDR=nonsense\r\n", [b"501"]),
        (OURS, b"MAIL FROM:<>\r\nXCLIENT ADDR=192.0.2.7\r\n", [b"250", b"503"]),
        (OURS, b"XCLIENT ADDR=192.0.2.7\r\nNOOP\r\n", [b"501", b"250"]),
        (
            replace(OURS, offer=OFFER),
            b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\nXCLIENT ADDR=192.0.2.7\r\n",
            [b"235", b"501"],
        ),
    ],
    ids=["stranger", "nonsense", "transaction", "pipelined", "signed-in"],
)
def test_where_it_has_no_place(options: ServerOptions, octets: bytes, expected: list[bytes]) -> None:
    """S13: XCLIENT from strangers."""
    protocol = opened(options, b"EHLO c.example\r\n")
    feed(protocol, octets)
    assert codes(protocol.bytes_to_send()) == expected
