"""Sections of a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.message.samples import NESTED

from pymailcore.message.parse import parse
from pymailcore.message.section import Section, header_fields, partial, section

ROOT = parse(NESTED).root
INNER_START = NESTED.index(b"From: Inner")
INNER = NESTED[INNER_START : NESTED.index(b"\r\n--outer\r\nContent-Type: image")]
INNER_HEADER = INNER[: INNER.index(b"\r\n\r\n") + 4]
HEADER = NESTED[: NESTED.index(b"\r\n\r\n") + 4]


@pytest.mark.parametrize(
    ("path", "what", "expected"),
    [
        ((), "", NESTED),
        ((), "HEADER", HEADER),
        ((), "TEXT", NESTED[len(HEADER) :]),
        ((), "MIME", None),
        ((1,), "", b"one"),
        ((1,), "MIME", b"Content-Type: text/plain; charset=us-ascii\r\n\r\n"),
        ((1,), "HEADER", None),
        ((1,), "TEXT", None),
        ((2,), "", INNER),
        ((2,), "HEADER", INNER_HEADER),
        ((2,), "TEXT", INNER[len(INNER_HEADER) :]),
        ((2,), "MIME", b"Content-Type: message/rfc822\r\nContent-Description: forwarded\r\n\r\n"),
        ((2, 1), "", b"two"),
        ((2, 1), "MIME", b"\r\n"),
        ((2, 2), "", b"<p>three</p>"),
        ((3,), "", b"AAAA"),
        ((4,), "", None),
        ((1, 1), "", None),
        ((2, 3), "MIME", None),
    ],
)
def test_sections_of_a_nested_message(path: tuple[int, ...], what: str, expected: bytes | None) -> None:
    """RFC 9051 section 6.4.5.1."""
    assert section(NESTED, ROOT, Section(path, what)) == expected


def test_chosen_fields_come_as_they_stand_with_an_empty_line() -> None:
    """RFC 9051 section 6.4.5.1: HEADER.FIELDS."""
    octets = b"A: 1\r\nb : 2\r\n  folded\r\nC: 3\r\nB: 4\r\n\r\nbody"
    root = parse(octets).root

    def fields(*names: str, what: str = "HEADER.FIELDS") -> bytes | None:
        return section(octets, root, Section((), what, names))

    assert fields("B") == b"b : 2\r\n  folded\r\nB: 4\r\n\r\n"
    assert fields("x") == b"\r\n"
    assert fields("b", what="HEADER.FIELDS.NOT") == b"A: 1\r\nC: 3\r\n\r\n"
    assert fields("a", "B", "c", what="HEADER.FIELDS.NOT") == b"\r\n"
    assert section(NESTED, ROOT, Section((2,), "HEADER.FIELDS", ("SUBJECT",))) == b"Subject: inner\r\n\r\n"


def test_the_part_1_of_a_plain_message_is_its_body() -> None:
    octets = b"Subject: x\r\n\r\nbody"
    root = parse(octets).root
    assert section(octets, root, Section((1,))) == b"body"
    assert section(octets, root, Section((1,), "MIME")) == b"Subject: x\r\n\r\n"
    assert section(octets, root, Section((1,), "TEXT")) is None


def test_fields_of_a_header_with_lf_get_crlf_at_their_end() -> None:
    assert header_fields(b"A: 1\nB: 2\n x\n\n", ("a", "b")) == b"A: 1\r\nB: 2\n x\r\n\r\n"


@given(
    st.binary(max_size=200),
    st.lists(st.integers(-1, 4), max_size=3),
    st.sampled_from(["", "HEADER", "TEXT", "MIME", "HEADER.FIELDS", "HEADER.FIELDS.NOT"]),
)
def test_any_section_of_any_octets_is_octets_or_none(octets: bytes, path: list[int], what: str) -> None:
    result = section(octets, parse(octets).root, Section(tuple(path), what, ("subject", "\u20ac")))
    assert result is None or isinstance(result, bytes)


@pytest.mark.parametrize(
    ("first", "count", "expected"),
    [
        (None, None, b"0123456789"),
        (0, 4, b"0123"),
        (3, None, b"3456789"),
        (9, 1, b"9"),
        (9, 2, b"9"),
        (10, 1, b""),
        (4_294_967_295, 4_294_967_295, b""),
        (0, 4_294_967_295, b"0123456789"),
    ],
)
def test_a_partial_range_is_cut_at_the_end(first: int | None, count: int | None, expected: bytes) -> None:
    """RFC 9051 section 6.4.5."""
    assert partial(b"0123456789", first, count) == expected
