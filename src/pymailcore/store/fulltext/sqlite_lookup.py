"""Asks the index on SQLite; see `lookup.TextIndex`.

Theory. Most needles are queries of FTS5: phrases of tokens, each token with the mark of the account. Two
kinds FTS5 cannot say by itself; they have a form of their own, a list in JSON:

- a phrase whose words may each be any of thousands, such as `ing to`: see `sqlite_phrases`.
- WITHIN: what is in the value of one field of the header. FTS5 finds the documents that have the field and
  the needle; `in_field` says whether the one is in the other.
"""

import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import apsw
import orjson

from pymailcore.base.ids import AccountId
from pymailcore.store.fulltext.index_file import COLUMNS, mark_of_account, rows_of
from pymailcore.store.fulltext.lookup import NO_HELP, Expression, Spot
from pymailcore.store.fulltext.sqlite_phrases import (
    MOST_WORDS,
    TOGETHER,
    Filling,
    Phrases,
    asked,
    join,
    nothing,
    phrases_of,
    within,
)
from pymailcore.store.fulltext.vocabulary import filling, grams
from pymailcore.store.fulltext.words import FIELD, PART_FIELD, Place, Plan, Slot, Words
from pymailcore.store.types import Transaction

MOST_IN_FIELD: Final = 1_000
"""Rows of words that a needle in a field of the header may come to."""

MOST_COST_IN_FIELD: Final = 80_000
"""As so many queries they may count: two seconds for a beginning that a million mails have many times."""

IN_FIELD: Final = "in_field"
"""The function `in_field` in SQL."""

_WITHIN: Final = "within"
_HEADER: Final = COLUMNS.index("header")

_SPOT: Final = "SELECT no, modseq FROM idx.accounts WHERE account = ?1"
_TAIL: Final = (
    "SELECT e.id FROM emails e WHERE e.account = ?1 AND e.changed_modseq > ?2"
    " AND NOT EXISTS (SELECT 1 FROM idx.docs d WHERE d.email = e.id)"
    " UNION SELECT u.email FROM idx.unread u WHERE u.no = ?3 LIMIT ?4"
)
_SOME_CHUNKS: Final = (
    "SELECT t.text FROM idx.grams g CROSS JOIN idx.terms t ON t.id = g.rowid"
    " WHERE g.grams MATCH ?3 AND g.rowid BETWEEN ?1 AND ?2"
    " UNION ALL SELECT text FROM idx.terms WHERE id = ?1"
)
_ALL_CHUNKS: Final = "SELECT text FROM idx.terms WHERE id BETWEEN ?1 AND ?2"
_THERE: Final = (
    "SELECT j.key FROM json_each(?1) j WHERE EXISTS (SELECT 1 FROM idx.words w WHERE w.words MATCH j.value)"
)
_FOUND: Final = (
    "SELECT d.email AS id FROM idx.words w CROSS JOIN idx.docs d ON d.doc = w.rowid WHERE w.words MATCH {}"
)
_FOUND_ANY: Final = (
    "SELECT d.email AS id FROM (SELECT DISTINCT w.rowid AS doc FROM json_each({}) j"
    " CROSS JOIN idx.words w ON w.words MATCH j.value) f CROSS JOIN idx.docs d ON d.doc = f.doc"
)
_FOUND_WITHIN: Final = (
    "SELECT d.email AS id FROM (SELECT DISTINCT w.rowid AS doc FROM json_each({}) j"
    " CROSS JOIN idx.words w ON w.words MATCH j.value AND in_field(w.words, {}, {})) f"
    " CROSS JOIN idx.docs d ON d.doc = f.doc"
)


class SqliteIndex:
    """The index on SQLite: a file attached as `idx`, or an empty one where there is none."""

    unindexed: Final = "NOT EXISTS (SELECT 1 FROM idx.docs d WHERE d.email = e.id)"
    keeps_attached: Final = False

    async def attached(self, tx: Transaction, emails: Sequence[int]) -> dict[int, str]:  # noqa: ARG002
        """Its phrases are exact."""
        return {}

    async def spot(self, tx: Transaction, account: AccountId) -> Spot | None:
        """Where the index is with an account."""
        row = await tx.row(_SPOT, account)
        return Spot(0, 0) if row is None else Spot(*row)

    async def tail(self, tx: Transaction, account: AccountId, spot: Spot, most: int) -> list[int] | None:
        """Emails that the index does not say anything about."""
        rows = await tx.rows(_TAIL, account, spot.modseq, spot.no, most + 1)
        return None if len(rows) > most else [row[0] for row in rows]

    async def expression(
        self, tx: Transaction, spot: Spot, columns: Sequence[str], plan: Plan
    ) -> Expression | None:
        """What to ask for a plan."""
        return await asked(tx, columns, await self._slots(tx, spot, plan), exact=plan.exact)

    async def field(self, tx: Transaction, spot: Spot, name: Plan, needle: Plan | None) -> Expression | None:
        """What to ask for a field of the header."""
        if needle is None:
            return await self.expression(tx, spot, ("header",), name)
        slots = await self._slots(tx, spot, needle)
        if any(slot.tokens is not None and not slot.tokens for slot in slots):
            return nothing(["header"])
        told = needle.exact and all(slot.tokens is not None or slot.beginning for slot in slots)
        found = await phrases_of(tx, slots, MOST_COST_IN_FIELD) if told else None
        if found is None or len(found.rows) > MOST_IN_FIELD:
            return await self._coarse_field(tx, spot, name, slots)
        queries, begins = await self._queries_within(tx, spot, name, found)
        text = orjson.dumps([_WITHIN, queries, begins, len(name.slots)]).decode()
        return Expression((text,), exact=True, alone=True, cost=max(found.cost, 1))

    async def _queries_within(
        self, tx: Transaction, spot: Spot, name: Plan, found: Phrases
    ) -> tuple[list[str], int]:
        """What has a field and any phrase in its header, for `in_field`; and how many forms its name has."""
        if len(found.rows) > TOGETHER and not found.prefix:
            asked_for = orjson.dumps([within(["header"], one.text) for one in found.groups(1)]).decode()
            there = await tx.rows(_THERE, asked_for)
            found = found._replace(rows=[found.rows[number] for (number,) in there])
        names = [slot.tokens or () for slot in await self._slots(tx, spot, name)]
        begins = Phrases(list(itertools.product(*names)))
        mark = mark_of_account(spot.no)
        marks = Phrases([[mark + FIELD], [mark + PART_FIELD]])
        queries = [
            within(["header"], f"({begins.text}) AND ({marks.text}) AND ({group.text})")
            for group in found.groups(TOGETHER)
        ]
        return queries, len(begins.rows)

    async def _coarse_field(
        self, tx: Transaction, spot: Spot, name: Plan, slots: Sequence[Filling]
    ) -> Expression | None:
        """What has a field, and the needle anywhere in its header."""
        found = await self.expression(tx, spot, ("header",), name)
        needle = await asked(tx, ["header"], slots, exact=False)
        if found is None or needle is None:
            return None if found is None else found._replace(exact=False, cost=NO_HELP)
        if len(needle.texts) > 1 or needle.alone or found.alone:
            return needle
        both = self.both([found.texts[0], needle.texts[0]])
        return Expression((both,), exact=False, cost=needle.cost)

    def both(self, texts: Sequence[str]) -> str:
        """What has all of these."""
        return " AND ".join(f"({text})" for text in texts)

    def having(self, spot: Spot, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A SELECT of Emails."""
        plain = [text for text in texts if not text.startswith("[")]
        found = [self._having(spot, text) for text in texts if text.startswith("[")]
        if len(plain) == 1:
            found.append((_FOUND, (plain[0],)))
        elif plain:
            found.append((_FOUND_ANY, (orjson.dumps(plain).decode(),)))
        return " UNION ".join(sql for sql, _ in found), tuple(arg for _, args in found for arg in args)

    def _having(self, spot: Spot, text: str) -> tuple[str, tuple[object, ...]]:
        kind, *given = orjson.loads(text)
        if kind == _WITHIN:
            queries, *numbers = given
            return _FOUND_WITHIN, (orjson.dumps(queries).decode(), *numbers)
        return join(spot, *given)

    def has(self, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A condition on one Email."""
        return (
            "EXISTS (SELECT 1 FROM json_each({}) j CROSS JOIN idx.docs d ON d.email = e.id"
            " CROSS JOIN idx.words w ON w.rowid = d.doc AND w.words MATCH j.value)",
            (orjson.dumps(texts).decode(),),
        )

    async def _slots(self, tx: Transaction, spot: Spot, plan: Plan) -> list[Filling]:
        """What may stand in each slot."""
        return [
            await self._filling(tx, spot, slot, last=0 < number == len(plan.slots) - 1)
            for number, slot in enumerate(plan.slots)
        ]

    async def _filling(self, tx: Transaction, spot: Spot, slot: Slot, *, last: bool) -> Filling:
        mark = mark_of_account(spot.no)
        if not isinstance(slot, Words):
            return Filling([mark + token for token in slot])
        told = last and slot.accents and slot.place is Place.BEGINNING
        beginning = mark + slot.part if told else ""
        wanted = grams(slot.part)
        if wanted is None and told:
            return Filling(None, beginning)
        first, end = rows_of(spot.no)
        if wanted is None:
            rows = await tx.rows(_ALL_CHUNKS, first, end)
        else:
            rows = await tx.rows(_SOME_CHUNKS, first, end, wanted)
        found = filling((row[0] for row in rows), slot, MOST_WORDS)
        return Filling(None if found is None else [mark + word for word in sorted(found)], beginning)


def in_field(found: apsw.FTS5ExtensionApi, /, *given: object) -> bool:
    """Whether a document has a needle within the value of a field.

    Of the query the first phrases are what stands before the value, the next two the marks that fields begin
    with, all others the needle. `given` are how many are the first, and their tokens.
    """
    begins, length = (value for value in given if isinstance(value, int))
    ends = sorted(
        found.phrase_column_offsets(begins, _HEADER) + found.phrase_column_offsets(begins + 1, _HEADER)
    )
    places = [
        place
        for n in range(begins + 2, found.phrase_count)
        for place in found.phrase_column_offsets(n, _HEADER)
    ]
    for n in range(begins):
        for start in found.phrase_column_offsets(n, _HEADER):
            end = bisect_right(ends, start)
            limit = ends[end] if end < len(ends) else math.inf
            if any(start + length <= place < limit for place in places):
                return True
    return False
