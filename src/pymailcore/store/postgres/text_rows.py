"""Rows of the text index on PostgreSQL, made of the texts of mail; pure, for any thread."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pymailcore.store.fulltext.documents import Document, Part
from pymailcore.store.fulltext.index_file import COLUMNS
from pymailcore.store.fulltext.words import is_word, stream
from pymailcore.store.postgres.text_index import lexeme

MOST_REMEMBERED: Final = 400_000
"""Words that are remembered; some 100 octets each."""

MOST_VECTOR_OCTETS: Final = 768 * 1024
"""Of the lexemes of one row; a tsvector holds 1 MiB."""


class Remembered:
    """Tokens of accounts that were seen lately; those of the account longest not used go first."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._count = 0
        self._sets: OrderedDict[int, set[str]] = OrderedDict()
        self._whole: set[int] = set()

    def of(self, no: int) -> set[str] | None:
        """The tokens of one account; None: nothing is remembered of it."""
        found = self._sets.get(no)
        if found is not None:
            self._sets.move_to_end(no)
        return found

    def is_whole(self, no: int) -> bool:
        """Whether a word that is not remembered is new."""
        return no in self._whole

    def begin(self, no: int, *, whole: bool) -> None:
        """Remember an account."""
        self._sets[no] = set()
        if whole:
            self._whole.add(no)

    def add(self, no: int, fresh: Iterable[str]) -> None:
        """Remember more of an account that was begun."""
        there = self._sets.get(no)
        if there is None:
            return
        before = len(there)
        there.update(fresh)
        self._count += len(there) - before
        while self._count > self._most:
            gone, words = self._sets.popitem(last=False)
            self._whole.discard(gone)
            self._count -= len(words)

    def clear(self) -> None:
        """Remember nothing."""
        self._sets.clear()
        self._whole.clear()
        self._count = 0


class Ready(NamedTuple):
    """What one transaction adds to one account."""

    no: int
    modseq: int
    rows: dict[int, list[tuple[object, ...]]]  # by Email
    unread: Sequence[int]
    tokens: set[str]
    words: list[str]


def prepare(parts: Sequence[Part], numbers: dict[int, int], remembered: Remembered) -> list[Ready]:
    """Make the rows of parts, those of an account together, by number; blocks."""
    found: dict[int, Ready] = {}
    for part in sorted(parts, key=lambda part: numbers[part.account]):
        no = numbers[part.account]
        one = found.setdefault(no, Ready(no, 0, {}, [], set(), []))
        for document in part.documents:
            one.rows[document.email] = rows_of(no, document, one.tokens)
        found[no] = one._replace(modseq=max(one.modseq, part.modseq), unread=[*one.unread, *part.unread])
    ready = []
    for no, one in found.items():
        fresh = one.tokens - (remembered.of(no) or set())
        words = sorted(token for token in fresh if is_word(token))
        ready.append(one._replace(tokens=fresh, words=words))
    return ready


def rows_of(no: int, document: Document, tokens: set[str]) -> list[tuple[object, ...]]:
    """The rows of a document: arguments of `_INSERT`; its tokens are added to `tokens`."""
    lexemes: list[str] = []
    for column, text in zip(COLUMNS, document.texts, strict=True):
        if text:
            _, there = stream(text)
            tokens |= there
            lexemes += [lexeme(no, column, token) for token in there]
    attached = document.texts[-1] or None
    joined = " ".join(lexemes)
    if len(joined) * 4 <= MOST_VECTOR_OCTETS or len(joined.encode()) <= MOST_VECTOR_OCTETS:
        return [(document.email, no, 0, 0, joined, attached)]
    rows: list[tuple[object, ...]] = []
    some: list[str] = []
    octets = 0
    for one in lexemes:
        length = len(one.encode()) + 1
        if octets + length > MOST_VECTOR_OCTETS:
            rows.append((document.email, no, len(rows), 1, " ".join(some), None if rows else attached))
            some, octets = [], 0
        some.append(one)
        octets += length
    rows.append((document.email, no, len(rows), 1, " ".join(some), None))
    return rows
