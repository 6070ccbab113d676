"""The database on SQLite: one writer, few readers, and reads by key on the loop."""

import fcntl
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar, cast

import outcome
import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.store.readers import Readers, ReadJob, ReadSide
from pymailcore.store.types import Transaction
from pymailcore.store.writer import FROZEN, Job, Writer, failure_of

T = TypeVar("T")
J = TypeVar("J", bound=Job)


class SqliteDatabase:
    """`types.Database` on SQLite, for the tasks of one trio run.

    Args:
        notify: told on the loop, once it is on disk, that an account is at a modseq.
        local: connection and packs for short reads on the loop.
        locks: folder of lock files.
    """

    kind: Final = "sqlite"

    def __init__(self, notify: Callable[[AccountId, int], None], local: ReadSide, locks: Path) -> None:
        self._notify = notify
        self._locks = locks
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

    async def read_long(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation that may take minutes on one snapshot, in a thread."""
        return await self.read(work)

    async def call(self, call: Callable[[ReadSide], T]) -> T:
        """Run a function in a reading thread; when the caller is cancelled a statement that runs is ended."""
        await trio.lowlevel.checkpoint_if_cancelled()
        readers = self._readers
        if readers is None:
            raise TemporaryFailure("the store is closed")
        job = ReadJob(trio.lowlevel.current_task())
        readers.put(job, call)

        def stop(raise_cancel: object) -> trio.lowlevel.Abort:  # noqa: ARG001 - trio's interface
            readers.stop(job)
            return trio.lowlevel.Abort.FAILED

        try:
            return cast("T", await trio.lowlevel.wait_task_rescheduled(stop))
        except TemporaryFailure:
            if job.stopped:
                await trio.lowlevel.checkpoint_if_cancelled()
            raise

    async def look(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation that is certain to be short on one snapshot; here and now, on the loop."""
        try:
            return self._local.snapshot(work)
        except Exception as error:
            raise failure_of(error) from error

    async def settle(self) -> None:
        """Writes come in turn: one that runs now has ended when the next one is run."""

    @asynccontextmanager
    async def try_lock(self, name: str) -> AsyncIterator[bool]:
        """Hold a lock that one process can have; see `types.Database.try_lock`."""
        descriptor = os.open(self._locks / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                ours = False
            else:
                ours = True
            yield ours
        finally:
            os.close(descriptor)

    @asynccontextmanager
    async def freeze(self) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
        """Keep all processes from writing; see `types.Database.freeze`."""
        descriptor = os.open(self._locks / FROZEN, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

        async def retire(reason: str) -> None:
            octets = reason.encode()
            os.pwrite(descriptor, octets, 0)
            os.ftruncate(descriptor, len(octets))
            os.fsync(descriptor)

        try:
            await trio.to_thread.run_sync(fcntl.flock, descriptor, fcntl.LOCK_EX)
            yield retire
        finally:
            os.close(descriptor)

    async def retired(self) -> str:
        """Why nothing is written here any more; see `types.Database.retired`."""
        path = self._locks / FROZEN
        return path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""

    async def join(self, name: str, first: Callable[[Transaction], Awaitable[T]]) -> T:  # noqa: ARG002
        """Whoever does something is the only one that does it: one family of processes has the store."""
        return await self.write(first)

    def tell(self, channel: int, value: int) -> None:
        """There are no other nodes."""

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
