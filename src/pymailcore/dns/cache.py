"""Answers that are kept for as long as their TTL allows.

Standards: RFC 1035 section 7.4, RFC 2308 sections 3 and 5 (negative answers). Nothing stale is given.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class AnswerCache(Generic[K, V]):
    """A bounded map with an end of life for each entry; the least lately used makes room.

    Args:
        entries_count: most entries that are kept.
    """

    def __init__(self, entries_count: int) -> None:
        self._entries: dict[K, tuple[V, float]] = {}
        self._limit = entries_count

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K, now: float) -> V | None:
        """Give an answer whose time has not run out."""
        found = self._entries.get(key)
        if found is None:
            return None
        if found[1] <= now:
            del self._entries[key]
            return None
        self._entries[key] = self._entries.pop(key)  # to the end: used last
        return found[0]

    def put(self, key: K, value: V, expires: float) -> None:
        """Keep an answer until `expires`, on the clock that `get` is given."""
        self._entries.pop(key, None)
        while self._entries and len(self._entries) >= self._limit:
            del self._entries[next(iter(self._entries))]
        if self._limit > 0:
            self._entries[key] = (value, expires)
