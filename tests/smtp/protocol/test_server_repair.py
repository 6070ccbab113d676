"""The repair mode of submission: bare CR and LF are taken, and what ends mail data stays the same (S1)."""

from dataclasses import replace

import pytest
from tests.support.smtp import ENVELOPE, OPTIONS, codes, feed, opened

from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.states import State

MENDING = replace(OPTIONS, repair_line_ends=True, extensions=Extensions(chunking=True))
SMUGGLED = b"MAIL FROM:<x@y.example>\r\nRCPT TO:<b@host.example>\r\nDATA\r\nsmuggled\r\n"
FALSE_ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r\n\x00.\r\n"]


def taken(seen: list[events.Event]) -> bytes:
    return b"".join(event.octets for event in seen if isinstance(event, events.MailData))


@pytest.mark.parametrize("cut", [1, 2, 7, 1_000])
@pytest.mark.parametrize("end", FALSE_ENDS, ids=repr)
def test_only_the_true_end_ends_a_message(end: bytes, cut: int) -> None:
    """RFC 5321 section 4.1.1.4: one message, with all that was to be smuggled in it."""
    protocol = opened(MENDING)
    data = b"one" + end + SMUGGLED + b".\r\n"
    seen = feed(protocol, ENVELOPE + b"DATA\r\n" + data + b"NOOP\r\n", cut)
    assert sum(isinstance(event, events.MailDataEnd) for event in seen) == 1
    assert b"smuggled" in taken(seen)
    assert codes(protocol.bytes_to_send())[-3:] == [b"354", b"250", b"250"]
    assert protocol.state is State.READY


@pytest.mark.parametrize("octets", [b"a\nb\r\n", b"a\rb\r\n", b"\n\r\n", b"a\r\r\n"])
def test_strict_refuses_what_mending_takes(octets: bytes) -> None:
    for options, code in ((OPTIONS, b"554"), (MENDING, b"250")):
        protocol = opened(options)
        feed(protocol, ENVELOPE + b"DATA\r\n" + octets + b".\r\n")
        assert codes(protocol.bytes_to_send())[-1] == code


@pytest.mark.parametrize("mending", [False, True])
def test_chunks_are_mended_too(*, mending: bool) -> None:
    """RFC 3030 section 3: without BINARYMIME lines end as they do after DATA."""
    options = MENDING if mending else replace(MENDING, repair_line_ends=False)
    protocol = opened(options)
    seen = feed(protocol, ENVELOPE + b"BDAT 3\r\na\nbBDAT 2 LAST\r\nc\r")
    assert codes(protocol.bytes_to_send())[3:] == ([b"250", b"250"] if mending else [b"554", b"503"])
    assert mending is (taken(seen) == b"a\r\nbc\r\n")


@pytest.mark.parametrize("cut", [1, 2, 3, 1_000])
def test_a_line_end_in_two_chunks_is_one(cut: int) -> None:
    """RFC 3030 section 2: where a chunk ends means nothing; one that was only an LF has its reply, too."""
    protocol = opened(MENDING)
    chunks = b"BDAT 2\r\na\rBDAT 1\r\n\nBDAT 2\r\nb\rBDAT 3 LAST\r\nc\n\r"
    seen = feed(protocol, ENVELOPE + chunks, cut)
    assert codes(protocol.bytes_to_send())[3:] == [b"250"] * 4
    assert taken(seen) == b"a\r\nb\r\nc\r\n\r\n"


def test_binary_mail_is_not_mended() -> None:
    """RFC 3030 section 3: its octets are what they are."""
    protocol = opened(replace(MENDING, extensions=Extensions(chunking=True, binarymime=True)))
    envelope = ENVELOPE.replace(b"<a@client.example>", b"<a@client.example> BODY=BINARYMIME")
    assert taken(feed(protocol, envelope + b"BDAT 5 LAST\r\na\nb\rc")) == b"a\nb\rc"


def test_what_is_mended_counts_as_it_becomes() -> None:
    """RFC 1870 section 5: a line end is two octets."""
    for octets, code in ((b"x\n" * 9, b"250"), (b"x\n" * 10, b"552"), (b"x\r\n" * 9, b"250")):
        protocol = opened(replace(MENDING, max_message_octets=30))
        feed(protocol, ENVELOPE + b"DATA\r\n" + octets + b"x\r\n.\r\n")
        assert codes(protocol.bytes_to_send())[-1] == code


def test_dots_are_removed_where_a_line_begins() -> None:
    protocol = opened(MENDING)
    seen = feed(protocol, ENVELOPE + b"DATA\r\n..a\r\n..b\n..c\r\n.\r\n")
    assert taken(seen) == b".a\r\n.b\r\n..c\r\n"
