"""The text of stored messages, for searches that look through it.

Standards: RFC 9051 section 6.4.4 (BODY, TEXT, HEADER), RFC 8621 section 4.4.1.
"""

import contextlib
from collections.abc import Sequence
from typing import Final

from pymailcore.base.errors import NotFound
from pymailcore.message.headers import as_text, split_fields
from pymailcore.message.structure import unpack
from pymailcore.message.text import searchable_text
from pymailcore.store import query as q
from pymailcore.store.folding import fold
from pymailcore.store.packs import DamagedBlob
from pymailcore.store.places import BlobReader
from pymailcore.store.reading import StoredRows, stored_rows
from pymailcore.store.types import Reading

MAX_TEXT_OCTETS: Final = 4 * 1024 * 1024  # of one message that are looked through
MOST_MESSAGES: Final = 64  # that are opened at a time
MOST_OCTETS: Final = 8 * 1024 * 1024


class SearchedMessage:
    """One message that a search looks into; what was asked for once is kept."""

    def __init__(self, octets: bytes, parts: bytes) -> None:
        self._octets = octets
        self._root = unpack(parts)
        self._fields: list[tuple[str, str]] | None = None
        self._body: str | None = None

    def matches(self, node: q.Filter) -> bool:
        """Whether a text node is true of it."""
        if isinstance(node, q.HeaderContains):
            name, needle = node.name.lower(), fold(node.needle)
            return any(name == field and needle in value for field, value in self.fields())
        if not isinstance(node, q.Contains):
            raise TypeError(f"not a text node: {node!r}")
        needle = fold(node.needle)
        if node.field is q.Field.TEXT and any(needle in value for _, value in self.fields()):
            return True
        return needle in self.body()

    def fields(self) -> list[tuple[str, str]]:
        """Header fields: names in lower case, folded values."""
        if self._fields is None:
            header = self._octets[self._root.header_start : self._root.body_start]
            self._fields = [(name.lower(), fold(as_text(raw))) for name, raw in split_fields(header)]
        return self._fields

    def body(self) -> str:
        """Folded text of all text parts."""
        if self._body is None:
            self._body = fold(searchable_text(self._octets, self._root, MAX_TEXT_OCTETS))
        return self._body


def opened(blobs: BlobReader, ids: Sequence[int]) -> Reading[tuple[int, dict[int, SearchedMessage]]]:
    """Read some of the first of these Emails, those that are gone or damaged left out.

    Returns:
        How many of `ids` are done with, at least one, and their messages.
    """
    some = ids[:MOST_MESSAGES]
    rows: dict[int, StoredRows] = yield lambda tx: stored_rows(tx, some, None, MOST_OCTETS)
    done = some.index(next(reversed(rows))) + 1 if len(rows) < len(some) and rows else len(some)
    found: dict[int, SearchedMessage] = {}
    damaged = []
    for email, stored in rows.items():
        try:
            found[email] = SearchedMessage(stored.rebuild(blobs), stored.parts)
        except (NotFound, DamagedBlob):
            damaged.append(email)
    if damaged:  # their blobs may have moved since
        rows = yield lambda tx: stored_rows(tx, damaged)
        for email, stored in rows.items():
            with contextlib.suppress(NotFound, DamagedBlob):
                found[email] = SearchedMessage(stored.rebuild(blobs), stored.parts)
    return done, found
