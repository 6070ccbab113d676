r"""The full-text index on PostgreSQL, as searches ask it: tables of the same database (`text_index.sql`).

Theory. An Email's words are a tsvector without positions under a GIN index. A lexeme is the number of the
account in the index, a letter for the text that the word is of, and the word, so that an account's words are
its own: no query meets those of another, and numbers begin anew with each generation of the index. Other
characters than words, which have tokens of their own, are lexemes likewise.

- A needle of one token is an OR of lexemes: the words of the account's vocabulary that have it. What is
  found has the needle, as on SQLite.
- A phrase is the AND of its tokens within one text, and what is found is looked at. Of attachments that is
  the text which the index keeps (`attached`): nobody takes it out of them again for a search.

Rows of the index and of the mail are of one snapshot. What is not indexed yet is the `tail`, as on SQLite.

Lexemes stay below what tsvector takes (2 KiB): a token has at most `words.LONGEST` characters and two marks,
of four octets each.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from pymailcore.base.ids import AccountId
from pymailcore.store.fulltext.index_file import COLUMNS, FORMAT
from pymailcore.store.fulltext.lookup import Expression, Spot
from pymailcore.store.fulltext.vocabulary import filling
from pymailcore.store.fulltext.words import Place, Plan, Words, plain
from pymailcore.store.types import Transaction

MOST_WORDS: Final = 2_000
"""Words that a part of a word may come to; with more of them the messages are looked through."""

MOST_IN_PHRASE: Final = 500
"""The same of a phrase."""

TOGETHER: Final = 64
"""Up to so many lexemes are asked for at once."""

EDGE: Final = "\n"
"""Stands before and behind a word where three of its characters are taken."""

_GRAM: Final = 3
_MOST_GRAMS: Final = 12
_LETTER: Final = dict(zip(COLUMNS, "bsftczha", strict=True))
_NOTHING: Final = "'-'"  # no lexeme: each begins with a number

_SPOT: Final = (
    "SELECT a.no, a.modseq FROM text_generations g JOIN text_accounts a ON a.generation = g.id"
    " WHERE g.current = 1 AND a.account = ?1 AND g.format = ?2 AND g.mark = text_mark()"
)
_TAIL: Final = "SELECT id FROM text_tail(?1, ?2, ?3, ?4) AS id"
_CHUNKS: Final = "SELECT words FROM text_chunks(?1, string_to_array(?2, ' '), ?3, ?4) AS words"
_ATTACHED: Final = (
    "SELECT d.email, d.attached FROM text_generations g JOIN text_accounts a ON a.generation = g.id"
    " JOIN text_documents d ON d.no = a.no WHERE g.current = 1 AND d.attached IS NOT NULL"
    " AND d.email IN (SELECT value FROM json_each(?1))"
)


def lexeme(no: int, column: str, token: str) -> str:
    """What stands for a token of one text of an account."""
    return f"{no}{_LETTER[column]}{token}"


def grams(no: int, word: str) -> set[str]:
    """What a word is found by: its characters by threes, edges among them, with and without its accents."""
    found = {f"{no}/{gram}" for gram in _threes(f"{EDGE}{word}{EDGE}")}
    if not word.isascii() and (bare := plain(word)) != word:
        found |= {f"{no}/{gram}" for gram in _threes(f"{EDGE}{bare}{EDGE}")}
    return found


def _threes(text: str) -> Iterable[str]:
    return [text[start : start + _GRAM] for start in range(len(text) - _GRAM + 1)]


class PostgresIndex:
    """The index of a store on PostgreSQL; see `lookup.TextIndex`."""

    unindexed: Final = (
        "NOT EXISTS (SELECT 1 FROM text_documents d JOIN text_accounts a ON a.no = d.no"
        " JOIN text_generations g ON g.id = a.generation WHERE d.email = e.id AND g.current = 1)"
    )
    keeps_attached: Final = True

    async def spot(self, tx: Transaction, account: AccountId) -> Spot | None:
        """Where the index is with an account."""
        row = await tx.row(_SPOT, account, FORMAT)
        return Spot(0, 0) if row is None else Spot(*row)

    async def tail(self, tx: Transaction, account: AccountId, spot: Spot, most: int) -> list[int] | None:
        """Emails that the index does not say anything about."""
        rows = await tx.rows(_TAIL, account, spot.modseq, spot.no, most + 1)
        return None if len(rows) > most else list(dict.fromkeys(row[0] for row in rows))

    async def expression(
        self, tx: Transaction, spot: Spot, columns: Sequence[str], plan: Plan
    ) -> Expression | None:
        """A query for tsvectors, and its clauses one by one."""
        slots = [
            await self._filling(tx, spot, slot) if isinstance(slot, Words) else slot for slot in plan.slots
        ]
        known = [slot for slot in slots if slot is not None]
        if any(not slot for slot in known):
            return Expression((_text(_NOTHING, [_NOTHING]),), exact=True)
        if len(slots) == len(known) == 1:
            return Expression(tuple(_texts(spot.no, columns, known[0])), plan.exact)
        few = [slot for slot in known if len(slot) <= MOST_IN_PHRASE]
        if not few:
            return None
        clauses = [
            _any(lexeme(spot.no, column, token) for column in columns for token in slot) for slot in few
        ]
        whole = "|".join(
            "(" + "&".join(_any(lexeme(spot.no, column, token) for token in slot) for slot in few) + ")"
            for column in columns
        )
        return Expression((_text(whole, clauses),), exact=False)

    def both(self, texts: Sequence[str]) -> str:
        """What has all of these."""
        parts = [orjson.loads(text) for text in texts]
        whole = "&".join(f"({part[0]})" for part in parts)
        return _text(whole, [clause for part in parts for clause in part[1]])

    def having(self, spot: Spot, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A SELECT of Emails."""
        if len(texts) == 1:
            whole, clauses = orjson.loads(texts[0])
            return "SELECT id FROM text_found({}, {}, {}) AS id", (spot.no, whole, _json(clauses))
        return "SELECT DISTINCT id FROM text_found_any({}) AS id", (_clauses(texts),)

    def has(self, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A condition on one Email."""
        if len(texts) == 1:
            whole, clauses = orjson.loads(texts[0])
            return "text_has(e.id, {}, {})", (whole, _json(clauses))
        whole = "|".join(orjson.loads(_clauses(texts)))
        return "text_has(e.id, {}, {})", (whole, _json([whole]))

    async def attached(self, tx: Transaction, emails: Sequence[int]) -> dict[int, str]:
        """The text of attachments of some Emails."""
        return {row[0]: row[1] for row in await tx.rows(_ATTACHED, _json(emails))}

    async def _filling(self, tx: Transaction, spot: Spot, slot: Words) -> Sequence[str] | None:
        """The words that may stand in a slot; None: too many."""
        wanted = wanted_grams(spot.no, slot)
        rows = await tx.rows(_CHUNKS, spot.no, wanted, slot.part, MOST_WORDS + 1)
        if wanted is None and len(rows) > MOST_WORDS:
            return None
        found = filling((row[0] for row in rows), slot, MOST_WORDS)
        return None if found is None else sorted(found)


def wanted_grams(no: int, slot: Words) -> str | None:
    """The grams that a chunk must have for a slot; None: it is too short to have any."""
    before = EDGE if slot.place in {Place.WHOLE, Place.BEGINNING} else ""
    behind = EDGE if slot.place in {Place.WHOLE, Place.END} else ""
    found = [f"{no}/{gram}" for gram in dict.fromkeys(_threes(f"{before}{slot.part}{behind}"))]
    if len(found) > _MOST_GRAMS:
        found = [*found[: _MOST_GRAMS // 2], *found[-_MOST_GRAMS // 2 :]]
    return " ".join(found) or None


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _text(whole: str, clauses: Sequence[str]) -> str:
    return _json([whole, clauses])


def _texts(no: int, columns: Sequence[str], tokens: Sequence[str]) -> Iterable[str]:
    """Queries for any of some tokens, not too many in one."""
    size = max(1, TOGETHER // len(columns))
    for start in range(0, len(tokens), size):
        clause = _any(
            lexeme(no, column, token) for token in tokens[start : start + size] for column in columns
        )
        yield _text(clause, [clause])


def _clauses(texts: Sequence[str]) -> str:
    """Those of queries that have one clause each."""
    return _json([orjson.loads(text)[0] for text in texts])


def _any(lexemes: Iterable[str]) -> str:
    """The language of tsquery for any of some lexemes."""
    quoted = ["'" + one.replace("\\", "\\\\").replace("'", "''") + "'" for one in lexemes]
    return "(" + "|".join(quoted) + ")" if len(quoted) > 1 else quoted[0]
