import itertools
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.support.smtp import ENVELOPE, OPTIONS, codes, decide, feed, opened

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.chunking import MAX_CHUNKS_COUNT, ChunkedText, parse_chunk
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.mail_data import BareLineEnd
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.server import SmtpServerProtocol
from pymailcore.smtp.protocol.states import State

A, B = Address("a", "client.example"), Address("b", "host.example")
CHUNKING = replace(OPTIONS, extensions=Extensions(chunking=True, binarymime=True), hard_errors=1_000)
BINARY = ENVELOPE.replace(b"client.example>\r\nRCPT", b"client.example> BODY=BINARYMIME\r\nRCPT")
QUIET = b"NOOP\r\nMAIL FROM:<evil@x.example>\r\n"


def said(octets: bytes, step: int = 1_000_000) -> tuple[list[bytes], list[events.Event], SmtpServerProtocol]:
    """Feed a new core; give the codes after the greeting, the events and the core."""
    protocol = SmtpServerProtocol(CHUNKING)
    seen = feed(protocol, octets, step)
    return codes(protocol.bytes_to_send())[1:], seen, protocol


@pytest.mark.parametrize("step", [1, 2, 7, 1_000])
def test_a_message_in_chunks(step: int) -> None:
    """RFC 3030 section 2; the dots of a chunk are not doubled."""
    octets = ENVELOPE + b"BDAT 13\r\nSubject: x\r\n\rBDAT 7\r\n\n.\r\n..\r" + b"bdat 1 last\r\n\nQUIT\r\n"
    answers, seen, protocol = said(octets, step)
    assert answers == [b"250"] * 6 + [b"221"]
    assert [event for event in seen if isinstance(event, events.DataRequested)] == [
        events.DataRequested(chunked=True)
    ]
    data = b"".join(event.octets for event in seen if isinstance(event, events.MailData))
    assert data == b"Subject: x\r\n\r\n.\r\n..\r\n"
    assert seen[-1] == events.MailDataEnd(Envelope(reverse_path=A, recipients=(B,)))
    assert protocol.state is State.CLOSED


@pytest.mark.parametrize("step", [1, 3, 1_000])
@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (b"", [b"503"]),
        (b"EHLO c.example\r\n", [b"250", b"503"]),
        (b"EHLO c.example\r\nMAIL FROM:<>\r\n", [b"250", b"250", b"503"]),
        (
            b"EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<unknown@host.example>\r\n",
            [b"250", b"250", b"550", b"554"],
        ),
    ],
)
@pytest.mark.parametrize("last", [b"", b" LAST"])
def test_a_chunk_without_place_is_read_over(
    before: bytes, expected: list[bytes], last: bytes, step: int
) -> None:
    """S5: exactly the announced octets are taken, and nothing of them is a command."""
    chunk = b"BDAT %d%s\r\n" % (len(QUIET), last)
    answers, seen, protocol = said(before + chunk + QUIET + b"RSET\r\n", step)
    assert answers == [*expected, b"250"]
    assert not any(isinstance(event, events.MailData | events.MailDataEnd) for event in seen)
    assert events.Mail(Address("evil", "x.example")) not in seen
    assert protocol.mail is None
    assert protocol.state is (State.READY if before else State.GREETED)


def test_where_chunks_are_not_offered_they_are_read_over_too() -> None:
    """S5: a client that sends them nevertheless must not be read as commands."""
    protocol = opened(octets=ENVELOPE + b"BDAT %d LAST\r\n" % len(QUIET) + QUIET)
    assert protocol.state is State.READY
    protocol = opened(octets=ENVELOPE)
    assert feed(protocol, b"BDAT 4\r\nNOOPNOOP\r\n") == []
    assert codes(protocol.bytes_to_send()) == [b"502", b"250"]


@pytest.mark.parametrize(
    "arguments", [b"", b"x", b"-1", b"-1 LAST", b"1LAST", b"1 LOST", b"0x10", b"1 LAST x", b"9" * 19, b"1.5"]
)
def test_a_length_that_cannot_be_read_ends_the_conversation(arguments: bytes) -> None:
    """S5: nobody knows where the next command begins."""
    answers, _seen, protocol = said(ENVELOPE + b"BDAT " + arguments + b"\r\n" + QUIET)
    assert answers == [b"250"] * 3 + [b"521"]
    assert protocol.state is State.CLOSED
    assert parse_chunk(arguments) is None


@pytest.mark.parametrize(("size", "code"), [(100_000, b"250"), (100_001, b"552")])
def test_the_limit_counts_what_is_announced(size: int, code: bytes) -> None:
    """RFC 1870 section 6.3; at n and n + 1, in two chunks."""
    first = b"BDAT 99999\r\n" + b"x" * 99_999
    octets = ENVELOPE + first + b"BDAT %d LAST\r\n" % (size - 99_999) + b"x" * (size - 99_999)
    answers, _seen, protocol = said(octets + b"NOOP\r\n")
    assert answers == [b"250"] * 4 + [code, b"250"]
    assert protocol.mail is None


@pytest.mark.parametrize(("size", "ends"), [(200_000, False), (200_001, True), (10**17, True)])
def test_nobody_waits_for_a_chunk_that_is_far_too_large(size: int, ends: bool) -> None:
    """S5: a huge length."""
    _answers, _seen, protocol = said(ENVELOPE + b"BDAT %d\r\n" % size)
    assert (protocol.state is State.CLOSED) is ends


def test_after_a_chunk_only_chunks_go_on() -> None:
    """RFC 3030 section 2: DATA and BDAT are not mixed."""
    answers, seen, protocol = said(
        ENVELOPE + b"BDAT 1\r\nxDATA\r\nMAIL FROM:<>\r\nRCPT TO:<b@host.example>\r\nNOOP\r\nBDAT 0 LAST\r\n"
    )
    assert answers == [b"250"] * 4 + [b"503"] * 3 + [b"250"] * 2
    assert seen[-1] == events.MailDataEnd(Envelope(reverse_path=A, recipients=(B,)))
    assert protocol.state is State.READY


@pytest.mark.parametrize("command", [b"RSET", b"EHLO c.example"])
def test_what_resets_ends_a_message_in_chunks(command: bytes) -> None:
    """RFC 3030 section 2."""
    answers, seen, protocol = said(ENVELOPE + b"BDAT 1\r\nx" + command + b"\r\nBDAT 1 LAST\r\ny")
    assert answers[-3:] == [b"250", b"250", b"503"]
    assert protocol.mail is None
    assert not any(isinstance(event, events.MailDataEnd) for event in seen)
    assert (events.MailDataAborted() in seen) is (command == b"RSET")


@pytest.mark.parametrize("outcome", [Reply(452, "4.3.1", "x"), Reply(550, "5.7.1", "x"), reply.CLOSING_DOWN])
@pytest.mark.parametrize("last", [b"", b" LAST"])
def test_a_refused_beginning_is_told_after_the_chunk(outcome: Reply, last: bytes) -> None:
    """S6: policy is asked for each message, whatever it comes in; the envelope is empty afterwards."""

    def decision(event: events.Event) -> Reply | None:
        return outcome if isinstance(event, events.DataRequested) else decide(event)

    protocol = opened(CHUNKING, ENVELOPE)
    seen = feed(protocol, b"BDAT 5" + last + b"\r\nhello", 1, decision)
    assert codes(protocol.bytes_to_send()) == [b"%d" % outcome.code]
    assert not any(isinstance(event, events.MailData) for event in seen)
    assert protocol.mail is None
    assert protocol.state is (State.CLOSED if outcome.code == 421 else State.READY)


def test_there_are_not_endless_chunks() -> None:
    """S5: more than 10,000 chunks are refused, and the message is forgotten."""
    protocol = opened(CHUNKING, ENVELOPE)
    feed(protocol, b"BDAT 1\r\nx" * MAX_CHUNKS_COUNT)
    assert set(codes(protocol.bytes_to_send())) == {b"250"}
    assert feed(protocol, b"BDAT 1\r\nxBDAT 1 LAST\r\nx") == [events.MailDataAborted()]
    assert codes(protocol.bytes_to_send()) == [b"554", b"503"]
    assert protocol.mail is None


@pytest.mark.parametrize("thousands", [20, pytest.param(100, marks=pytest.mark.long)])
def test_very_many_chunks_of_one_octet_take_no_memory(thousands: int) -> None:
    """S5: O(1) memory for each chunk; Postfix 20260805."""
    protocol = opened(replace(CHUNKING, hard_errors=10**9), ENVELOPE)
    tracemalloc.start()
    try:
        for _ in range(thousands):
            feed(protocol, b"BDAT 1\r\nx" * 1_000)
            protocol.bytes_to_send()
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert grown < 1_000_000
    assert protocol.mail is None


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("text", [b"a\rb", b"a\nb", b"a\r", b"\n", b"\r\r\n", b"a\r\n\n"])
@pytest.mark.parametrize("size", [1, 2, 10])
def test_bare_line_ends_are_for_binary_mail(text: bytes, size: int, binary: bool) -> None:
    """RFC 3030 section 3; S1 for texts."""
    octets = BINARY if binary else ENVELOPE
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        octets += b"BDAT %d\r\n" % len(piece) + piece
    answers, seen, _protocol = said(octets + b"BDAT 0 LAST\r\n")
    ends = [event for event in seen if isinstance(event, events.MailDataEnd)]
    if binary:
        (end,) = ends
        assert end.envelope.binary
        assert b"".join(event.octets for event in seen if isinstance(event, events.MailData)) == text
    else:
        assert not ends
        assert b"554" in answers


def strings(length: int) -> Iterator[bytes]:
    for size in range(length + 1):
        for letters in itertools.product(b"\r\na", repeat=size):
            yield bytes(letters)


def test_a_text_is_judged_alike_however_it_is_cut() -> None:
    """RFC 5321 section 2.3.8; the oracle is a pattern over the whole."""
    for text in strings(6):
        bare = re.search(rb"\r(?!\n)|(?<!\r)\n", text) is not None
        for cut in range(len(text) + 1):
            watched = ChunkedText()
            refused = False
            try:
                watched.check(text[:cut])
                watched.check(text[cut:])
                watched.check(b"", whole=True)
            except BareLineEnd:
                refused = True
            assert refused is bare, (text, cut)


def test_mail_data_that_is_refused_on_the_way_is_told_at_the_end_of_the_chunk() -> None:
    """A driver without memory; nothing is said before the announced octets are here."""
    protocol = opened(CHUNKING, ENVELOPE)
    feed(protocol, b"BDAT 10\r\nabc")
    protocol.refuse_mail_data(reply.NO_MEMORY)
    assert feed(protocol, b"defghi") == []
    assert protocol.bytes_to_send() == b""
    assert feed(protocol, b"jNOOP\r\n") == [events.MailDataAborted()]
    assert codes(protocol.bytes_to_send()) == [b"452", b"250"]
