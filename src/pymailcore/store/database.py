"""The database on SQLite: one writer, few readers, and reads by key on the loop."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

import outcome
import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.store.readers import Readers, ReadSide
from pymailcore.store.types import Transaction
from pymailcore.store.writer import Job, Writer, failure_of

T = TypeVar("T")
J = TypeVar("J", bound=Job)


class SqliteDatabase:
    """`types.Database` on SQLite, for the tasks of one trio run.

    Args:
        notify: told on the loop, once it is on disk, that an account is at a modseq.
        local: connection and packs for short reads on the loop.
    """

    def __init__(self, notify: Callable[[AccountId, int], None], local: ReadSide) -> None:
        self._notify = notify
        self._local = local
        self._token = trio.lowlevel.current_trio_token()
        self._writer: Writer | None = None
        self._readers: Readers | None = None

    def begin(self, writer: Writer, readers: Readers) -> None:
        """Take the threads that do the work; they call `deliver`."""
        self._writer = writer
        self._readers = readers

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run an operation and return once it is on disk; see `types.Database.write`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        job = Job(work, trio.lowlevel.current_task())
        self.writer.put((job,))
        return cast("T", await _wait())

    async def submit(self, put: Callable[[J], None], make: Callable[[trio.lowlevel.Task], J]) -> object:
        """Leave a job somewhere that passes it on to the writer, and wait for its outcome."""
        await trio.lowlevel.checkpoint_if_cancelled()
        put(make(trio.lowlevel.current_task()))
        return await _wait()

    async def write_each(self, works: Sequence[Callable[[Transaction], Awaitable[T]]]) -> list[T]:
        """Run several operations in order, each a transaction of its own; slices of one long piece of work.

        The first failure is raised when all have ended; those that did not fail stay done.
        """
        if not works:
            return []
        await trio.lowlevel.checkpoint_if_cancelled()
        task = trio.lowlevel.current_task()
        jobs = [Job(work, task if n == len(works) - 1 else None) for n, work in enumerate(works)]
        self.writer.put(jobs)
        last = await outcome.acapture(_wait)
        for job in jobs[:-1]:
            job.outcome().unwrap()
        last.unwrap()
        return [cast("T", job.result) for job in jobs]

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation on one snapshot, in a thread."""
        return await self.call(lambda side: side.snapshot(work))

    async def call(self, call: Callable[[ReadSide], T]) -> T:
        """Run a function in a reading thread."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._readers is None:
            raise TemporaryFailure("the store is closed")
        job = Job(_nothing, trio.lowlevel.current_task())
        self._readers.put(job, call)
        return cast("T", await _wait())

    def peek(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation that is certain to be short, here and now, on one snapshot."""
        return self.here(lambda side: side.snapshot(work))

    def here(self, call: Callable[[ReadSide], T]) -> T:
        """Run a function that is certain to be short with the loop's own connection."""
        try:
            return call(self._local)
        except Exception as error:
            raise failure_of(error) from error

    @property
    def writer(self) -> Writer:
        """The writer, once there is one."""
        if self._writer is None:
            raise TemporaryFailure("the store is closed")
        return self._writer

    def deliver(self, jobs: list[Job]) -> None:
        """Wake the tasks of finished jobs; called in any thread."""
        try:
            self._token.run_sync_soon(self._wake, jobs)
        except trio.RunFinishedError:
            return

    def _wake(self, jobs: list[Job]) -> None:
        for job in jobs:
            for account, modseq in job.moved.items():
                self._notify(account, modseq)
        for job in jobs:
            if job.task is not None:
                trio.lowlevel.reschedule(job.task, job.outcome())

    def close(self) -> None:
        """End the threads; blocks."""
        if self._readers is not None:
            self._readers.close()
        if self._writer is not None:
            self._writer.close()
        self._writer = None
        self._local.close()


async def _wait() -> object:
    return await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)


async def _nothing(tx: Transaction) -> None:
    """A job of a reader has its call elsewhere."""
