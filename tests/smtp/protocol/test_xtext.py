import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.smtp.protocol.xtext import (
    decode_utf8_address,
    decode_xtext,
    encode_utf8_address,
    encode_xtext,
)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"abc", "abc"),
        (b"a+2Bb+3Dc", "a+b=c"),
        (b"a+20b", "a b"),
        (b"+0D+0A", None),
        (b"a+00", None),
        (b"a+7F", None),
        (b"a+E2+80+A8b", None),
        (b"a+2b", None),
        (b"a+2", None),
        (b"a=b", None),
        (b"", None),
        (b"a b", None),
    ],
)
def test_what_it_means_is_printable(octets: bytes, text: str | None) -> None:
    """RFC 3461 section 4; S17: control characters are refused after decoding."""
    assert decode_xtext(octets) == text


@pytest.mark.parametrize(
    ("octets", "smtputf8", "text"),
    [
        (rb"a\x{20AC}@b.example", False, "a€@b.example"),
        ("a€@b.example".encode(), True, "a€@b.example"),
        ("a€@b.example".encode(), False, None),
        (rb"\x{A}", False, None),
        (rb"\x{2028}", True, None),
        (rb"\x{202E}", True, None),
        (rb"\x{D800}", True, None),
        (rb"\x{FFFFFF}", True, None),
        (rb"\x{20ac}", True, None),
        (b"\xff", True, None),
    ],
)
def test_addresses_beyond_ascii(octets: bytes, smtputf8: bool, text: str | None) -> None:
    """RFC 6533 section 3."""
    assert decode_utf8_address(octets, smtputf8=smtputf8) == text


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1))
def test_what_was_encoded_is_decoded(text: str) -> None:
    """RFC 3461 section 4."""
    assert decode_xtext(encode_xtext(text).encode()) == text


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1))
def test_addresses_come_back(text: str) -> None:
    """RFC 6533 section 3."""
    encoded = encode_utf8_address(text)
    assert encoded.isascii()
    assert decode_utf8_address(encoded.encode(), smtputf8=False) == text
