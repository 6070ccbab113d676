import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol.names import MAX_NAME_OCTETS, decode_name, decode_utf8_name, encode_name


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("INBOX", b"INBOX"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("R&D", b"R&-D"),
        ("", b""),
        ("😀", b"&2D3eAA-"),
        ("Grüße & Küsse", b"Gr&APwA3w-e &- K&APw-sse"),
    ],
)
def test_names_travel_in_modified_utf_7(name: str, wire: bytes) -> None:
    """RFC 3501 section 5.1.3, its example among them."""
    assert encode_name(name) == wire
    assert decode_name(wire) == name


@pytest.mark.parametrize(
    "wire",
    [
        b"&Jjo!",  # no end
        b"&U,BTFw-&ZeVnLIqe-",  # superfluous shift: RFC 3501 section 5.1.3
        b"&AGE-",  # a letter that needs no encoding
        b"&",
        b"a&b",
        b"&2D0-",  # half a surrogate pair
        b"&AP-",  # bits left over
        b"&APw=-",
        b"&AAA-",  # NUL
        b"&AAo-",  # LF
        b"\xc3\xbc",
        b"a\0",
        b"a\x07",
    ],
)
def test_what_is_not_canonical_is_no_name(wire: bytes) -> None:
    """I10: malformed and ambiguous forms, control characters."""
    assert decode_name(wire) is None


def test_a_name_that_is_not_nfc_is_found_under_its_nfc_form() -> None:
    """DESIGN 4.4: names in the store are NFC."""
    assert decode_name(encode_name("e\u0301te\u0301")) == "été"


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs")), max_size=60))
def test_every_name_comes_back(name: str) -> None:
    """RFC 3501 section 5.1.3."""
    wire = encode_name(name)
    assert wire.isascii()
    assert decode_name(wire) == unicodedata.normalize("NFC", name)


@given(st.binary(max_size=40))
def test_any_octets_have_one_name_or_none(wire: bytes) -> None:
    """I10: whatever is taken as a name encodes back to a form that means the same."""
    name = decode_name(wire)
    if name is not None:
        assert decode_name(encode_name(name)) == name


def test_a_name_may_have_just_so_many_octets() -> None:
    """I10."""
    for octets in (MAX_NAME_OCTETS - 1, MAX_NAME_OCTETS):
        assert decode_name(b"a" * octets) == "a" * octets
    assert decode_name(b"a" * (MAX_NAME_OCTETS + 1)) is None


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        ("Grüße & mehr".encode(), "Grüße & mehr"),
        (b"", ""),
        (b"&APw-", "&APw-"),
        (b"\xff", None),
        (b"a\x00b", None),
        ("a\u0085b".encode(), None),
        ("a\u2028b".encode(), None),
        (b"\xed\xa0\x80", None),
        (b"a" * MAX_NAME_OCTETS, "a" * MAX_NAME_OCTETS),
        (b"a" * (MAX_NAME_OCTETS + 1), None),
    ],
)
def test_names_in_utf8(octets: bytes, name: str | None) -> None:
    """RFC 9051 section 5.1."""
    assert decode_utf8_name(octets) == name
