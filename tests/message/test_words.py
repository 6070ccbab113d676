"""Encoded-words."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.limits import MAX_WORDS
from pymailcore.message.words import decode_base64, decode_words, encode_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(=?ISO-8859-1?Q?a?=)", "(a)"),
        ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        ("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"),
        (
            "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= "
            "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
            "If you can read this you understand the example.",
        ),
    ],
)
def test_examples_of_the_rfc(text: str, expected: str) -> None:
    """RFC 2047 section 8."""
    assert decode_words(text) == expected


def test_a_language_is_passed_over() -> None:
    """RFC 2231 section 5."""
    assert decode_words("=?US-ASCII*EN?Q?Keith_Moore?=") == "Keith Moore"


def test_octets_of_neighbours_are_joined_before_decoding() -> None:
    assert decode_words("=?utf-8?Q?=E2=82?= =?UTF-8?B?rA==?=") == "€"
    assert decode_words("=?utf-8?Q?=E2=82?= x =?UTF-8?B?rA==?=") == "\ufffd x \ufffd"


def test_an_unknown_charset_stays_as_it_is() -> None:
    assert decode_words("=?x-none?Q?a?= =?x-none?Q?b?= c") == "=?x-none?Q?a?= =?x-none?Q?b?= c"
    assert decode_words("=?utf-8?Q?a?= =?x-none?Q?b?=") == "a=?x-none?Q?b?="


def test_what_is_no_encoded_word_stays_as_it_is() -> None:
    for text in ("=?", "=?utf-8?x?a?=", "=?utf-8?q?a", "=?utf 8?q?a?=", "=?utf-8?q?é?=", "a =?utf-8?q?é?= b"):
        assert decode_words(text) == text
    assert decode_words("=?utf-8?q?a?= =?utf-8?q?é?=") == "a =?utf-8?q?é?="
    assert decode_words("=?utf-8?q?a=zz=?=") == "a=zz="


def test_spaces_inside_are_read() -> None:
    assert decode_words("=?utf-8?Q?a b?=") == "a b"


def test_spaces_around_stay() -> None:
    assert decode_words(" =?utf-8?Q?a?= ") == " a "
    assert decode_words("x =?utf-8?Q?a?=  y") == "x a  y"


def test_damaged_base64_gives_what_it_can() -> None:
    """RFC 2045 section 6.8."""
    assert decode_base64(b"YWJj") == b"abc"
    assert decode_base64(b"YW Jj\r\n") == b"abc"
    assert decode_base64(b"YWI") == b"ab"
    assert decode_base64(b"YWJjY") == b"abc"
    assert decode_base64(b"Y") == b""
    assert decode_base64(b"!!!") == b""
    assert decode_base64(b"YWI=YWJj=") in (b"ab", b"abi\x89")


@given(st.binary(max_size=100))
def test_base64_never_raises(octets: bytes) -> None:
    decode_base64(octets)
    assert decode_base64(base64.b64encode(octets)) == octets


@given(st.text(max_size=200))
def test_what_is_encoded_can_be_decoded(text: str) -> None:
    encoded = encode_words(text)
    assert decode_words(encoded) == text.encode("utf-8", "replace").decode()
    assert all(len(word) <= 75 for word in encoded.split(" "))


@given(
    st.lists(st.sampled_from(["=?", "?=", "utf-8", "?q?", "?B?", "=E2", " ", "YQ==", "é", "?"]), max_size=30)
)
def test_nothing_makes_it_raise(pieces: list[str]) -> None:
    decode_words("".join(pieces))


@pytest.mark.parametrize("count", [MAX_WORDS - 1, MAX_WORDS, MAX_WORDS + 1])
def test_words_beyond_their_number_stay_as_they_stand(count: int) -> None:
    """security.md P5."""
    text = decode_words("=?utf-8?q?x?= " * count)
    assert text.startswith("x" * min(count, MAX_WORDS))
    assert text.count("=?utf-8?q?x?=") == max(count - MAX_WORDS, 0)
