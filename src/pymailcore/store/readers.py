"""Reading threads: each with a connection of its own, each operation on one snapshot."""

import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import apsw
import trio

from pymailcore.store.places import BlobReader
from pymailcore.store.transaction import SqliteTransaction, drive
from pymailcore.store.types import Transaction
from pymailcore.store.writer import Job, failure_of

T = TypeVar("T")


class ReadSide:
    """What a reading thread works with: snapshots of the database, and the packs."""

    def __init__(self, connection: apsw.Connection, packs: BlobReader) -> None:
        self.connection = connection
        self.packs = packs
        self._tx = SqliteTransaction(connection)

    def snapshot(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation on one snapshot."""
        execute = self.connection.execute
        execute("BEGIN")
        try:
            return drive(work, self._tx)
        finally:
            execute("ROLLBACK")

    def single(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation of one statement."""
        return drive(work, self._tx)

    def close(self) -> None:
        """Close connection and packs."""
        self.connection.close(True)
        self.packs.close()


class Readers:
    """A few threads that take reading calls in turn.

    Args:
        connect: opens what one thread works with; called in the thread.
        deliver: takes finished jobs.
        count: how many threads.
    """

    def __init__(
        self, connect: Callable[[], ReadSide], deliver: Callable[[list[Job]], None], count: int
    ) -> None:
        self._connect = connect
        self._deliver = deliver
        self._queue: queue.SimpleQueue[tuple[Job, Callable[[ReadSide], Any]] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"store-reader-{n}", daemon=True) for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, job: Job, call: Callable[[ReadSide], Any]) -> None:
        """Leave a call."""
        self._queue.put((job, call))

    def close(self) -> None:
        """Finish what was left, then end; blocks."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        side: ReadSide | None = None
        while (item := self._queue.get()) is not None:
            job, call = item
            try:
                if side is None:
                    side = self._connect()
                job.result = call(side)
            except Exception as error:
                job.failure = failure_of(error)
            self._deliver([job])
            del job, call, item
        if side is not None:
            side.close()


def waiting_task() -> trio.lowlevel.Task:
    """The task that a job will wake."""
    return trio.lowlevel.current_task()
