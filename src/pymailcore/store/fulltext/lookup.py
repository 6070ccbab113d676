"""Asks the index: which Emails may have a needle, as SQL for the statement that a search is.

Theory. A search asks for the index's place of an account first, so that the snapshot of the index is not
newer than that of the store: what it lacks is then among the Emails that changed since that place (`tail`),
whatever is indexed meanwhile. The tail, and Emails that could not be read, are looked at one by one.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

import orjson

from pymailcore.base.ids import AccountId
from pymailcore.store.fulltext.index_file import BITS
from pymailcore.store.fulltext.vocabulary import filling, grams
from pymailcore.store.fulltext.words import Plan, Words
from pymailcore.store.types import Transaction

MOST_WORDS: Final = 20_000
"""Words that a part of a word may come to, some 10 us each; with more of them the messages are looked
through."""

MOST_PHRASES: Final = 8_000
"""Rows of words that a needle may come to, some 25 us each."""

TOGETHER: Final = 48
"""Up to so many are asked for at once. More of them one by one: for each document FTS5 looks at all of an
OR."""


class Spot(NamedTuple):
    """Where the index is with an account.

    Attributes:
        no: its number there; 0: the index has nothing of it.
        modseq: it has every Email that changed last at this or before.
    """

    no: int
    modseq: int


class Expression(NamedTuple):
    """What the index is asked for one needle.

    Attributes:
        texts: queries in the index's own language, any of which finds an Email.
        exact: what they find has the needle; else it may have it.
    """

    texts: tuple[str, ...]
    exact: bool


class TextIndex(Protocol):
    """The index of one engine, as searches use it."""

    @property
    def unindexed(self) -> str:
        """Condition on an Email `e`: the index does not say anything about it."""
        ...

    @property
    def keeps_attached(self) -> bool:
        """Whether what it finds in attachments may have to be confirmed, on text that it keeps of them."""
        ...

    async def attached(self, tx: Transaction, emails: Sequence[int]) -> dict[int, str]:
        """The normal text of attachments of some Emails, where it keeps that."""
        ...

    async def spot(self, tx: Transaction, account: AccountId) -> Spot | None:
        """Where the index is; to be the first that a search does. None: there is no index."""
        ...

    async def tail(self, tx: Transaction, account: AccountId, spot: Spot, most: int) -> list[int] | None:
        """Emails of the account that the index does not say anything about; None for more than `most`."""
        ...

    async def expression(
        self, tx: Transaction, spot: Spot, columns: Sequence[str], plan: Plan
    ) -> Expression | None:
        """What to ask for a plan in some columns; None: the index is of no help."""
        ...

    def both(self, texts: Sequence[str]) -> str:
        """What has all of these."""
        ...

    def having(self, spot: Spot, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A SELECT of the Emails that have what any query asks for, each once; `{}` for each argument."""
        ...

    def has(self, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A condition on one Email `e`: it has what any query asks for. For few Emails."""
        ...


class NoIndex:
    """For an engine without one."""

    unindexed: Final = "TRUE"
    keeps_attached: Final = False

    async def attached(self, tx: Transaction, emails: Sequence[int]) -> dict[int, str]:  # noqa: ARG002
        """It keeps nothing."""
        return {}

    async def spot(self, tx: Transaction, account: AccountId) -> Spot | None:  # noqa: ARG002 - the interface
        """There is no index."""
        return None

    async def tail(
        self,
        tx: Transaction,  # noqa: ARG002 - the interface
        account: AccountId,  # noqa: ARG002
        spot: Spot,  # noqa: ARG002
        most: int,  # noqa: ARG002
    ) -> list[int] | None:
        """All of them."""
        return None

    async def expression(
        self,
        tx: Transaction,  # noqa: ARG002 - the interface
        spot: Spot,  # noqa: ARG002
        columns: Sequence[str],  # noqa: ARG002
        plan: Plan,  # noqa: ARG002
    ) -> Expression | None:
        """It is of no help."""
        return None

    def both(self, texts: Sequence[str]) -> str:
        """Nothing is ever asked."""
        raise NotImplementedError

    def having(self, spot: Spot, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """Nothing is ever asked."""
        raise NotImplementedError

    def has(self, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """Nothing is ever asked."""
        raise NotImplementedError


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


def rows_of(no: int) -> tuple[int, int]:
    """The first and the last number that documents and chunks of an account may have."""
    return no << BITS, (no + 1 << BITS) - 1


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
        """A query of FTS5."""
        slots: list[Sequence[str] | None] = [
            await self._filling(tx, spot, slot) if isinstance(slot, Words) else slot for slot in plan.slots
        ]
        known = [slot for slot in slots if slot is not None]
        if any(not slot for slot in known):
            return Expression((_in(columns, [[_NOTHING]]),), exact=True)
        most = MOST_WORDS if len(slots) == 1 else MOST_PHRASES
        if known and len(known) == len(slots) and math.prod(map(len, known)) <= most:
            return Expression(_texts(columns, itertools.product(*known)), plan.exact)
        few = [slot for slot in known if len(slot) <= TOGETHER]
        if not few:
            return None
        parts = [_in(columns, [[token] for token in slot]) for slot in few]
        return Expression((self.both(parts),), exact=False)

    def both(self, texts: Sequence[str]) -> str:
        """What has all of these."""
        return " AND ".join(f"({text})" for text in texts)

    def having(self, spot: Spot, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A SELECT of Emails."""
        first, last = rows_of(spot.no)
        if len(texts) == 1:
            return (
                "SELECT d.email AS id FROM idx.words w CROSS JOIN idx.docs d ON d.doc = w.rowid"
                " WHERE w.words MATCH {} AND w.rowid BETWEEN {} AND {}",
                (texts[0], first, last),
            )
        return (
            "SELECT d.email AS id FROM (SELECT DISTINCT w.rowid AS doc FROM json_each({}) j"
            " CROSS JOIN idx.words w ON w.words MATCH j.value AND w.rowid BETWEEN {} AND {}) f"
            " CROSS JOIN idx.docs d ON d.doc = f.doc",
            (orjson.dumps(texts).decode(), first, last),
        )

    def has(self, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A condition on one Email."""
        return (
            "EXISTS (SELECT 1 FROM json_each({}) j CROSS JOIN idx.docs d ON d.email = e.id"
            " CROSS JOIN idx.words w ON w.rowid = d.doc AND w.words MATCH j.value)",
            (orjson.dumps(texts).decode(),),
        )

    async def _filling(self, tx: Transaction, spot: Spot, slot: Words) -> Sequence[str] | None:
        """The words that may stand in a slot; None: too many."""
        wanted = grams(slot.part)
        first, last = rows_of(spot.no)
        if wanted is None:
            rows = await tx.rows(_ALL_CHUNKS, first, last)
        else:
            rows = await tx.rows(_SOME_CHUNKS, first, last, wanted)
        found = filling((row[0] for row in rows), slot, MOST_WORDS)
        return None if found is None else sorted(found)


_NOTHING: Final = "\x1f\x1f"  # no token of a stream


def _texts(columns: Sequence[str], phrases: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """One query for some phrases, or one for each of many."""
    listed = list(phrases)
    if len(listed) <= TOGETHER:
        return (_in(columns, listed),)
    return tuple(_in(columns, [phrase]) for phrase in listed)


def _in(columns: Sequence[str], phrases: Iterable[Sequence[str]]) -> str:
    """FTS5's own language for any of some phrases in any of some columns."""
    quoted = ['"' + " ".join(phrase).replace('"', '""') + '"' for phrase in phrases]
    return f"{{{' '.join(columns)}}} : ({' OR '.join(quoted)})"
