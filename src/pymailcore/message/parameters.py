"""Values with parameters: Content-Type, Content-Disposition.

Standards: RFC 2045 section 5.1, RFC 2183 section 2, RFC 2231 sections 3 and 4.

Encoded-words in parameters are forbidden (RFC 2047 section 5) and common; they are decoded.
"""

import re
from itertools import islice
from typing import Final
from urllib.parse import unquote_to_bytes

from pymailcore.message.charsets import decode_8bit, decode_strict
from pymailcore.message.fields import without_comments, without_escapes
from pymailcore.message.limits import MAX_PARAMETERS
from pymailcore.message.words import decode_words

# parameter = attribute "=" value; the quote at the end may be missing. All repetitions are possessive.
_PARAMETER: Final = re.compile(
    r';\s*+([^\s;="]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"?|([^;]*+))',
    re.DOTALL,
)


def parse_parameters(text: str) -> tuple[str, dict[str, str]]:
    """Cut a value, as `fields.structured` gives it, into what is before its `;` and its decoded parameters.

    Of two parameters of one name the first counts; the form of RFC 2231 goes before the plain one. After
    100 parameters the rest is passed over.
    """
    if "(" in text:
        text = without_comments(text)
    semicolon = text.find(";")
    if semicolon < 0:
        return text.strip(), {}
    parameters: dict[str, str] = {}
    segments: dict[str, dict[int, tuple[str, bool]]] = {}
    for match in islice(_PARAMETER.finditer(text, semicolon), MAX_PARAMETERS):
        name, quoted, plain = match.groups()
        name = name.lower()
        value = plain.rstrip() if quoted is None else quoted
        if quoted and "\\" in quoted:
            value = without_escapes(quoted)
        if "*" in name:
            _add_segment(segments, name, value)
        elif name not in parameters:
            parameters[name] = decode_words(value) if "=?" in value else value
    for name, numbered in segments.items():
        joined = _join(numbered)
        if joined is not None:
            parameters[name] = joined
    return text[:semicolon].strip(), parameters


def _add_segment(segments: dict[str, dict[int, tuple[str, bool]]], name: str, value: str) -> None:
    # attribute ["*" number] ["*"]
    base, _, rest = name.partition("*")
    number, star, _ = rest.partition("*")
    if number == "":
        index, encoded = 0, True
    elif number.isdecimal() and number.isascii() and len(number) <= 3:
        index, encoded = int(number), bool(star)
    else:
        return
    if base:
        segments.setdefault(base, {}).setdefault(index, (value, encoded))


def _join(numbered: dict[int, tuple[str, bool]]) -> str | None:
    if 0 not in numbered:
        return None
    charset = ""
    pieces: list[bytes] = []
    for index in range(len(numbered)):
        if index not in numbered:
            break
        value, encoded = numbered[index]
        if not encoded:
            pieces.append(value.encode("utf-8", "replace"))
            continue
        if index == 0:
            quoted_charset = value.split("'", 2)
            if len(quoted_charset) == 3:
                charset, _, value = quoted_charset
        pieces.append(unquote_to_bytes(value))
    octets = b"".join(pieces)
    text = decode_strict(octets, charset) if charset else None
    if text is None:
        text = decode_8bit(octets)
    return decode_words(text) if "=?" in text else text
