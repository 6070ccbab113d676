"""Previews."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.message.samples import NESTED

from pymailcore.message.bodies import bodies
from pymailcore.message.parse import parse
from pymailcore.message.preview import MAX_PREVIEW, preview


def of(octets: bytes) -> str:
    return preview(octets, bodies(parse(octets).root))


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"\r\n  Hello,\r\n\r\n\tworld \r\n", "Hello, world"),
        (b"\r\n> quoted\r\nanswer\r\n> more", "answer"),
        (b"\r\n> quoted\r\n> only\r\n", "> quoted > only"),
        (b"Content-Type: text/html\r\n\r\n<style>x</style><p>Hello</p> <p>world</p>", "Hello world"),
        (b"Content-Type: image/png\r\n\r\nxxx", ""),
        (b"Content-Type: multipart/mixed\r\n\r\nxxx", ""),
        (b"", ""),
        (b"\r\na\0b", "ab"),
        (NESTED, "one"),
    ],
)
def test_the_preview_is_the_beginning_of_the_text(octets: bytes, expected: str) -> None:
    """RFC 8621 section 4.1.4."""
    assert of(octets) == expected


def test_html_is_used_where_there_is_no_plain_text() -> None:
    html = b"Content-Type: text/html\r\n\r\n<b>x</b>"
    octets = b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" + html + b"\r\n--b--"
    assert of(octets) == "x"


@pytest.mark.parametrize("length", [MAX_PREVIEW - 1, MAX_PREVIEW, MAX_PREVIEW + 1])
def test_a_preview_has_at_most_256_characters(length: int) -> None:
    """RFC 8621 section 4.1.4."""
    assert len(of(b"\r\n" + b"x" * length)) == min(length, MAX_PREVIEW)


def test_text_far_below_is_found_within_a_bound() -> None:
    assert of(b"\r\n" + b"> q\r\n" * 1000 + b"own words") == "own words"
    octets = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(b"abc " * 100_000)
    assert of(octets) == ("abc " * 64).strip()


@given(st.binary(max_size=200))
def test_any_octets_have_a_preview(octets: bytes) -> None:
    for kind in (b"text/plain", b"text/html; charset=utf-16"):
        text = of(b"Content-Type: " + kind + b"\r\n\r\n" + octets)
        assert len(text) <= MAX_PREVIEW
        assert "\n" not in text
