"""Rows of the text index on PostgreSQL, made of the texts of mail; pure, for any thread."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.store.fulltext.documents import Document, Part
from pymailcore.store.fulltext.index_file import COLUMNS
from pymailcore.store.fulltext.remembered import Remembered
from pymailcore.store.fulltext.words import BREAK, is_word, stream
from pymailcore.store.postgres.text_index import MOST_SLOTS, lexeme

MOST_VECTOR_OCTETS: Final = 768 * 1024
"""Of the lexemes of one row; a tsvector holds 1 MiB."""

ROW: Final = ("email", "no", "piece", "cut", "texts", "named", "attached", "whole")
"""Columns of `text_documents`."""

_TEXTS: Final = (0, 6)  # of COLUMNS: body, header
_NAMED: Final = (1, 2, 3, 4, 5)
_ATTACHED: Final = 7


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
    """The rows of a document, as `ROW` has them; its tokens are added to `tokens`."""
    streams: list[list[str]] = []
    for text in document.texts:
        found, there = stream(text) if text else ([], set[str]())
        tokens |= there
        streams.append(found)
    attached = document.texts[_ATTACHED]
    characters, count = sum(map(len, document.texts)), sum(map(len, streams))
    if _most_octets(no, characters, count) <= MOST_VECTOR_OCTETS:
        whole = attached if any(BREAK in token for token in streams[_ATTACHED]) else None
        return [(document.email, no, 0, 0, *_columns(streams), whole)]
    return [
        (document.email, no, piece, 1, *_columns(row), None if piece else attached)
        for piece, row in enumerate(_cut(no, streams))
    ]


def _most_octets(no: int, characters: int, tokens: int) -> int:
    """What lexemes come to at most: long words have pieces that overlap, tokens a prefix and marks."""
    return characters * 8 + tokens * (len(lexeme(no, COLUMNS[0], "")) + 5)


def _columns(streams: Sequence[Sequence[str]]) -> tuple[str, str, str | None]:
    texts, named = ("\n".join(map(joined, (streams[n] for n in some))) for some in (_TEXTS, _NAMED))
    return texts, named, joined(streams[_ATTACHED]) if streams[_ATTACHED] else None


def joined(tokens: Sequence[str]) -> str:
    """A stream as it is kept."""
    return f" {' '.join(tokens)} " if tokens else " "


def _cut(no: int, streams: Sequence[Sequence[str]]) -> list[list[list[str]]]:
    """Several rows of streams that have no more lexemes than a row may; a stream overlaps from row to row."""
    row: list[list[str]] = [[] for _ in streams]
    rows = [row]
    octets = 0
    for number, column in enumerate(COLUMNS):
        for token in streams[number]:
            length = len(lexeme(no, column, token).encode()) + 1
            if octets + length > MOST_VECTOR_OCTETS and any(row):
                again = row[number][-MOST_SLOTS:]
                row = [[] for _ in streams]
                row[number] = again
                rows.append(row)
                octets = sum(len(lexeme(no, column, one).encode()) + 1 for one in again)
            row[number].append(token)
            octets += length
    return rows
