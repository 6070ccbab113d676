import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.admin.transfer.test_flags import FLAGS

from pymailcore.admin.transfer.flags import Flags
from pymailcore.admin.transfer.mbox import (
    CHUNK_OCTETS,
    MAX_FROM_LINE_OCTETS,
    NotMbox,
    Piece,
    Variant,
    content_of,
    from_line_ms,
    is_from_line,
    split,
    write_message,
)

FROM = b"From anna@example.org Tue Sep  1 10:00:00 2020\n"
TEN = 1_598_954_400_000
LINES = st.lists(
    st.sampled_from(
        [
            b"From here on",
            b">From x",
            FROM.strip(),
            b">" + FROM.strip(),
            b">>From y",
            b"",
            b"text",
            b"From ",
            b"x: y",
        ]
    ),
    min_size=1,
    max_size=12,
)


def pieces(
    octets: bytes, *, step: int = CHUNK_OCTETS, variant: Variant = "auto", most: int = 10**6
) -> list[Piece]:
    file = io.BytesIO(octets)
    return list(split(lambda count: file.read(min(step, count)), variant=variant, most_octets=most))


def contents(octets: bytes, variant: Variant = "auto", step: int = CHUNK_OCTETS) -> list[bytes]:
    return [content_of(piece, variant).octets for piece in pieces(octets, step=step, variant=variant)]


@pytest.mark.parametrize("step", [1, 2, 7, CHUNK_OCTETS])
def test_a_file_is_cut_at_its_from_lines(step: int) -> None:
    """RFC 4155 appendix A."""
    octets = FROM + b"Subject: a\n\none\n\n" + FROM + b"Subject: b\n\nFrom here on it is text\n\n"
    assert contents(octets, step=step) == [
        b"Subject: a\r\n\r\none\r\n",
        b"Subject: b\r\n\r\nFrom here on it is text\r\n",
    ]


@pytest.mark.parametrize("step", [1, 3, CHUNK_OCTETS])
@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_the_end_of_the_file_is_where_it_is(step: int, end: bytes) -> None:
    assert contents(FROM + b"Subject: a\n\none" + end, step=step) == [
        b"Subject: a\r\n\r\none" + end[:1].replace(b"\n", b"\r\n")
    ]


def test_a_from_line_begins_a_message_only_after_an_empty_line() -> None:
    """RFC 4155 appendix A; mail programs that quote nothing rely on it."""
    octets = FROM + b"Subject: a\n\none\n" + FROM + b"two\n\n"
    assert contents(octets) == [b"Subject: a\r\n\r\none\r\n" + FROM[:-1] + b"\r\ntwo\r\n"]


def test_a_file_of_crlf_lines() -> None:
    octets = (FROM + b"Subject: a\n\none\n\n" + FROM + b"Subject: b\n\n>From two\n\n").replace(b"\n", b"\r\n")
    assert contents(octets) == [b"Subject: a\r\n\r\none\r\n", b"Subject: b\r\n\r\nFrom two\r\n"]


def test_a_file_that_is_something_else() -> None:
    with pytest.raises(NotMbox):
        pieces(b"Subject: a\n\n")
    assert pieces(b"") == []


@pytest.mark.parametrize(
    ("variant", "text", "read"),
    [
        ("mboxrd", b">From a\n>>From b\n> From c\n", b"From a\n>From b\n> From c\n"),
        ("mboxo", b">From a\n>>From b\n", b"From a\n>>From b\n"),
        ("mboxcl2", b">From a\n", b">From a\n"),
    ],
)
def test_quoting_is_taken_off_as_the_variant_has_it(variant: Variant, text: bytes, read: bytes) -> None:
    assert contents(FROM + b"A: b\n\n" + text + b"\n", variant) == [
        (b"A: b\n\n" + read).replace(b"\n", b"\r\n")
    ]


@pytest.mark.parametrize("step", [1, CHUNK_OCTETS])
def test_a_counted_text_may_hold_from_lines(step: int) -> None:
    """mboxcl2: Content-Length leads to the end, and is no part of the message."""
    body = b"x\n\n" + FROM + b">From y\n"
    head = b"Subject: a\nContent-Length: %d\n\n" % len(body)
    octets = FROM + head + body + b"\n" + FROM + b"Subject: b\n\nz\n\n"
    assert contents(octets, step=step) == [
        b"Subject: a\r\n\r\n" + body.replace(b"\n", b"\r\n"),
        b"Subject: b\r\n\r\nz\r\n",
    ]


def test_a_content_length_that_leads_nowhere_is_the_message_s_own() -> None:
    octets = FROM + b"Content-Length: 3\n\nlonger than that\n\n" + FROM + b"A: b\n\n"
    assert contents(octets)[0] == b"Content-Length: 3\r\n\r\nlonger than that\r\n"


def test_fields_of_mailbox_programs_become_flags() -> None:
    octets = (
        FROM + b"A: b\nStatus: RO\nX-Status: AF\nX-Keywords: $Label1\n  Work\nX-UID: 7\n\ntext\nStatus: O\n\n"
    )
    content = content_of(pieces(octets)[0])
    assert content.octets == b"A: b\r\n\r\ntext\r\nStatus: O\r\n"
    assert content.flags == Flags(("$answered", "$flagged", "$label1", "$seen", "work"), False)


def test_the_file_s_own_record_is_no_mail() -> None:
    octets = (
        FROM + b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\nStatus: RO\n\nx\n\n"
    )
    assert content_of(pieces(octets)[0]).internal


@pytest.mark.parametrize(
    ("line", "time_ms"),
    [
        (FROM.strip(), TEN),
        (b"From - Tue Sep 01 10:00:00 2020", TEN),
        (b"From anna Tue Sep  1 10:00 2020", None),
        (b"From anna Tue Sep  1 12:00:00 +0200 2020", TEN),
        (b"From anna Tue Sep  1 12:00:00 CEST 2020", TEN),
        (b"From anna Tue, 1 Sep 2020 12:00:00 +0200", TEN),
        (b"From anna 99:99:99 9999", None),
    ],
)
def test_dates_of_from_lines(line: bytes, time_ms: int | None) -> None:
    assert is_from_line(line)
    assert from_line_ms(line) == time_ms


@pytest.mark.parametrize("line", [b"From here on", b"From 10 to 20", b"From a:b 2020", b">" + FROM.strip()])
def test_lines_of_text_are_no_from_lines(line: bytes) -> None:
    assert not is_from_line(line)


def test_a_message_that_is_too_long_is_passed_over_and_has_a_name() -> None:
    """Its octets are never held together."""
    long, short = b"A: b\n\n" + b"x" * 2_000_000 + b"\n", b"A: c\n\n"
    found = pieces(FROM + long + b"\n" + FROM + short + b"\n", most=1_000_000)
    assert [(piece.octets is None, piece.size_octets) for piece in found] == [
        (True, len(long)),
        (False, len(short)),
    ]
    assert found[0].digest == pieces(FROM + long + b"\n", most=1_000_000, step=10_001)[0].digest


def test_a_from_line_has_a_limit() -> None:
    line = FROM.strip() + b" " * (MAX_FROM_LINE_OCTETS + 10)
    assert len(pieces(FROM + b"A: b\n\n\n" + line + b"\nx\n\n")) == 1


@given(messages=st.lists(st.tuples(LINES, FLAGS), max_size=4), step=st.integers(min_value=1, max_value=99))
def test_what_is_written_is_read_again(messages: list[tuple[list[bytes], Flags]], step: int) -> None:
    """mboxrd, octet by octet, with flags and dates to the second."""
    written = b""
    for lines, flags in messages:
        octets = b"".join(line + b"\r\n" for line in lines)
        text, exact = write_message(octets, flags, TEN)
        assert exact
        written += text
    found = pieces(written, step=step)
    assert [from_line_ms(piece.from_line) for piece in found] == [TEN] * len(messages)
    assert [(content_of(piece).octets, content_of(piece).flags) for piece in found] == [
        (b"".join(line + b"\r\n" for line in lines), flags) for lines, flags in messages
    ]


@given(octets=st.binary(max_size=200), step=st.integers(min_value=1, max_value=50))
def test_no_octets_break_it(octets: bytes, step: int) -> None:
    for piece in pieces(FROM + octets, step=step):
        content_of(piece)
        from_line_ms(piece.from_line)


def test_the_sender_of_a_from_line() -> None:
    text, _ = write_message(b"Return-Path: <anna@example.org>\r\n\r\n", Flags(), TEN)
    assert text.startswith(FROM)
    assert write_message(b"A: b\r\n\r\n", Flags(), TEN)[0].startswith(
        b"From MAILER-DAEMON Tue Sep  1 10:00:00 2020\n"
    )


def test_what_mbox_cannot_keep_is_said() -> None:
    texts = (b"A: b\r\n\r\nx\ny\r\n", b"A: b\r\n\r\nx", b"A: b\r\n\r\n")
    assert [write_message(octets, Flags(), TEN)[1] for octets in texts] == [False, False, True]
