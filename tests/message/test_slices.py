"""Searching in slices finds what searching at once finds."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymailcore.message.slices import (
    MAX_CALL,
    contains,
    count,
    encoded,
    find,
    lf_lines,
    lines,
    matches,
    pieces,
    ranges,
    replaced,
    search,
    stripped,
    without,
    without_line_ends,
    without_start,
)

BORDERS = st.integers(-5, 5).flatmap(lambda off: st.sampled_from([MAX_CALL + off, 2 * MAX_CALL + off, 50]))


def test_ranges_cover_all_octets_once() -> None:
    assert list(ranges(3, 10, 4)) == [(3, 7), (7, 10)]
    assert list(ranges(3, 3)) == []


@given(BORDERS, st.integers(0, 3))
def test_a_needle_on_the_border_of_two_slices_is_found(place: int, start: int) -> None:
    octets = b"x" * place + b"\n--boundary" + b"x" * MAX_CALL
    assert find(octets, b"\n--boundary", start, len(octets)) == place
    assert find(octets, b"\n--boundary", start, place + 10) == -1
    assert find(octets, b"\n--boundary!", start, len(octets)) == -1
    assert count(octets, b"\n", start, len(octets)) == 1
    assert count(octets, b"x", 0, len(octets)) == place + MAX_CALL


@given(BORDERS)
def test_a_match_on_the_border_of_two_slices_is_found(place: int) -> None:
    octets = b"x" * place + b"\n\r\n" + b"x" * MAX_CALL
    match = search(re.compile(rb"\n\r?\n"), octets, 0, len(octets))
    assert match is not None
    assert match.span() == (place, place + 3)
    assert search(re.compile(rb"\n\n"), octets, 0, len(octets)) is None
    # what a pattern looks at behind its match counts too
    folded = b"x" * place + b"\n y" + b"x" * MAX_CALL + b"\nz"
    match = search(re.compile(rb"\n(?![ \t])"), folded, 0, len(folded))
    assert match is not None
    assert match.start() == len(folded) - 2


@given(BORDERS, st.sampled_from(["\r\n", "\n", "\r", "\r\r\n", "\n\r"]))
def test_line_ends_on_the_border_of_two_slices_are_seen(place: int, end: str) -> None:
    text = "x" * place + end + "y" * MAX_CALL + "\r"
    assert lf_lines(text) == text.replace("\r\n", "\n")
    assert without_line_ends(text) == "x" * place + "y" * MAX_CALL


class Window(bytes):
    """Octets that notice how many of them are looked at by one call."""

    most = 0

    def find(self, needle: bytes, start: int = 0, end: int = 1 << 40) -> int:  # type: ignore[override]
        Window.most = max(Window.most, min(end, len(self)) - start)
        return super().find(needle, start, end)

    def count(self, needle: bytes, start: int = 0, end: int = 1 << 40) -> int:  # type: ignore[override]
        Window.most = max(Window.most, min(end, len(self)) - start)
        return super().count(needle, start, end)


@pytest.mark.parametrize("over", [-1, 0, 1, MAX_CALL, 2 * MAX_CALL + 7])
def test_no_call_looks_at_more_than_a_slice(over: int) -> None:
    """DESIGN section 4.5."""
    octets = Window(b"x" * (MAX_CALL + over))
    Window.most = 0
    assert find(octets, b"--boundary", 0, len(octets)) == -1
    assert count(octets, b"x", 0, len(octets)) == len(octets)
    assert not contains(octets, b"y")
    assert MAX_CALL // 2 < Window.most <= MAX_CALL
    assert max(map(len, pieces(octets))) <= MAX_CALL
    assert b"".join(pieces(octets)) == octets


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    BORDERS,
    st.text(alphabet="\r\n \t\0=?a>\u00e9\U0001f600", max_size=12),
    st.text(alphabet=" \n\0>a", max_size=3),
    st.sampled_from(["a", " ", ">", "b\n"]),
)
def test_slices_give_what_the_whole_gives(place: int, middle: str, last: str, fill: str) -> None:
    text = fill * (place // len(fill)) + middle + fill * 20 + last + fill * (MAX_CALL // len(fill))
    assert replaced(text, "\0", "x") == text.replace("\0", "x")
    assert without(text, " ") == text.replace(" ", "")
    assert stripped(text) == text.strip()
    assert stripped(text, ">\n") == text.strip(">\n")
    assert without_start(text, ">a") == text.lstrip(">a")
    assert encoded(text, "utf-8") == text.encode()
    assert encoded(text, "ascii") == text.encode("ascii", "replace")
    assert list(lines(text)) == text.split("\n")
    assert contains(text, "=?") is ("=?" in text)
    word = re.compile(r"[\r\n\0=]++|\U0001f600")
    assert [match.span() for match in matches(word, text)] == [match.span() for match in word.finditer(text)]


@pytest.mark.parametrize(("length", "found"), [(MAX_CALL // 2, True), (MAX_CALL + 1, False)])
@pytest.mark.parametrize("before", [0, 1, MAX_CALL // 2 - 1, MAX_CALL // 2, MAX_CALL - 1, MAX_CALL])
def test_a_match_may_be_half_a_slice_long(length: int, found: bool, before: int) -> None:
    text = "x" * before + "<" + "y" * (length - 2) + ">" + "x" * MAX_CALL + "<z>"
    spans = [match.span() for match in matches(re.compile("<[^<>]*+>"), text)]
    assert spans == [(before, before + length)] * found + [(len(text) - 3, len(text))]
