"""Header fields with octets above 127, for hosts that take seven bits: text becomes encoded-words.

Standards: RFC 2047 sections 2, 4.1, 5 (1) and 6.2; RFC 1428 section 3 (unknown-8bit).

Only fields that are nothing but text can be written so: what an address, a date or a parameter is made of
would mean something else. Of a text only the words with such octets change, so that encoded-words that are
there already stay what they are.
"""

import binascii
import re
from typing import Final

from pymailcore.base.errors import PermanentFailure
from pymailcore.message.fields import every_field

MAX_WORD_OCTETS: Final = 42
"""Of text in one encoded-word, which has at most 75 characters then."""
_MAX_LINE: Final = 76
_TEXTS: Final = frozenset((b"subject", b"comments", b"content-description", b"organization", b"thread-topic"))
_TOKEN: Final = re.compile(rb"[ \t\r\n]+|[^ \t\r\n]+")


class CannotConvert(PermanentFailure):
    """The message cannot be given another form without breaking it (5.6.3)."""


def ascii_header(header: bytes) -> bytes:
    """Give a header in which fields of text that have octets above 127 have encoded-words instead.

    Args:
        header: with the empty line that ends it, if there is one.

    Raises:
        CannotConvert: another field has such octets, or they are in no field.
    """
    out = []
    place = 0
    for field in every_field(header, 0, len(header)):
        value = header[field.value : field.end]
        if value.isascii():
            continue
        name = field.name.strip().lower()
        if name not in _TEXTS and not name.startswith(b"x-"):
            raise CannotConvert(f"the field {name.decode('ascii', 'replace')} has octets above 127")
        out += [header[place : field.value], _ascii_text(value, field.value - field.start)]
        place = field.end
    converted = b"".join([*out, header[place:]])
    if not converted.isascii():
        raise CannotConvert("the header has octets above 127 in a line that is no field")
    return converted


def _ascii_text(value: bytes, column: int) -> bytes:
    """Write the words of a text that need it as encoded-words.

    Args:
        column: how much of its first line stands before it.
    """
    tokens = _TOKEN.findall(value)
    out: list[bytes] = []
    number = 0
    while number < len(tokens):
        if tokens[number].isascii():
            out.append(tokens[number])
            column = _column(tokens[number], column)
            number += 1
            continue
        end = number + 1
        while end + 1 < len(tokens) and not tokens[end + 1].isascii():
            end += 2  # blanks between two encoded-words do not count, so they go into one
        text = b"".join(tokens[number:end]).translate(None, b"\r\n")
        before = b" " if number > 1 and tokens[number - 2].endswith(b"?=") else b""
        after = b" " if end + 1 < len(tokens) and tokens[end + 1].startswith(b"=?") else b""
        words = _words(before + text + after)
        if column + len(words[0]) > _MAX_LINE:
            blanks = out.pop() if out else b" "
            out.append(b"\r\n" + blanks.translate(None, b"\r\n"))
            column = len(out[-1]) - 2
        out.append(b"\r\n ".join(words))
        column = _column(out[-1], column)
        number = end
    return b"".join(out)


def _column(added: bytes, column: int) -> int:
    """How much stands on the last line when something was added to it."""
    end = added.rfind(b"\n")
    return len(added) - end - 1 if end >= 0 else column + len(added)


def _words(text: bytes) -> list[bytes]:
    try:
        text.decode()
        charset = b"utf-8"
    except UnicodeDecodeError:
        charset = b"unknown-8bit"
    words = []
    while text:
        cut = MAX_WORD_OCTETS
        while charset == b"utf-8" and cut < len(text) and text[cut] & 0xC0 == 0x80:
            cut -= 1  # not within a character
        words.append(b"=?%s?B?%s?=" % (charset, binascii.b2a_base64(text[:cut], newline=False)))
        text = text[cut:]
    return words
