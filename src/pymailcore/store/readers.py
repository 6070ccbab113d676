"""Reading threads: each with a connection of its own, each operation on one snapshot.

Whose call is next goes by parties (`base.fair_queue`).
"""

import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import apsw
import trio

from pymailcore.base.fair_queue import FairQueue
from pymailcore.store.fulltext.reader import IndexReader
from pymailcore.store.places import BlobReader
from pymailcore.store.transaction import SqliteTransaction, drive
from pymailcore.store.types import Transaction
from pymailcore.store.writer import Job, failure_of

T = TypeVar("T")


_HELD: Final = "SELECT 1 UNION ALL SELECT 2"


class ReadSide:
    """What a reading thread works with: snapshots of the database with its text index, and the packs.

    Theory of an interrupt: SQLite forgets one as soon as no statement runs, and a search is many statements
    with work of ours between them. So a statement that reads nothing is left unfinished for as long as a call
    lasts (`hold`): what the call begins after the interrupt is ended, too.

    Args:
        index: None: nothing is searched for here.
    """

    def __init__(
        self, connection: apsw.Connection, packs: BlobReader, index: IndexReader | None = None
    ) -> None:
        self.connection = connection
        self.packs = packs
        self.index = index
        self._tx = SqliteTransaction(connection)
        self._held: apsw.Cursor | None = None

    def hold(self) -> None:
        """Begin a call: from now an interrupt counts until `let_go`."""
        self._held = self.connection.execute(_HELD)

    def let_go(self) -> None:
        """End a call; an interrupt has no effect any more."""
        if self._held is not None:
            self._held.close(True)
            self._held = None

    def snapshot(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation on one snapshot."""
        execute = self.connection.execute
        execute("BEGIN")
        try:
            return drive(work, self._tx)
        finally:
            try:
                execute("ROLLBACK")
            except apsw.InterruptError:
                self.let_go()
                execute("ROLLBACK")
                raise

    def single(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation of one statement."""
        return drive(work, self._tx)

    def close(self) -> None:
        """Close connection and packs."""
        self.connection.close(True)
        self.packs.close()


class ReadJob(Job):
    """A call of a reading thread and the task that waits for it.

    Attributes:
        connection: what is read from now; None before and after.
        stopped: the caller no longer wants it.
    """

    __slots__ = ("connection", "stopped")

    def __init__(self, task: trio.lowlevel.Task | None) -> None:
        super().__init__(_nothing, task)
        self.connection: apsw.Connection | None = None
        self.stopped = False


async def _nothing(tx: Transaction) -> None:
    """A job of a reader has its call elsewhere."""


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
        self._queue: FairQueue[tuple[ReadJob, Callable[[ReadSide], Any]]] = FairQueue()
        self._queueing = threading.Lock()
        self._turns: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True for each call; False: end
        self._stopping = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name=f"store-reader-{n}", daemon=True) for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, job: ReadJob, call: Callable[[ReadSide], Any]) -> None:
        """Leave a call."""
        with self._queueing:
            self._queue.put(job.party, (job, call))
        self._turns.put(True)

    def stop(self, job: ReadJob) -> None:
        """Let a call end soon, in the middle of a statement or with its next one; it then fails."""
        with self._stopping:
            job.stopped = True
            if job.connection is not None:
                job.connection.interrupt()

    def close(self) -> None:
        """Finish what was left, then end; blocks."""
        for _ in self._threads:
            self._turns.put(False)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        side: ReadSide | None = None
        while self._turns.get():
            job, call = self._next()
            try:
                if side is None:
                    side = self._connect()
                self._begin(job, side)
                job.result = call(side)
            except Exception as error:
                job.failure = failure_of(error)
            with self._stopping:
                job.connection = None
            if side is not None:
                side.let_go()
            with self._queueing:
                self._queue.done(job.party)
            self._deliver([job])
            del job, call
        if side is not None:
            side.close()

    def _next(self) -> tuple[ReadJob, Callable[[ReadSide], Any]]:
        with self._queueing:
            taken = self._queue.take()
        if taken is None:
            raise RuntimeError("a turn without a call")
        return taken[1]

    def _begin(self, job: ReadJob, side: ReadSide) -> None:
        side.hold()
        with self._stopping:
            if job.stopped:
                raise apsw.InterruptError("not begun")
            job.connection = side.connection


def waiting_task() -> trio.lowlevel.Task:
    """The task that a job will wake."""
    return trio.lowlevel.current_task()
