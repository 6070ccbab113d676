"""RFC 2047: text in headers for hosts that take seven bits."""

import base64
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pymailcore.message.complete import field_values
from pymailcore.message.downgrade_header import MAX_WORD_OCTETS, CannotConvert, ascii_header
from pymailcore.message.fields import unfolded
from pymailcore.message.headers import decoded_text


def subject(header: bytes) -> str:
    return decoded_text(unfolded(field_values(header, "Subject")[0]))


@pytest.mark.parametrize(
    ("field", "written"),
    [
        (b"Subject: plain text\r\n", b"Subject: plain text\r\n"),
        ("Subject: gr\u00fcn\r\n".encode(), b"Subject: =?utf-8?B?Z3LDvG4=?=\r\n"),
        (b"Subject: gr\xfcn\r\n", b"Subject: =?unknown-8bit?B?Z3L8bg==?=\r\n"),
        ("Subject: so gr\u00fcn ist\r\n".encode(), b"Subject: so =?utf-8?B?Z3LDvG4=?= ist\r\n"),
        ("Subject: =?utf-8?Q?a?= \u00fc\r\n".encode(), b"Subject: =?utf-8?Q?a?= =?utf-8?B?IMO8?=\r\n"),
        ("Subject: \u00fc =?utf-8?Q?a?=\r\n".encode(), b"Subject: =?utf-8?B?w7wg?= =?utf-8?Q?a?=\r\n"),
        ("X-Note: \u00fc\r\n".encode(), b"X-Note: =?utf-8?B?w7w=?=\r\n"),
        (
            "To: a@b.example\r\nComments: \u00fc\r\n".encode(),
            b"To: a@b.example\r\nComments: =?utf-8?B?w7w=?=\r\n",
        ),
    ],
)
def test_text_becomes_encoded_words(field: bytes, written: bytes) -> None:
    assert ascii_header(field + b"\r\n") == written + b"\r\n"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("From: J\u00fcrg <j@b.example>\r\n", "from"),
        ("Subject: a\r\nMessage-ID: <\u00fc@b.example>\r\n", "message-id"),
        ('Content-Type: text/plain; name="\u00fc"\r\n', "content-type"),
        ("Received: from \u00fc\r\n", "received"),
        ("\u00fc no field\r\n", "no field"),
    ],
)
def test_what_is_no_text_is_refused_by_its_name(header: str, name: str) -> None:
    with pytest.raises(CannotConvert, match=name):
        ascii_header(header.encode())


@pytest.mark.parametrize("length", [MAX_WORD_OCTETS - 1, MAX_WORD_OCTETS, MAX_WORD_OCTETS + 1, 500])
def test_lines_and_words_have_their_lengths(length: int) -> None:
    """RFC 2047 section 2: 75 characters a word, 76 a line."""
    text = "\u00fc" + "x" * (length - 2)
    header = ascii_header(b"Subject: " + text.encode() + b"\r\n\r\n")
    assert max(map(len, header.split(b"\r\n"))) <= 76
    assert all(len(word) <= 75 for word in header.split())
    assert subject(header) == text


@given(
    st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="=?"), min_size=1, max_size=200)
)
@example("\u20ac" * 100)
def test_readers_see_the_same_text(text: str) -> None:
    """Also where it is cut between two words (section 5: each word is whole)."""
    for value in (text, f"a {text} {text} b", f"{text}  {text}"):
        header = ascii_header(f"Subject: {value}\r\n\r\n".encode())
        assert header.isascii()
        assert subject(header) == subject(f"Subject: {value}\r\n\r\n".encode())


def test_a_long_text_takes_no_more_than_its_share() -> None:
    """Each word is looked at once."""
    header = b"Subject:" + b" \xc3\xbc a" * 100_000 + b"\r\n\r\n"
    assert ascii_header(header).count(b"=?utf-8?B?w7w=?=") == 100_000


def test_each_word_is_whole_characters() -> None:
    """RFC 2047 section 5: readers that decode word for word see the same."""
    header = ascii_header(b"Subject: x" + "\u20ac".encode() * 100 + b"\r\n\r\n")
    words = [base64.b64decode(word) for word in re.findall(rb"=\?utf-8\?B\?(.*?)\?=", header)]
    assert len(words) > 5
    assert "".join(word.decode() for word in words) == "x" + "\u20ac" * 100


@given(st.binary(max_size=300))
def test_nothing_but_what_it_says_comes_out(octets: bytes) -> None:
    """Neither another exception nor another field, whatever is in a header."""
    try:
        header = ascii_header(b"Subject: " + octets)
    except CannotConvert:
        return
    assert header.isascii()
