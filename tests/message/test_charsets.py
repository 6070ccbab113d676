"""Charsets."""

import codecs
from encodings.aliases import aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.charsets import (
    decode_8bit,
    decode_counted,
    decode_strict,
    decode_text,
    python_codec,
    without_surrogates,
)


@pytest.mark.parametrize(
    "label",
    ["utf-7", "base64", "zip", "rot13", "punycode", "idna", "unicode_escape", "raw_unicode_escape", "x" * 100,
     "", "hex", "undefined", "mbcs", "\0", "utf-8-sig/../x", "charmap", "unicode-1-1-utf-7"],
)  # fmt: skip
def test_codecs_that_are_no_charset_are_unknown(label: str) -> None:
    assert python_codec(label) is None
    assert decode_strict(b"abc", label) is None


@pytest.mark.parametrize(
    ("label", "octets", "text"),
    [
        ("UTF-8", b"\xe2\x82\xac", "€"),
        ("us-ascii", b"abc", "abc"),
        ('"iso-8859-1"', b"\x80\xe9", "€é"),
        ("ISO-8859-15", b"\xa4", "€"),
        ("Windows-1252", b"\x80", "€"),
        ("cp1251", b"\xc0", "А"),
        ("koi8-r", b"\xe1", "А"),
        ("gb2312", b"\xd6\xd0", "中"),
        ("big5", b"\xa4\xa4", "中"),
        ("Shift_JIS", b"\x82\xa0", "あ"),
        ("iso-2022-jp", b'\x1b$B$"\x1b(B', "あ"),
        ("euc-kr", b"\xb0\xa1", "가"),
        ("ks_c_5601-1987", b"\xb0\xa1", "가"),
        ("utf-16", b"\xff\xfea\0", "a"),
        ("iso-8859-8-i", b"\xe0", "א"),
        ("macintosh", b"\x8e", "é"),
    ],
)
def test_charsets_of_mail_are_known(label: str, octets: bytes, text: str) -> None:
    """RFC 2978; RFC 2046 section 4.1.2."""
    assert decode_text(octets, label) == (text, False)
    assert decode_strict(octets, label) == text


def test_every_known_label_names_a_codec_of_text() -> None:
    for number in (*range(1, 12), *range(13, 17)):
        assert python_codec(f"iso-8859-{number}") is not None
    for number in range(1250, 1259):
        assert codecs.lookup(python_codec(f"windows-{number}") or "").name == f"cp{number}"
    assert python_codec("viscii") is None


def test_problems_are_told() -> None:
    """RFC 8621 section 4.1.4 (isEncodingProblem)."""
    assert decode_text(b"\xc3\xa9", "us-ascii") == ("é", True)
    assert decode_text(b"\xe9", "utf-8") == ("é", True)
    assert decode_text(b"\xe9", "x-none") == ("é", True)
    assert decode_text(b"\x81a", "cp1252") == ("\ufffda", True)
    assert decode_text(b"abc", "") == ("abc", False)


def test_a_stateful_codec_that_breaks_is_replaced() -> None:
    assert decode_text(b"\x1b$B\xff\xff", "iso-2022-jp")[1]


def test_surrogates_never_come_out() -> None:
    assert without_surrogates("a\ud800b") == "a\ufffdb"
    assert without_surrogates("é") == "é"
    assert decode_8bit(b"\xed\xa0\x80") == "\u00ed\u00a0\u0080"


@given(st.binary(max_size=60), st.sampled_from(
    ["utf-8", "utf-16", "utf-32", "utf-16le", "hz", "iso-2022-jp", "iso-2022-kr", "gb18030", "big5-hkscs",
     "cp949", "euc-jp", "johab", "us-ascii", "x"]))  # fmt: skip
def test_any_octets_in_any_charset_give_text_that_utf_8_can_carry(octets: bytes, label: str) -> None:
    decode_text(octets, label)[0].encode()
    (decode_strict(octets, label) or "").encode()


def test_every_codec_of_text_is_in_reach_by_any_of_its_names() -> None:
    """RFC 2978: registered names and aliases, as Python knows them."""
    never = {"utf_7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
    for alias, name in aliases.items():
        if name in never:
            continue
        if codecs.lookup(name)._is_text_encoding:
            assert python_codec(name) is not None, name
            assert python_codec(alias.replace("_", "-")) is not None, alias
        else:
            assert python_codec(name) is None, name


@pytest.mark.parametrize(
    ("octets", "label", "expected"),
    [
        (b"abc", "us-ascii", ("abc", False, 0)),
        ("é\ufffd".encode(), "utf-8", ("é\ufffd", False, 0)),
        (b"a\x81b\x8d", "windows-1252", ("a\ufffdb\ufffd", True, 2)),
        (b"\xa4\xa2\xff\xff", "euc-jp", ("あ\ufffd\ufffd", True, 2)),
        (b"caf\xe9", "utf-8", ("café", True, 0)),
        (b"caf\xe9", "x-unknown", ("café", True, 0)),
        (b"\xd8\x00\x00A", "utf-16-be", ("\ufffdA", True, 1)),
    ],
)
def test_what_was_replaced_is_counted(octets: bytes, label: str, expected: object) -> None:
    """RFC 8621 section 4.1.4: isEncodingProblem."""
    assert decode_counted(octets, label) == expected


@pytest.mark.parametrize(
    ("label", "unit"),
    [
        ("utf-8", "aéあ"),
        ("shift_jis", "あa"),
        ("utf-16", "é"),
        ("gb18030", "é中"),
        ("iso-2022-jp", "あa"),
        ("koi8-r", "ж"),
    ],
)
def test_long_text_is_decoded_in_slices(label: str, unit: str) -> None:
    """Characters on the border of two slices are whole."""
    text = unit * 200_000
    codec = python_codec(label)
    assert codec is not None
    for shift in ("", "x", "xx", "xxx"):
        assert decode_counted((shift + text).encode(codec), label) == (shift + text, False, 0)
    broken = text.encode(codec) + (b"\xff\xff" if codec != "koi8-r" else b"")
    assert decode_counted(broken, label).text.startswith(text[:1000] if label != "utf-8" else "")
