"""Text as it is compared: NFC and case folded (RFC 9051 section 6.4.4; RFC 8621 section 4.4.1)."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pymailcore.message.facts import Facts

MAX_HEADER_TEXT: Final = 16_384  # characters that are kept of each folded field
_MAX_NORMALISED: Final = 65_536


def fold(text: str) -> str:
    """Give the form in which needle and text are compared; without NUL, which PostgreSQL cannot keep."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text.lower()
    if len(text) <= _MAX_NORMALISED:
        text = unicodedata.normalize("NFC", text)
    return text.casefold()


class HeaderValues(NamedTuple):
    """What searches and sorts look at.

    Attributes:
        columns: folded, in the order of the columns of email_headers: From, To, Cc, Bcc, Subject, base
            subject, first From, first To.
        sent_local_ms: the Date field's own day and time, read as UTC.
    """

    columns: tuple[str, str, str, str, str, str, str, str]
    sent_local_ms: int | None


def header_values(facts: Facts, base_subject: str) -> HeaderValues:
    """Take from a message what searches and sorts look at."""
    columns = (
        _addresses(facts.from_),
        _addresses(facts.to),
        _addresses(facts.cc),
        _addresses(facts.bcc),
        _clean(facts.subject or ""),
        _clean(base_subject),
        _first(facts.from_),
        _first(facts.to),
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
    """Fold and bound; lone surrogates, which no database takes, become question marks."""
    folded = fold(text[:MAX_HEADER_TEXT])
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
    return _clean("\n".join(texts))


def _first(addresses: Sequence[tuple[str | None, str]] | None) -> str:
    if not addresses:
        return ""
    name, email = addresses[0]
    return _clean(name or email)
