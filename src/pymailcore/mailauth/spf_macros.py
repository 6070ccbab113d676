"""Macros of SPF: text of a peer's record that holds facts about the message.

Standards: RFC 7208 sections 7.1 (the grammar), 7.2 (the letters) and 7.3 (how they are put in).

Theory. A text is parsed once, into pieces that are literal and pieces that are macros, and only then filled
in: whether it ends like a domain is a matter of its form and not of what a peer says in EHLO. Of a domain no
more than its end is made, since all that is beyond 253 characters is cut off on the left anyhow; so a record
full of macros costs no more than one with a few.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

MAX_NAME_LENGTH: Final = 253
"""Characters of a domain name as text (RFC 7208 section 7.3)."""
MAX_LABEL_LENGTH: Final = 63

_EXPLANATION_ONLY: Final = frozenset("crt")
_PIECE: Final = re.compile(
    r"(?P<literal>[ !-$&-~]++)|%(?P<sign>[%_-])"
    r"|%\{(?P<letter>[slodiphcrtvSLODIPHCRTV])(?P<digits>[0-9]*+)(?P<reverse>[rR]?)(?P<marks>[.\-+,/_=]*+)\}"
)
_SIGNS: Final = {"%": "%", "_": " ", "-": "%20"}
_TOP_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*+(?<=[a-z0-9]))?\Z", re.IGNORECASE)
_NAME: Final = re.compile(r"[ -\[\]-~]++\Z")
"""Of a name that is looked up; a backslash would be read as an escape."""
_MOST_PARTS: Final = 128
"""So many labels a name can have; more digits than that ask for all of them."""


class Macro(NamedTuple):
    """One macro.

    Attributes:
        letter: lower case.
        escape: it was upper case: what it stands for is escaped as in a URL.
        parts: how many parts on the right are kept; 0 for all.
        delimiters: where the value is cut.
    """

    letter: str
    escape: bool
    parts: int
    reverse: bool
    delimiters: str


class Sign(str):
    """What stands for a character that cannot be written as itself: a macro as well, but the same always."""

    __slots__ = ()


Pieces = tuple[str | Macro, ...]


class Malformed(Exception):
    """A text breaks the grammar; the callers in this package make a permerror of it."""


def parse(text: str, *, spaces: bool = False, explanation: bool = False) -> Pieces:
    """Read a macro-string.

    Args:
        spaces: whether it may hold spaces.
        explanation: whether the letters may stand in it that only an explanation has (section 7.2).

    Raises:
        Malformed: it is none.
    """
    pieces: list[str | Macro] = []
    place = 0
    while place < len(text):
        found = _PIECE.match(text, place)
        if found is None:
            raise Malformed(f"macro at {text[place : place + 8]!r}")
        place = found.end()
        if found["literal"] is not None:
            if not spaces and " " in found["literal"]:
                raise Malformed("a space")
            pieces.append(found["literal"])
        elif found["sign"] is not None:
            pieces.append(Sign(_SIGNS[found["sign"]]))
        else:
            pieces.append(_macro(found, explanation=explanation))
    return tuple(pieces)


def _macro(found: re.Match[str], *, explanation: bool) -> Macro:
    letter, digits = found["letter"].lower(), found["digits"]
    if letter in _EXPLANATION_ONLY and not explanation:
        raise Malformed(f"macro {letter} outside of an explanation")
    parts = 0
    if digits:
        significant = digits.lstrip("0")
        if not significant:
            raise Malformed("macro with 0 parts")
        parts = int(significant) if len(significant) < 4 else _MOST_PARTS
    return Macro(letter, found["letter"].isupper(), parts, bool(found["reverse"]), found["marks"] or ".")


def parse_domain(text: str) -> Pieces:
    """Read a domain-spec: a macro-string that ends in a macro or like a domain (RFC 7208 section 7.1).

    Raises:
        Malformed: it is none.
    """
    pieces = parse(text)
    if not pieces:
        raise Malformed("no domain")
    last = pieces[-1]
    if isinstance(last, Macro | Sign):
        return pieces
    _, dot, label = last.removesuffix(".").rpartition(".")
    if not dot or not _TOP_LABEL.match(label) or label.isdigit():
        raise Malformed(f"no domain: {text[-MAX_LABEL_LENGTH:]}")
    return pieces


def letters(pieces: Pieces) -> set[str]:
    """Which macros a text has."""
    return {piece.letter for piece in pieces if isinstance(piece, Macro)}


def expand_domain(pieces: Pieces, values: Mapping[str, str]) -> str:
    """Fill in a domain-spec; the result may be a name that cannot be (see `is_name`).

    What is longer than a name can be loses labels on the left (RFC 7208 section 7.3).
    """
    filled: list[str] = []
    length = 0
    for piece in reversed(pieces):
        filled.append(_fill(piece, values))
        length += len(filled[-1])
        if length > 2 * MAX_NAME_LENGTH:
            break  # nothing further left is kept
    name = "".join(reversed(filled)).removesuffix(".")
    while len(name) > MAX_NAME_LENGTH:
        _, dot, name = name.partition(".")
        if not dot:
            return ""
    return name


def expand_text(pieces: Pieces, values: Mapping[str, str], most: int) -> str:
    """Fill in an explanation, as far as its first so many characters."""
    filled: list[str] = []
    length = 0
    for piece in pieces:
        filled.append(_fill(piece, values))
        length += len(filled[-1])
        if length >= most:
            break
    return "".join(filled)[:most]


def _fill(piece: str | Macro, values: Mapping[str, str]) -> str:
    if isinstance(piece, str):
        return piece
    value = values[piece.letter]
    if piece.reverse or piece.parts or piece.delimiters != ".":
        parts: Iterable[str] = re.split(f"[{re.escape(piece.delimiters)}]", value)
        kept = list(parts)
        if piece.reverse:
            kept.reverse()
        value = ".".join(kept[-piece.parts :])  # 0 keeps all
    return quote(value, safe="-._~") if piece.escape else value


def is_name(name: str) -> bool:
    """Whether a name can be looked up: labels of 1 to 63 ASCII characters, 253 in all."""
    return (
        0 < len(name) <= MAX_NAME_LENGTH
        and name != "@"
        and _NAME.match(name) is not None
        and all(0 < len(label) <= MAX_LABEL_LENGTH for label in name.split("."))
    )
