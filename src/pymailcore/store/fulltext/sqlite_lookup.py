"""Asks the index on SQLite; see `lookup.TextIndex`.

Theory. Most needles are queries of FTS5: phrases of tokens, each token with the mark of the account. Two
kinds FTS5 cannot say by itself; they have a form of their own, a list in JSON:

- JOINED: a phrase whose words may each be any of thousands, such as `ing to`. FTS5 would be asked for each
  pair. Here the places of all words for one slot of the phrase are read from the index (fts5vocab), and those
  remain that stand right behind a place of the slot before, as a join of numbers.
- WITHIN: what is in the value of one field of the header. FTS5 finds the documents that have the field and
  the needle; `in_field` says whether the one is in the other.
"""

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

import apsw
import orjson

from pymailcore.base.ids import AccountId
from pymailcore.store.fulltext.index_file import BITS, COLUMNS, mark_of_account, rows_of
from pymailcore.store.fulltext.lookup import NO_HELP, Expression, Spot
from pymailcore.store.fulltext.vocabulary import filling, grams
from pymailcore.store.fulltext.words import FIELD, PART_FIELD, Plan, Slot, Words
from pymailcore.store.types import Transaction

MOST_WORDS: Final = 20_000
"""Words that a part of a word may come to, some 10 us each; with more of them the messages are looked
through."""

MOST_PHRASES: Final = 8_000
"""Rows of words that a needle may come to, some 25 us each."""

TOGETHER: Final = 48
"""Up to so many are asked for at once. More of them one by one: for each document FTS5 looks at all of an
OR."""

MOST_IN_FIELD: Final = 1_000
"""Rows of words that a needle in a field of the header may come to."""

MOST_ENTRIES: Final = 4_000_000
"""Words in documents whose places are joined for one needle, some 1 us each."""

MOST_HELD: Final = 1_500_000
"""The same of all slots but the most frequent; their places are held in memory, some 25 octets each."""

LOOKING: Final = 200
"""As many entries are as dear as looking at one message."""

FREQUENT: Final = 12
"""As many entries of one word have so many places that these are as dear as one query."""

PER_QUERY: Final = 25
"""As many entries are as dear as one query."""

PLACES: Final = "CREATE VIRTUAL TABLE temp.text_places USING fts5vocab(idx, words, instance)"
"""What a connection needs: term, document, column and offset of all that is in the index."""

IN_FIELD: Final = "in_field"
"""The function `in_field` in SQL."""

_JOINED: Final = "joined"
_WITHIN: Final = "within"
_HEADER: Final = COLUMNS.index("header")
_PLACE_BITS: Final = 31
_COLUMN_BITS: Final = 28
_NOTHING: Final = "\x1f\x1f"  # no token of a stream

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
_ENTRIES: Final = (
    "SELECT x.number, count(*) FROM (SELECT j.key AS number FROM json_each(?1) j"
    " CROSS JOIN idx.words w ON w.words MATCH j.value LIMIT ?2) x GROUP BY x.number"
)
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
_COUNT: Final = "SELECT count(*) FROM (SELECT 1 FROM idx.words w WHERE w.words MATCH ?1 LIMIT ?2) x"


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
        return await _asked(tx, columns, await self._slots(tx, spot, plan), exact=plan.exact)

    async def field(self, tx: Transaction, spot: Spot, name: Plan, needle: Plan | None) -> Expression | None:
        """What to ask for a field of the header."""
        if needle is None:
            return await self.expression(tx, spot, ("header",), name)
        slots = await self._slots(tx, spot, needle)
        known = [slot for slot in slots if slot is not None]
        if any(not slot for slot in known):
            return Expression((_in(["header"], [[_NOTHING]]),), exact=True)
        if len(known) < len(slots) or not needle.exact or math.prod(map(len, known)) > MOST_IN_FIELD:
            return await self._coarse_field(tx, spot, name, slots)
        begins = list(itertools.product(*[slot or () for slot in await self._slots(tx, spot, name)]))
        mark = mark_of_account(spot.no)
        before = f"{{header}} : (({_any(begins)}) AND ({_any([[mark + FIELD], [mark + PART_FIELD]])})"
        phrases = list(itertools.product(*known))
        cost = len(phrases)
        if cost > TOGETHER:
            asked = orjson.dumps([_in(["header"], [phrase]) for phrase in phrases]).decode()
            phrases = [phrases[number] for (number,) in await tx.rows(_THERE, asked)]
        groups = [phrases[start : start + TOGETHER] for start in range(0, len(phrases), TOGETHER)]
        queries = [f"{before} AND ({_any(group)}))" for group in groups]
        text = orjson.dumps([_WITHIN, queries, len(begins), len(name.slots)]).decode()
        return Expression((text,), exact=True, alone=True, cost=max(cost, 1))

    async def _coarse_field(
        self, tx: Transaction, spot: Spot, name: Plan, slots: Sequence[Sequence[str] | None]
    ) -> Expression | None:
        """What has a field, and the needle anywhere in its header."""
        found = await self.expression(tx, spot, ("header",), name)
        needle = await _asked(tx, ["header"], slots, exact=False)
        if found is None or needle is None:
            return None if found is None else found._replace(exact=False, cost=NO_HELP)
        if len(needle.texts) > 1 or needle.alone:
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
        return _join(spot, *given)

    def has(self, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A condition on one Email."""
        return (
            "EXISTS (SELECT 1 FROM json_each({}) j CROSS JOIN idx.docs d ON d.email = e.id"
            " CROSS JOIN idx.words w ON w.rowid = d.doc AND w.words MATCH j.value)",
            (orjson.dumps(texts).decode(),),
        )

    async def _slots(self, tx: Transaction, spot: Spot, plan: Plan) -> list[Sequence[str] | None]:
        """The tokens, with the account's mark, that may stand in each slot; None: too many."""
        mark = mark_of_account(spot.no)
        slots: list[Sequence[str] | None] = []
        for slot in plan.slots:
            found = await self._filling(tx, spot, slot)
            slots.append(None if found is None else [mark + token for token in found])
        return slots

    async def _filling(self, tx: Transaction, spot: Spot, slot: Slot) -> Sequence[str] | None:
        if not isinstance(slot, Words):
            return slot
        wanted = grams(slot.part)
        first, last = rows_of(spot.no)
        if wanted is None:
            rows = await tx.rows(_ALL_CHUNKS, first, last)
        else:
            rows = await tx.rows(_SOME_CHUNKS, first, last, wanted)
        found = filling((row[0] for row in rows), slot, MOST_WORDS)
        return None if found is None else sorted(found)


def _any(phrases: Iterable[Sequence[str]]) -> str:
    """FTS5's own language for any of some phrases."""
    return " OR ".join(['"' + " ".join(phrase).replace('"', '""') + '"' for phrase in phrases])


def _in(columns: Sequence[str], phrases: Iterable[Sequence[str]]) -> str:
    """The same in any of some columns."""
    return f"{{{' '.join(columns)}}} : ({_any(phrases)})"


def _texts(columns: Sequence[str], phrases: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """One query for some phrases, or one for each of many."""
    listed = list(phrases)
    if len(listed) <= TOGETHER:
        return (_in(columns, listed),)
    return tuple(_in(columns, [phrase]) for phrase in listed)


def _coarse(columns: Sequence[str], slots: Sequence[Sequence[str] | None]) -> Expression | None:
    """What has the slots that few words fill: those that follow each other as phrases."""
    parts: list[str] = []
    run: list[Sequence[str]] = []
    for slot in [*slots, None]:
        fits = slot is not None and len(slot) <= TOGETHER
        if fits and slot is not None and len(slot) * math.prod(map(len, run)) <= TOGETHER:
            run.append(slot)
            continue
        if run:
            parts.append(_in(columns, itertools.product(*run)))
        run = [slot] if fits and slot is not None else []
    if not parts:
        return None
    return Expression((" AND ".join(f"({part})" for part in parts),), exact=False)


async def _asked(
    tx: Transaction, columns: Sequence[str], slots: Sequence[Sequence[str] | None], *, exact: bool
) -> Expression | None:
    """What to ask for a row of slots."""
    known = [slot for slot in slots if slot is not None]
    if any(not slot for slot in known):
        return Expression((_in(columns, [[_NOTHING]]),), exact=True)
    if not known:
        return None
    coarse = _coarse(columns, slots)
    if len(known) < len(slots):
        return None if coarse is None else coarse._replace(cost=NO_HELP)
    if math.prod(map(len, known)) <= (MOST_WORDS if len(slots) == 1 else MOST_PHRASES):
        texts = _texts(columns, itertools.product(*known))
        return Expression(texts, exact, cost=len(texts))
    return await _joined(tx, columns, known, coarse, exact=exact) if len(slots) > 1 else coarse


async def _joined(
    tx: Transaction,
    columns: Sequence[str],
    slots: Sequence[Sequence[str]],
    coarse: Expression | None,
    *,
    exact: bool,
) -> Expression | None:
    """Queries for the frequent words, a join of places for all others; or `coarse`, where that is cheaper."""
    entries: list[dict[str, int]] = []
    left = MOST_ENTRIES
    for slot in slots:
        entries.append(await _entries(tx, columns, slot, left + 1))
        left -= sum(entries[-1].values())
        if left < 0:
            return None if coarse is None else coarse._replace(cost=MOST_ENTRIES // PER_QUERY)
    total = MOST_ENTRIES - left
    if coarse is not None and await _count(tx, coarse.texts[0], total // LOOKING + 1) <= total // LOOKING:
        return coarse
    phrases = _frequent(entries)
    texts = [_in(columns, [phrase]) for phrase in phrases]
    sums = [sum(slot.values()) for slot in entries]
    if sum(sums) - max(sums) > MOST_HELD:
        return coarse
    if all(entries):
        order = sorted(range(len(slots)), key=lambda n: sums[n])
        listed = [[n, list(entries[n])] for n in order]
        texts.append(orjson.dumps([_JOINED, columns, listed]).decode())
    if not texts:
        texts.append(_in(columns, [[_NOTHING]]))
    cost = len(phrases) + sum(sums) // PER_QUERY
    return Expression(tuple(texts), exact, alone=True, cost=max(1, cost))


def _frequent(entries: list[dict[str, int]]) -> list[tuple[str, ...]]:
    """Take out words with very many places; gives the rows of words that they are in.

    The places of such a word cost more than asking for it before or behind each word of the other slots.
    """
    phrases: list[tuple[str, ...]] = []
    for n, slot in enumerate(entries):
        others = math.prod(len(one) for m, one in enumerate(entries) if m != n)
        found = [token for token, count in slot.items() if count > FREQUENT * others]
        if len(phrases) + len(found) * others <= MOST_PHRASES:
            phrases += itertools.product(*entries[:n], found, *entries[n + 1 :])
            for token in found:
                del slot[token]
    return phrases


async def _entries(
    tx: Transaction, columns: Sequence[str], tokens: Sequence[str], most: int
) -> dict[str, int]:
    """In how many documents each token is, `most` in all; those that are in none are left out."""
    queries = [_in(columns, [[token]]) for token in tokens]
    rows = await tx.rows(_ENTRIES, orjson.dumps(queries).decode(), most)
    return {tokens[number]: count for number, count in rows}


async def _count(tx: Transaction, query: str, most: int) -> int:
    row = await tx.row(_COUNT, query, most)
    return 0 if row is None else int(row[0])


def _join(
    spot: Spot, columns: Sequence[str], slots: Sequence[tuple[int, Sequence[str]]]
) -> tuple[str, tuple[object, ...]]:
    """Documents where words stand one behind the other.

    A place is one number: document, column, offset. That of the n-th word of a row is n more than that of the
    first.
    """
    numbers = " ".join(f"WHEN '{column}' THEN {n << _COLUMN_BITS}" for n, column in enumerate(columns))
    column = f" + CASE p.col {numbers} END" if len(columns) > 1 else ""
    listed = ", ".join(f"'{column}'" for column in columns)
    sql = ""
    args: list[object] = []
    for n, tokens in slots:
        place = f"((p.doc & {(1 << BITS) - 1}) << {_PLACE_BITS}){column} + p.offset - {n}"
        inner = f" AND {place} IN ({sql})" if sql else ""
        sql = (
            f"SELECT {place} AS place FROM json_each({{}}) j CROSS JOIN temp.text_places p"  # noqa: S608
            f" ON p.term = j.value WHERE p.col IN ({listed}){inner}"
        )
        args.insert(0, orjson.dumps(tokens).decode())
    first, _ = rows_of(spot.no)
    return (
        "SELECT d.email AS id FROM"  # noqa: S608
        f" (SELECT DISTINCT {first} + (x.place >> {_PLACE_BITS}) AS doc FROM ({sql}) x) f"
        " CROSS JOIN idx.docs d ON d.doc = f.doc",
        tuple(args),
    )


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
