"""Cutting a header into fields."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymailcore.message.fields import (
    every_field,
    header_end,
    iter_fields,
    read_fields,
    structured,
    unfolded,
    without_comments,
    without_escapes,
)
from pymailcore.message.limits import (
    MAX_FIELD_OCTETS,
    MAX_FIELDS,
    MAX_HEADER_OCTETS,
    MAX_STRUCTURED_OCTETS,
)


def end(octets: bytes) -> int:
    return header_end(octets, 0, len(octets))


def test_the_header_ends_behind_its_first_empty_line() -> None:
    """RFC 5322 section 2.1."""
    assert end(b"A: b\r\n\r\nc") == 8
    assert end(b"A: b\n\nc\r\n\r\n") == 6
    assert end(b"\r\nc") == 2
    assert end(b"\nc") == 1
    assert end(b"A: b") == 4
    assert end(b"") == 0
    assert end(b"A: b\r\n \r\n\r\n") == 11


def test_fields_have_names_and_raw_values() -> None:
    """RFC 5322 section 2.2; the blank before the colon is section 4.5."""
    header = b"A: b\r\n c\r\nno field\r\nX-y \t:z\nEmpty:\r\n:x\r\nA:2\r\n\r\n"
    assert [
        (field.name, header[field.value : field.end]) for field in iter_fields(header, 0, len(header))
    ] == [
        (b"A", b" b\r\n c\r"),
        (b"X-y", b"z"),
        (b"Empty", b"\r"),
        (b"A", b"2\r"),
    ]
    assert read_fields(header, 0, len(header))[b"a"] == b"2\r"


def test_a_field_beyond_its_limit_is_passed_over() -> None:
    for length, there in (
        (MAX_FIELD_OCTETS - 1, True),
        (MAX_FIELD_OCTETS, True),
        (MAX_FIELD_OCTETS + 1, False),
    ):
        header = b"A:" + b"x" * (length - 2) + b"\nB: 1\n\n"
        fields = read_fields(header, 0, len(header))
        assert (b"a" in fields) is there
        assert fields[b"b"] == b" 1"


def test_fields_beyond_their_number_are_passed_over() -> None:
    for count, there in ((MAX_FIELDS - 1, True), (MAX_FIELDS, True), (MAX_FIELDS + 1, False)):
        header = b"A: 1\n" * (count - 1) + b"Z: 2\n\n"
        assert (b"z" in read_fields(header, 0, len(header))) is there
        assert len(list(iter_fields(header, 0, len(header)))) == min(count, MAX_FIELDS)


def test_what_lies_beyond_the_header_limit_is_passed_over() -> None:
    line = b"A: " + b"x" * (MAX_FIELD_OCTETS - 4) + b"\n"
    assert len(line) == MAX_FIELD_OCTETS
    header = line * (MAX_HEADER_OCTETS // MAX_FIELD_OCTETS) + b"Z: 2\n\n"
    assert b"z" not in read_fields(header, 0, len(header))
    assert b"z" in read_fields(header, MAX_FIELD_OCTETS, len(header))


def test_unfolding_leaves_no_line_end() -> None:
    """RFC 5322 section 2.2.3."""
    assert unfolded(b" a\r\n b\n\tc\rd\0 \r") == "a b\tcd"
    assert unfolded("\u20ac".encode()) == "\u20ac"
    assert unfolded(b"\xe9") == "\u00e9"


def test_comments_become_a_space() -> None:
    """RFC 5322 section 3.2.2."""
    assert without_comments("a(b(c)d\\))e") == "a e"
    assert without_comments('a "(b)" c') == 'a "(b)" c'
    assert without_comments('a "x\\"(b)" c') == 'a "x\\"(b)" c'
    assert without_comments("a (b") == "a "
    assert without_comments("a ) b (c)") == "a ) b  "
    assert without_comments('a (b " c) d') == "a   d"
    assert without_comments("(" * 100_000) == ""


@given(st.binary(max_size=200))
def test_no_octets_make_it_raise(octets: bytes) -> None:
    read_fields(octets, 0, header_end(octets, 0, len(octets)))
    text = without_comments(unfolded(octets))
    assert "\n" not in text


UNITS = st.sampled_from(
    [b"A: b\r\n", b"no field\r\n", b"X: y\n z\n", b"B:" + b"x" * 5000 + b"\n", b"c" * 3000 + b"\n",
     b"L: " + b"y" * 300_000 + b"\r\n", b"F: 1" + b"\n 2" * 120_000 + b"\n", b"N" * 280_000 + b"\n",
     b"\t1\n"]
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.lists(UNITS, min_size=2, max_size=12))
def test_a_long_header_is_cut_as_a_short_one(units: list[bytes]) -> None:
    """In slices, each field once, wherever the slices end."""
    header = b"".join(units) * 2
    pattern = re.compile(rb"^([!-9;-~]+)[ \t]*:(.*(?:\n[ \t].*)*)", re.MULTILINE)
    expected = [(match[1], match.start(), match.start(2), match.end()) for match in pattern.finditer(header)]
    assert list(iter_fields(header, 0, len(header))) == expected


@pytest.mark.parametrize(("depth", "left"), [(31, "a  b"), (32, "a  b"), (33, "a "), (5000, "a ")])
def test_a_comment_nested_too_deep_takes_all_that_follows(depth: int, left: str) -> None:
    """security.md P5: comment depth 32."""
    assert without_comments("a " + "(" * depth + ")" * depth + "b") == left


def test_quoted_pairs_are_undone() -> None:
    """RFC 5322 section 3.2.1."""
    assert without_escapes(r"a\"b\\\c\\") == 'a"b\\c\\'
    assert without_escapes("\\") == ""


@pytest.mark.parametrize("over", [-1, 0, 1])
@pytest.mark.parametrize("blank", [b"\r\n ", b" ", b"", "\u00e9".encode()])
def test_structured_values_are_read_up_to_the_limit(over: int, blank: bytes) -> None:
    """security.md section 4.4; beyond it the value ends at its last fold, space or whole character."""
    start = b"x" * (MAX_STRUCTURED_OCTETS - 100) + blank
    raw = start + b"y" * (MAX_STRUCTURED_OCTETS + over - len(start))
    if blank in (b"", b"\xc3\xa9"):
        raw = raw[:-4] + "yy\u00e9".encode()  # the limit is behind its first octet when there is one too many
        cut = raw[: -2 if over > 0 else None]
    else:
        cut = raw if over <= 0 else start
    assert structured(raw) == unfolded(cut)
    assert ("y" in structured(raw)) is (over <= 0 or blank in (b"", b"\xc3\xa9"))


def test_text_is_unfolded_whole() -> None:
    raw = ("caf\u00e9 \r\n\t" * 100_000).encode() + b"\0"
    assert len(raw) < MAX_FIELD_OCTETS
    assert unfolded(raw) == ("caf\u00e9 \t" * 100_000).strip()
    assert unfolded(b"\xe9" * 300_000) == "\u00e9" * 300_000
    assert unfolded(b" " * 300_000) == ""


def test_those_who_must_not_miss_one_are_given_every_field() -> None:
    octets = b"A: b\n" * (MAX_FIELDS + 1)
    assert len(list(every_field(octets, 0, len(octets)))) == MAX_FIELDS + 1
