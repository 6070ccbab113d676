"""Phrases as the index on SQLite is asked for them: which way is the cheapest.

Theory. A phrase whose slots come to few rows of words is a query of FTS5 for each row. Two things are cheaper
where there are many:

- The last slot, where it takes any word with a beginning, is a prefix query of FTS5, which goes through the
  places of all these words at once.
- The places of all words for one slot are read from the index (fts5vocab), and those remain that stand right
  behind a place of the slot before, as a join of numbers. FTS5 has no OR inside of a phrase.

Places are counted before; that costs a tenth of joining them.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from pymailcore.store.fulltext.index_file import BITS, rows_of
from pymailcore.store.fulltext.lookup import NO_HELP, Expression, Spot
from pymailcore.store.types import Transaction

MOST_WORDS: Final = 20_000
"""Words that a part of a word may come to, some 10 us each; with more of them the messages are looked
through."""

MOST_PHRASES: Final = 8_000
"""Rows of words that a needle may come to, some 25 us each."""

AT_ONCE: Final = 200
"""Up to so many rows of words are asked for without counting what else would be cheaper."""

TOGETHER: Final = 48
"""Up to so many are asked for at once. More of them one by one: for each document FTS5 looks at all of an
OR."""

MOST_PLACES: Final = 8_000_000
"""Places of words that are joined for one needle, some 0.4 us each."""

MOST_HELD: Final = 2_500_000
"""The same of all slots but the most frequent; they are held in memory, some 25 octets each."""

LOOKING: Final = 500
"""As many places are as dear as looking at one message."""

PER_QUERY: Final = 60
"""As many places that are joined are as dear as one query."""

PER_PREFIX: Final = 250
"""As many places that a prefix query goes through are as dear as another one."""

MOST_ROWS: Final = 400_000
"""Words with one beginning that are counted."""

COUNTS: Final = "CREATE VIRTUAL TABLE temp.text_counts USING fts5vocab(idx, words, row)"
PLACES: Final = "CREATE VIRTUAL TABLE temp.text_places USING fts5vocab(idx, words, instance)"
"""What a connection needs: in how many documents a term is; term, document, column and offset of all that is
in the index."""

JOINED: Final = "joined"
"""First of the list that a join is as a text."""

NOTHING: Final = "\x1f\x1f"
"""No token of a stream."""

_PLACE_BITS: Final = 31
_COLUMN_BITS: Final = 28
_LAST: Final = "\U0010ffff"  # no word begins with it

_COUNT_LISTED: Final = (
    "SELECT count(*), coalesce(sum(c.cnt), 0) FROM json_each(?1) j"
    " CROSS JOIN temp.text_counts c ON c.term = j.value"
)
_COUNT_RANGE: Final = (
    "SELECT count(*), coalesce(sum(x.cnt), 0) FROM"
    " (SELECT cnt FROM temp.text_counts WHERE term >= ?1 AND term < ?2 LIMIT ?3) x"
)
_RANGE: Final = "SELECT term FROM temp.text_counts WHERE term >= ?1 AND term < ?2 LIMIT ?3"
_LISTED_PLACES: Final = "json_each({}) j CROSS JOIN temp.text_places p WHERE p.term = j.value"
_RANGE_PLACES: Final = "temp.text_places p WHERE p.term >= {} AND p.term < {}"
_COUNT: Final = "SELECT count(*) FROM (SELECT 1 FROM idx.words w WHERE w.words MATCH ?1 LIMIT ?2) x"


class Filling(NamedTuple):
    """What may stand in a slot.

    Attributes:
        tokens: these, with the account's mark; None: too many, or not told.
        beginning: any that begins so may, where not "".
    """

    tokens: Sequence[str] | None
    beginning: str = ""

    @property
    def limits(self) -> tuple[str, str]:
        """What is told by its beginning, in the order of the index."""
        return self.beginning, self.beginning + _LAST


class Phrases(NamedTuple):
    """Rows of tokens.

    Attributes:
        prefix: the last token of each is the beginning of one.
        cost: as many queries are as dear.
    """

    rows: Sequence[Sequence[str]]
    prefix: bool = False
    cost: int = 0

    @property
    def text(self) -> str:
        """FTS5's own language for any of them."""
        star = "*" if self.prefix else ""
        return " OR ".join(['"' + " ".join(row).replace('"', '""') + '"' + star for row in self.rows])

    def groups(self, size: int) -> list["Phrases"]:
        """The same, some at a time."""
        return [self._replace(rows=self.rows[at : at + size]) for at in range(0, len(self.rows), size)]


def within(columns: Sequence[str], text: str) -> str:
    """FTS5's own language for a text in any of some columns."""
    return f"{{{' '.join(columns)}}} : ({text})"


def nothing(columns: Sequence[str]) -> Expression:
    """What no document has."""
    return Expression((within(columns, f'"{NOTHING}"'),), exact=True)


async def phrases_of(tx: Transaction, slots: Sequence[Filling], at_most: int) -> Phrases | None:
    """The rows of tokens that slots come to, by the cheaper way.

    Returns:
        None where they cost more than `at_most`.
    """
    *before, last = slots
    rows = math.prod(len(slot.tokens or ()) for slot in before)
    tokens = last.tokens
    if last.beginning and (tokens is None or rows * len(tokens) > AT_ONCE):
        words, places = await count_beginning(tx, last)
        by_prefix = rows * (1 + places // PER_PREFIX)
        if by_prefix < rows * words:
            if by_prefix > at_most:
                return None
            listed = [slot.tokens or () for slot in before]
            return Phrases(list(itertools.product(*listed, [last.beginning])), prefix=True, cost=by_prefix)
        if tokens is None and rows * words <= at_most:
            tokens = [row[0] for row in await tx.rows(_RANGE, *last.limits, words)]
    if tokens is None or rows * len(tokens) > at_most:
        return None
    product = list(itertools.product(*[slot.tokens or () for slot in before], tokens))
    return Phrases(product, cost=len(product))


async def count_beginning(tx: Transaction, slot: Filling) -> tuple[int, int]:
    """How many words begin so, and how many places they have in all."""
    row = await tx.row(_COUNT_RANGE, *slot.limits, MOST_ROWS)
    return (0, 0) if row is None else (row[0], row[1])


async def asked(
    tx: Transaction, columns: Sequence[str], slots: Sequence[Filling], *, exact: bool
) -> Expression | None:
    """What to ask for a row of slots; None: the index is of no help."""
    if any(slot.tokens is not None and not slot.tokens for slot in slots):
        return nothing(columns)
    coarse = _coarse(columns, slots)
    if any(slot.tokens is None for slot in slots[:-1]) or not (slots[-1].beginning or slots[-1].tokens):
        return None if coarse is None else coarse._replace(cost=NO_HELP)
    least = min(AT_ONCE, MOST_PHRASES) if len(slots) > 1 else MOST_WORDS
    found = await phrases_of(tx, slots, least)
    if found is not None:
        return _expression(columns, found, exact=exact)
    return await _joined(tx, columns, slots, coarse, exact=exact) if len(slots) > 1 else coarse


def _expression(columns: Sequence[str], phrases: Phrases, *, exact: bool) -> Expression:
    if not phrases.rows:
        return nothing(columns)
    groups = phrases.groups(1) if len(phrases.rows) > TOGETHER else [phrases]
    texts = tuple([within(columns, group.text) for group in groups])
    return Expression(texts, exact, cost=max(phrases.cost if phrases.prefix else 1, len(texts)))


def _coarse(columns: Sequence[str], slots: Sequence[Filling]) -> Expression | None:
    """What has the slots that few words fill: those that follow each other as phrases."""
    parts: list[str] = []
    run: list[Sequence[str]] = []
    for tokens in [*(slot.tokens for slot in slots), None]:
        fits = tokens is not None and len(tokens) <= TOGETHER
        if fits and tokens is not None and len(tokens) * math.prod(map(len, run)) <= TOGETHER:
            run.append(tokens)
            continue
        if run:
            parts.append(within(columns, Phrases(list(itertools.product(*run))).text))
        run = [tokens] if fits and tokens is not None else []
    if not parts:
        return None
    return Expression((" AND ".join(f"({part})" for part in parts),), exact=False)


class _Counted(NamedTuple):
    """A slot, and how many words and places it comes to."""

    slot: Filling
    words: int
    places: int

    @property
    def tables(self) -> tuple[str, Sequence[str]]:
        """What its places are read from, with a condition; and the arguments."""
        if self.slot.tokens is None:
            return _RANGE_PLACES, self.slot.limits
        return _LISTED_PLACES, [orjson.dumps(list(self.slot.tokens)).decode()]


async def _counted(tx: Transaction, slot: Filling) -> _Counted:
    if slot.tokens is None:
        return _Counted(slot, *await count_beginning(tx, slot))
    row = await tx.row(_COUNT_LISTED, orjson.dumps(list(slot.tokens)).decode())
    return _Counted(slot, *(row or (0, 0)))


async def _joined(
    tx: Transaction,
    columns: Sequence[str],
    slots: Sequence[Filling],
    coarse: Expression | None,
    *,
    exact: bool,
) -> Expression | None:
    """The cheapest of all phrases, what is looked at, and a join of places."""
    counted = [await _counted(tx, slot) for slot in slots]
    if not all(slot.words for slot in counted):
        return nothing(columns)
    counts = [slot.places for slot in counted]
    total = sum(counts)
    if total > MOST_PLACES:
        return None if coarse is None else coarse._replace(cost=MOST_PLACES // PER_QUERY)
    found = await phrases_of(tx, slots, min(MOST_PHRASES, total // PER_QUERY))
    if found is not None:
        return _expression(columns, found, exact=exact)
    if coarse is not None and await _count(tx, coarse.texts[0], total // LOOKING + 1) <= total // LOOKING:
        return coarse
    if total - max(counts) > MOST_HELD:
        return coarse
    order = sorted(range(len(slots)), key=lambda n: counts[n])
    text = orjson.dumps([JOINED, columns, [(n, *counted[n].tables) for n in order]]).decode()
    return Expression((text,), exact, alone=True, cost=max(1, total // PER_QUERY))


async def _count(tx: Transaction, query: str, most: int) -> int:
    row = await tx.row(_COUNT, query, most)
    return 0 if row is None else int(row[0])


def join(
    spot: Spot, columns: Sequence[str], slots: Sequence[tuple[int, str, Sequence[object]]]
) -> tuple[str, tuple[object, ...]]:
    """Emails where words stand one behind the other: a SELECT, of what follows `JOINED` in a text.

    A place is one number: document, column, offset. That of the n-th word of a row is n more than that of the
    first.
    """
    numbers = " ".join(f"WHEN '{column}' THEN {n << _COLUMN_BITS}" for n, column in enumerate(columns))
    column = f" + CASE p.col {numbers} END" if len(columns) > 1 else ""
    listed = ", ".join(f"'{column}'" for column in columns)
    sql = ""
    args: list[object] = []
    for n, tables, given in slots:
        place = f"((p.doc & {(1 << BITS) - 1}) << {_PLACE_BITS}){column} + p.offset - {n}"
        inner = f" AND {place} IN ({sql})" if sql else ""
        sql = f"SELECT {place} AS place FROM {tables} AND p.col IN ({listed}){inner}"  # noqa: S608
        args = [*given, *args]
    first, _ = rows_of(spot.no)
    return (
        "SELECT d.email AS id FROM"  # noqa: S608
        f" (SELECT DISTINCT {first} + (x.place >> {_PLACE_BITS}) AS doc FROM ({sql}) x) f"
        " CROSS JOIN idx.docs d ON d.doc = f.doc",
        tuple(args),
    )
