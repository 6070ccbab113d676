"""The text of stored messages, for searches that look through it.

Standards: RFC 9051 section 6.4.4 (BODY, TEXT, HEADER), RFC 8621 section 4.4.1.
"""

from typing import Final

from pymailcore.base.errors import NotFound
from pymailcore.message.headers import as_text, split_fields
from pymailcore.message.structure import unpack
from pymailcore.message.text import searchable_text
from pymailcore.store import query as q
from pymailcore.store.folding import fold
from pymailcore.store.packs import DamagedBlob
from pymailcore.store.readers import ReadSide
from pymailcore.store.reading import read_message
from pymailcore.store.types import Transaction

MAX_TEXT_OCTETS: Final = 4 * 1024 * 1024  # of one message that are looked through


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


class TextSource:
    """Opens messages by Email."""

    def __init__(self, side: ReadSide) -> None:
        self._side = side

    async def open(self, tx: Transaction, email: int) -> SearchedMessage | None:
        """Read a message; None when it is gone or damaged."""
        try:
            octets, parts = await read_message(tx, self._side.packs, email)
        except (NotFound, DamagedBlob):
            return None
        return SearchedMessage(octets, parts)
