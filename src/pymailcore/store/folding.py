"""Text as it is compared (RFC 9051 section 6.4.4; RFC 8621 section 4.4.1).

`normal` is the one form in which needles and texts meet, in a scan and in the index alike: NFC, case folded,
each run of white space one space. So neither a line's end nor a folded header field hides a hit.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pymailcore.message.facts import Facts
from pymailcore.store.ordering import SortValues, sort_values

MAX_HEADER_TEXT: Final = 16_384  # characters that are kept of each folded field
_MAX_NORMALISED: Final = 65_536
_WHITE: Final = re.compile(r"\s")


def fold(text: str) -> str:
    """Put a text into NFC and fold its case; without NUL, which PostgreSQL cannot keep.

    What is folded already is not changed by folding it once more.
    """
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text.lower()
    folded = _composed(text).casefold()
    # The letters of a ligature, or of U+0130, may compose or change places with marks behind them.
    while len(folded) > _MAX_NORMALISED or not unicodedata.is_normalized("NFC", folded):
        again = _composed(folded).casefold()
        if again == folded:
            break
        folded = again
    return folded


def normal(text: str) -> str:
    """Give the form in which needle and text are compared; folds, and white space becomes single spaces."""
    return " ".join(fold(text).split())


def sought(needle: str) -> str:
    """Give what is looked for in normal texts; unlike theirs, a blank at an end of a needle counts."""
    folded = fold(needle)
    found = " ".join(folded.split())
    before = " " if folded[:1].isspace() else ""
    behind = " " if found and folded[-1].isspace() else ""
    return f"{before}{found}{behind}"


def _composed(text: str) -> str:
    """NFC, a stretch at a time: nothing composes across white space; a stretch without any stays as it is."""
    if len(text) <= _MAX_NORMALISED:
        return unicodedata.normalize("NFC", text)
    out = []
    start = 0
    while start < len(text):
        end = start + _MAX_NORMALISED
        if end < len(text):
            white = _WHITE.search(text, end - _MAX_NORMALISED // 2)
            end = len(text) if white is None else white.start()
        stretch = text[start:end]
        if len(stretch) <= _MAX_NORMALISED:
            stretch = unicodedata.normalize("NFC", stretch)
        out.append(stretch)
        start = end
    return "".join(out)


class HeaderValues(NamedTuple):
    """What searches and sorts look at.

    Attributes:
        columns: in the order of the columns of email_headers (`HEADER_COLUMNS`): From, To, Cc, Bcc, Subject
            folded, then what `ordering.SortValues` has.
        sent_local_ms: the Date field's own day and time, read as UTC.
    """

    columns: tuple[str | bytes, ...]
    sent_local_ms: int | None


HEADER_COLUMNS: Final = ("from_text", "to_text", "cc_text", "bcc_text", "subject_text", *SortValues._fields)


def header_values(facts: Facts, envelope: bytes) -> HeaderValues:
    """Take from a message what searches and sorts look at."""
    columns = (
        _addresses(facts.from_),
        _addresses(facts.to),
        _addresses(facts.cc),
        _addresses(facts.bcc),
        _clean(facts.subject or ""),
        *sort_values(facts, envelope),
    )
    return HeaderValues(columns, _local_ms(facts.sent_at))


def _local_ms(sent_at: str | None) -> int | None:
    if sent_at is None:
        return None
    try:
        local = datetime.fromisoformat(sent_at).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(local.timestamp()) * 1000


def _clean(text: str) -> str:
    """Make normal and bound; lone surrogates, which no database takes, become question marks."""
    folded = normal(text[:MAX_HEADER_TEXT])
    return folded if folded.isascii() else folded.encode("utf-8", "replace").decode()


def _addresses(addresses: Sequence[tuple[str | None, str]] | None) -> str:
    if not addresses:
        return ""
    texts = []
    room = MAX_HEADER_TEXT
    for name, email in addresses:
        text = f"{name} <{email}>" if name else email
        texts.append(text)
        room -= len(text)
        if room <= 0:
            break
    return _clean(", ".join(texts))
