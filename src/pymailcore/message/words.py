"""Encoded-words: text beyond ASCII in header fields.

Standards: RFC 2047 sections 2, 4 and 6.2, RFC 2231 section 5 (language).
"""

import binascii
import re
from itertools import islice
from typing import Final

from pymailcore.message.charsets import decode_strict
from pymailcore.message.limits import MAX_WORDS
from pymailcore.message.slices import contains, encoded, matches
from pymailcore.message.transfer import decode_base64

__all__ = ["decode_base64", "decode_words", "encode_words"]

# encoded-word = "=?" charset "?" encoding "?" encoded-text "?="
# Spaces in the text are not allowed and common. Each repetition ends at a "?", so the search is linear.
_WORD: Final = re.compile(r"=\?([^?\s]{1,100})\?([bBqQ])\?([^?]*+)\?=")
_HEX: Final = re.compile(rb"=([0-9A-Fa-f]{2})")


def decode_words(text: str) -> str:
    """Decode the encoded-words of an unfolded text; what cannot be decoded stays as it is.

    White space between neighbours is dropped, and the octets of neighbours in one charset are joined before
    they are decoded, because senders cut inside of characters.
    """
    if not contains(text, "=?"):
        return text
    out: list[str] = []
    run: list[bytes] = []  # octets of neighbours in `charset`
    raw: list[str] = []  # the same as they stand, in case the charset is unknown
    charset = ""
    after_word = False
    position = 0
    for match in islice(matches(_WORD, text), MAX_WORDS):
        gap = text[position : match.start()]
        label = match[1].lower()
        if "*" in label:
            label = label.partition("*")[0]
        octets = _octets(match[2], match[3])
        joined = after_word and not gap.strip(" \t\r\n")
        if not joined or label != charset or octets is None:
            out.append(_flush(run, raw, charset))
            run, raw = [], []
        if not joined:
            out.append(gap)
        if octets is None:
            out.append(gap + match[0] if joined else match[0])
            after_word = False
        else:
            charset = label
            run.append(octets)
            raw.append(gap + match[0] if joined and raw else match[0])
            after_word = True
        position = match.end()
    out.append(_flush(run, raw, charset))
    out.append(text[position:])
    return "".join(out)


def _flush(run: list[bytes], raw: list[str], charset: str) -> str:
    if not run:
        return ""
    text = decode_strict(b"".join(run), charset)
    return "".join(raw) if text is None else text


def _octets(encoding: str, text: str) -> bytes | None:
    try:
        octets = text.encode("ascii")
    except UnicodeEncodeError:
        return None
    if encoding in "qQ":
        if b"==" in octets or octets.endswith(b"="):  # what is no escape stays
            return _HEX.sub(_unhex, octets.replace(b"_", b" "))
        return binascii.a2b_qp(octets, header=True)
    return decode_base64(octets)


def _unhex(match: re.Match[bytes]) -> bytes:
    return bytes((int(match[1], 16),))


def encode_words(text: str) -> str:
    """Write a text as encoded-words in UTF-8, at most 75 characters each, with a space between them.

    Characters are not cut (RFC 2047 section 5).
    """
    words = []
    octets = encoded(text, "utf-8")
    start = 0
    while start < len(octets):
        end = min(start + 45, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?B?{binascii.b2a_base64(octets[start:end], newline=False).decode('ascii')}?=")
        start = end
    return " ".join(words)
