import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.reply_reader import MAX_LINE_OCTETS, MAX_LINES_COUNT, BadReply, ReplyReader


def read(octets: bytes, step: int = 1_000_000) -> list[Reply]:
    reader, seen = ReplyReader(), []
    for start in range(0, len(octets), step):
        reader.append(octets[start : start + step])
        while (reply := reader.take()) is not None:
            seen.append(reply)
    return seen


@pytest.mark.parametrize("step", [1, 2, 7, 1_000])
def test_replies_are_read_however_they_are_cut(step: int) -> None:
    """RFC 5321 section 4.2.1, RFC 2034 section 4."""
    octets = b"220 mx.example ESMTP\r\n250-a\r\n250-B 1\r\n250 c\r\n550-5.1.1 no\r\n550 5.1.1 such\r\n"
    octets += b"354\r\n451 2.0.0 x\n"
    assert read(octets, step) == [
        Reply(220, "", "mx.example ESMTP"),
        Reply(250, "", "a\nB 1\nc"),
        Reply(550, "5.1.1", "no\nsuch"),
        Reply(354, "", ""),
        Reply(451, "", "2.0.0 x"),
    ]


@pytest.mark.parametrize(
    "octets",
    [b"hello\r\n", b"\r\n", b"199 x\r\n", b"600 x\r\n", b"25 x\r\n", b"250x\r\n", b"250-a\r\nb\r\n250 c\r\n"],
)
def test_what_is_no_reply_is_noticed(octets: bytes) -> None:
    """RFC 5321 section 4.2.1."""
    with pytest.raises(BadReply):
        read(octets)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"250-a\r\n251 b\r\n", 251),
        (b"250-a\r\n550 b\r\n", 550),
        (b"550-a\r\n250 b\r\n", 550),
        (b"421-a\r\n250-b\r\n250 c\r\n", 421),
        (b"354-a\r\n250 b\r\n", 354),
    ],
)
def test_lines_of_different_codes_count_as_the_worst(octets: bytes, code: int) -> None:
    """RFC 5321 section 4.2.1 tells clients to go by the last; an error in front of it is no success."""
    first, second = read(octets + b"250 next\r\n")
    assert (first.code, second) == (code, Reply(250, "", "next"))


@pytest.mark.parametrize(("extra", "good"), [(-1, True), (0, True), (1, False)])
def test_lines_are_bounded(extra: int, good: bool) -> None:
    """RFC 5321 section 4.5.3.1.5."""
    octets = b"250 ".ljust(MAX_LINE_OCTETS + extra - 2, b"x") + b"\r\n"
    if good:
        assert len(read(octets, 100)) == 1
    else:
        with pytest.raises(BadReply):
            read(octets, 100)


@pytest.mark.parametrize(("count", "good"), [(99, True), (100, True), (101, False)])
def test_the_number_of_lines_is_bounded(count: int, good: bool) -> None:
    octets = b"250-x\r\n" * (count - 1) + b"250 x\r\n"
    assert MAX_LINES_COUNT == 100
    if good:
        assert len(read(octets)) == 1
    else:
        with pytest.raises(BadReply):
            read(octets)


def test_no_control_character_comes_through() -> None:
    """A reply ends in logs and in reports to the sender."""
    (found,) = read(b"550 a\x1b[2J\xc2\x85b\0\xe2\x80\xa8c\xff\r\n")
    assert found.text.isprintable() or "\ufffd" in found.text
    assert "\x1b" not in found.text


def test_octets_that_belong_to_nothing_are_known() -> None:
    """RFC 3207 section 6."""
    reader = ReplyReader()
    reader.append(b"220 a\r\n2")
    assert reader.take() == Reply(220, "", "a")
    assert reader.has_octets
    reader.append(b"20-b\r\n")
    assert reader.take() is None
    assert reader.has_octets


@given(octets=st.binary(max_size=60), step=st.integers(1, 9))
def test_nothing_else_is_raised(octets: bytes, step: int) -> None:
    with contextlib.suppress(BadReply):
        read(octets, step)
