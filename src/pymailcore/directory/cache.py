"""Look-ups that a process remembers for a short time.

Theory: an entry is right until somebody changes the directory. A change in this process, or a notice of
one in another, forgets everything (`invalidate`); a notice that got lost costs at most the entry's age.
A read that began before a change must not be remembered after it, so a reader takes the generation before it
asks the database, and `put` drops what is of an older one.
"""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from pymailcore.store.types import Database, Transaction

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cached(NamedTuple, Generic[V]):
    """A remembered value and when it is to be forgotten."""

    value: V
    expires_ms: int


class LookupCache(Generic[K, V]):
    """A bounded map whose entries age; the oldest entry makes room for a new one.

    Args:
        entries_count: most entries that are kept.
        age_ms: age at which an entry is no longer given.
    """

    def __init__(self, entries_count: int, age_ms: int) -> None:
        self._entries: dict[K, Cached[V]] = {}
        self._limit = entries_count
        self._age_ms = age_ms
        self.generation = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K, now_ms: int) -> Cached[V] | None:
        """Give what is remembered and fresh enough."""
        found = self._entries.get(key)
        return found if found is not None and found.expires_ms > now_ms else None

    def put(self, key: K, value: V, now_ms: int, generation: int) -> None:
        """Remember what was read while `generation` was in force."""
        if generation != self.generation or self._limit < 1:
            return
        self._entries.pop(key, None)
        while len(self._entries) >= self._limit:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = Cached(value, now_ms + self._age_ms)

    def forget(self, key: K) -> None:
        """Forget one entry."""
        self._entries.pop(key, None)

    def invalidate(self) -> None:
        """Forget everything, and all that is being read now."""
        self._entries.clear()
        self.generation += 1


class Lookup(Generic[K, V]):
    """One kind of question to the tables, answered from memory when it was asked a moment ago.

    Args:
        load: reads the answer; may run more than once.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        load: Callable[[Transaction, K], Awaitable[V]],
        *,
        entries_count: int,
        age_ms: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._load = load
        self._now_ms = now_ms
        self._cache: LookupCache[K, V] = LookupCache(entries_count, age_ms)

    async def get(self, key: K) -> V:
        """Give the answer: at once when it is remembered, else after one read."""
        now_ms = self._now_ms()
        known = self._cache.get(key, now_ms)
        if known is not None:
            return known.value
        generation = self._cache.generation

        async def work(tx: Transaction) -> V:
            return await self._load(tx, key)

        value = await self._database.read(work)
        self._cache.put(key, value, now_ms, generation)
        return value

    def forget(self, key: K) -> None:
        """Forget one answer."""
        self._cache.forget(key)

    def invalidate(self) -> None:
        """Forget everything, and all that is being read now."""
        self._cache.invalidate()
