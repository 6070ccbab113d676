"""Look-ups that a process remembers for a short time.

Theory: an answer depends on tags, one for each thing that was looked at to find it: an address, a domain, an
account, a tenant. A change of the directory says which tags it touched, here and by a notice in all other
processes, and every answer that depends on one of them is out of date from then on; all others stay. A tag is
a number of 16 bits, so now and then a change forgets an answer that it did not touch; that costs one read. A
notice that got lost costs at most the entry's age.

`Memory` counts changes: a tag that is touched is stamped with the count, and an answer keeps the count at
which its reading began. An answer is good when none of its tags has a later stamp; so what was read before a
change is never given after it, also when it is remembered only then.

That an address is unknown is remembered too, in a place of its own: whoever tries names that do not exist
pushes out nothing that exists.
"""

import zlib
from array import array
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from pymailcore.base.ids import AccountId
from pymailcore.base.reach import unbounded
from pymailcore.runtime.hub import TAGS
from pymailcore.store.types import Database, Numbers, Row, Transaction

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MOST_STATEMENTS: Final = {"sqlite": 30}
"""Statements that a reading may run on the loop before it is taken to a thread; where each is a way to the
server a reading of one statement needs no snapshot."""
_UNKNOWN_SHARE: Final = 8
"""What is unknown may take this part of the entries."""


def tag(kind: str, key: object) -> int:
    """Give the tag of one thing; the same in all processes.

    Args:
        kind: "address", "domain", "account", "tenant" …
        key: what names it: the key form of an address, the name of a domain, an id.
    """
    return zlib.crc32(f"{kind}:{key}".encode()) & (TAGS - 1)


class Memory:
    """Says how long answers are good; one for all look-ups of a process."""

    def __init__(self) -> None:
        self._stamps = array("q", bytes(8 * TAGS))
        self._oldest = 0
        self.count = 0

    def touch(self, tags: Iterable[int]) -> None:
        """Make answers that depend on these tags out of date, and those that are being read now."""
        self.count += 1
        for number in tags:
            self._stamps[number] = self.count

    def forget(self) -> None:
        """Make all answers out of date."""
        self.count += 1
        self._oldest = self.count

    def is_good(self, count: int, tags: tuple[int, ...]) -> bool:
        """Whether an answer still holds whose reading began at `count`."""
        if count < self._oldest:
            return False
        stamps = self._stamps
        return all(stamps[number] <= count for number in tags)


class LongRead(Exception):
    """A reading ran more statements than it may where it was begun; it is to be run as a whole elsewhere."""


class ShortTransaction:
    """A transaction for a reading of a few statements; it cannot write.

    Args:
        most: statements that it may run; one more is LongRead.
    """

    def __init__(self, tx: Transaction, most: int) -> None:
        self._tx = tx
        self._left = most

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise LongRead

    async def row(self, sql: str, *args: object) -> Row | None:
        """Run one statement and give its first row, or None."""
        self._count()
        return await self._tx.row(sql, *args)

    async def rows(self, sql: str, *args: object) -> list[Row]:
        """Run one statement and give all its rows."""
        self._count()
        return await self._tx.rows(sql, *args)

    async def numbers(self, columns: int, sql: str, *args: object) -> Numbers:
        """Run one statement and give all its rows, end to end."""
        self._count()
        return await self._tx.numbers(columns, sql, *args)

    async def run(self, sql: str, *args: object) -> int:  # noqa: ARG002 - part of the interface
        """Refuse: this reads."""
        raise LongRead

    async def run_many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:  # noqa: ARG002 - the same
        """Refuse: this reads."""
        raise LongRead

    async def load(self, table: str, columns: object, rows: object) -> None:  # noqa: ARG002 - the same
        """Refuse: this reads."""
        raise LongRead

    async def lock(self, table: str, ids: Iterable[int] = ()) -> None:  # noqa: ARG002 - the same
        """Refuse: this reads."""
        raise LongRead

    def announce(self, account: AccountId, modseq: int) -> None:  # noqa: ARG002 - the same
        """Refuse: this reads."""
        raise LongRead


class Remembered(NamedTuple, Generic[V]):
    """An answer, what it depends on, and when it is to be forgotten."""

    value: V
    tags: tuple[int, ...]
    since: int
    expires_ms: int


class LookupCache(Generic[K, V]):
    """A bounded map whose entries age; the oldest entry makes room for a new one.

    Args:
        entries_count: most entries that are kept.
    """

    def __init__(self, entries_count: int) -> None:
        self._entries: dict[K, Remembered[V]] = {}
        self._limit = entries_count

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> Remembered[V] | None:
        """Give what is remembered, good or not."""
        return self._entries.get(key)

    def put(self, key: K, entry: Remembered[V]) -> None:
        """Remember an answer in place of an older one."""
        if self._limit < 1:
            return
        self._entries.pop(key, None)
        while len(self._entries) >= self._limit:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = entry

    def forget(self, key: K) -> None:
        """Forget one entry."""
        self._entries.pop(key, None)


class Lookup(Generic[K, V]):
    """One kind of question to the tables, answered from memory when it was asked a moment ago.

    Args:
        load: reads the answer, and adds to the set that it is given the tags that the answer depends on, also
            one that nothing is there; may run more than once.
        memory: knows what was changed since.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        load: Callable[[Transaction, K, set[int]], Awaitable[V]],
        memory: Memory,
        *,
        entries_count: int,
        age_ms: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._load = load
        self._memory = memory
        self._age_ms = age_ms
        self._now_ms = now_ms
        self._known: LookupCache[K, V] = LookupCache(entries_count)
        self._unknown: LookupCache[K, V] = LookupCache(entries_count // _UNKNOWN_SHARE)

    async def get(self, key: K) -> V:
        """Give the answer: at once when it is remembered, else after one short read."""
        found = self.peek(key)
        if found is not None:
            return found.value
        count = self._memory.count
        with unbounded():  # who asks next may be of another tenant
            try:
                value, tags = await self._database.look(self._short(key))
            except LongRead:
                value, tags = await self._database.read(self._whole(key))
        entry = Remembered(value, tags, count, self._now_ms() + self._age_ms)
        if value is None:
            self._known.forget(key)
            self._unknown.put(key, entry)
        else:
            self._unknown.forget(key)
            self._known.put(key, entry)
        return value

    def peek(self, key: K) -> Remembered[V] | None:
        """Give the answer if it is remembered and good."""
        found = self._known.get(key) or self._unknown.get(key)
        if found is None or found.expires_ms <= self._now_ms():
            return None
        return found if self._memory.is_good(found.since, found.tags) else None

    def _short(self, key: K) -> Callable[[Transaction], Awaitable[tuple[V, tuple[int, ...]]]]:
        most = _MOST_STATEMENTS.get(self._database.kind, 1)

        async def work(tx: Transaction) -> tuple[V, tuple[int, ...]]:
            tags = set[int]()
            return await self._load(ShortTransaction(tx, most), key, tags), tuple(tags)

        return work

    def _whole(self, key: K) -> Callable[[Transaction], Awaitable[tuple[V, tuple[int, ...]]]]:
        async def work(tx: Transaction) -> tuple[V, tuple[int, ...]]:
            tags = set[int]()
            return await self._load(tx, key, tags), tuple(tags)

        return work

    def forget(self, key: K) -> None:
        """Forget one answer."""
        self._known.forget(key)
        self._unknown.forget(key)
