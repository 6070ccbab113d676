"""What all parts of the directory stand on."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

from pymailcore.base.ids import IdMint
from pymailcore.directory.cache import Lookup, Memory
from pymailcore.directory.changes import Changes
from pymailcore.directory.settings import DirectorySettings
from pymailcore.store.store import Store
from pymailcore.store.types import Database, Transaction

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Tables, the way to change them, ids, time and chance.

    Attributes:
        database: where the tables are; the store's own.
        store: makes and removes the mail of accounts.
        now_ms: milliseconds since 1970.
        random_bytes: gives that many octets that nobody can guess.
    """

    database: Database
    store: Store
    ids: IdMint
    memory: Memory
    changes: Changes
    settings: DirectorySettings
    now_ms: Callable[[], int]
    random_bytes: Callable[[int], bytes]

    def lookup(self, load: Callable[[Transaction, K, set[int]], Awaitable[V]]) -> Lookup[K, V]:
        """A question whose answers are remembered until a thing that they depend on is touched.

        Args:
            load: reads the answer and adds the tags that it depends on (`cache.tag`).
        """
        return Lookup(
            self.database,
            load,
            self.memory,
            entries_count=self.settings.cache_entries_count,
            age_ms=int(self.settings.cache_seconds * 1000),
            now_ms=self.now_ms,
        )
