"""A store as it is at one moment: whatever it is asked is answered from one snapshot, in one visit.

So all that clients see can be compared without a hop between threads, or a transaction, for each question.
The operations asked are the store's own; how each of them comes to its snapshot is tested elsewhere.
"""

import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from pymailcore.store.backend import Backend
from pymailcore.store.places import BlobReader
from pymailcore.store.search_lane import SearchLane
from pymailcore.store.store import Store
from pymailcore.store.types import Database, Reading, Transaction

T = TypeVar("T")


class _Moment:
    """The part of `Database` that reads, on a snapshot that is there."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        return await work(self._tx)

    look = read


class _Rows:
    """The part of `Backend` that reads; it has no octets."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def reading(self, plan: Callable[[BlobReader], Reading[T]]) -> T:
        going = plan(cast("BlobReader", None))
        rows: Any = None
        while True:
            try:
                work = going.send(rows)
            except StopIteration as stop:
                return cast("T", stop.value)
            rows = await work(self._tx)


class _OpenLane:
    """Stands for `SearchLane` where nobody else searches, and there is no task that could wait."""

    @asynccontextmanager
    async def place(self, account: int) -> AsyncIterator[None]:  # noqa: ARG002 - as the lane has it
        yield


async def at_one_moment(store: Store, look: Callable[[Store, Transaction], Awaitable[T]]) -> T:
    """Look at a store, as often as wanted, as it is now.

    Args:
        look: awaits nothing but methods of the store it is given that read no octets, and its transaction.
    """

    async def work(tx: Transaction) -> T:
        engine = copy.copy(store.engine)
        engine.database = cast("Database", _Moment(tx))
        engine.backend = cast("Backend", _Rows(tx))
        engine.lane = cast("SearchLane", _OpenLane())
        return await look(Store(engine), tx)

    return await store.database.read(work)
