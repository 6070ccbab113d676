"""Searching in slices finds what searching at once finds."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.slices import MAX_CALL, count, find, lf_lines, ranges, search, without_line_ends

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
