"""The writer thread: group commit.

Theory: callers leave jobs in a queue. The thread takes what waits, opens ONE transaction under the lock
file that the processes share, runs each job, commits once, and wakes all callers in one call into the loop.
Savepoints cost a tenth of an append, and operations seldom raise. So a batch runs without them first; when
one of its operations raises, all of it is rolled back and runs again, now each under a savepoint of its own
to which it is rolled back, and so do the next batches, so that who makes operations fail on purpose gains
nothing. If the transaction went with a failure (a full disk does that) nothing of the batch counts and each
job runs again alone.
The connection is never interrupted and has no progress handler.
"""

import fcntl
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final

import apsw
import outcome
import trio

from pymailcore.base.errors import InsufficientStorage, MailError, TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.store.connection import ENVIRONMENT
from pymailcore.store.space import Space, is_full
from pymailcore.store.transaction import SqliteTransaction, drive
from pymailcore.store.types import Transaction

MAX_BATCH: Final = 256
MAX_BATCH_SECONDS: Final = 0.005
CAREFUL_BATCHES: Final = 64
"""So many batches run with savepoints after an operation has raised."""
FROZEN: Final = "frozen"
"""Lock file of those that write, and of those that keep them from it; text in it does so for good."""


class Job:
    """One operation and the task that waits for it."""

    __slots__ = ("failure", "moved", "result", "task", "work")

    def __init__(
        self, work: Callable[[Transaction], Awaitable[Any]], task: trio.lowlevel.Task | None
    ) -> None:
        self.work = work
        self.task = task
        self.result: Any = None
        self.failure: BaseException | None = None
        self.moved: dict[AccountId, int] = {}

    def outcome(self) -> "outcome.Outcome[Any]":
        """What the waiting task is to get."""
        if self.failure is not None:
            return outcome.Error(self.failure)
        return outcome.Value(self.result)


def failure_of(error: BaseException) -> BaseException:
    """Give what a caller gets for an error of the database."""
    if isinstance(error, ENVIRONMENT):
        kind = InsufficientStorage if is_full(error) else TemporaryFailure
        failure = kind(f"the database cannot be used now: {error}")
        failure.__cause__ = error
        return failure
    return error


Stage = Callable[[apsw.Connection, list[Job]], list[Job]]


class Writer:
    """Runs jobs on a connection of its own.

    Args:
        connect: opens the connection; called again after an input/output error.
        lock: file that the writers of all processes lock in turn.
        space: gives up its reserve when the disk is full.
        deliver: takes the jobs of a batch once they are on disk, or have failed; called in the thread.
        stage: puts on disk what jobs need before the lock is taken; gives those that failed.
    """

    def __init__(
        self,
        connect: Callable[[], apsw.Connection],
        lock: Path,
        space: Space,
        deliver: Callable[[list[Job]], None],
        stage: Stage,
    ) -> None:
        self._connect = connect
        self._stage = stage
        self._space = space
        self._deliver = deliver
        self._queue: queue.SimpleQueue[Iterable[Job] | None] = queue.SimpleQueue()
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._frozen = os.open(lock.with_name(FROZEN), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._connection = connect()
        self._tx = SqliteTransaction(self._connection)
        self._careful = 0  # batches that are still to run with savepoints
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def put(self, jobs: Iterable[Job]) -> None:
        """Leave jobs; those of one call stay in order."""
        self._queue.put(jobs)

    def close(self) -> None:
        """Finish what was left, then end; blocks."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()
        os.close(self._lock)
        os.close(self._frozen)

    def _run(self) -> None:
        waiting: deque[Job] = deque()
        open_ = True
        while open_ or waiting:
            arrived: list[Job] = []
            if not waiting:
                open_ = self._take(arrived, self._queue.get())
            while open_:
                try:
                    open_ = self._take(arrived, self._queue.get_nowait())
                except queue.Empty:
                    break
            if arrived:
                self._prepare(arrived, waiting)
            if waiting:
                self._deliver(self._batch(waiting))

    def _take(self, arrived: list[Job], jobs: Iterable[Job] | None) -> bool:
        if jobs is None:
            return False
        arrived.extend(jobs)
        return True

    def _prepare(self, arrived: list[Job], waiting: deque[Job]) -> None:
        failed = self._stage(self._connection, arrived)
        if failed:
            self._deliver(failed)
        waiting.extend(job for job in arrived if job not in failed)

    def _batch(self, waiting: deque[Job]) -> list[Job]:
        """Run and commit some of the jobs that wait; gives them with their outcomes."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            return self._refuse(waiting, f"the store cannot be locked now: {error}")
        try:
            refused = self._refused()
            if refused:
                return self._refuse(waiting, refused)
            done = self._try_all(waiting)
            if done is not None:
                return done
            # The transaction was lost: nothing of it counts. Each job again, alone.
            alone: list[Job] = []
            for job in list(self._unfinished):
                alone += self._try(deque([job]), 1) or [job]
            return alone
        finally:
            fcntl.flock(self._frozen, fcntl.LOCK_UN)
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _try_all(self, waiting: deque[Job]) -> list[Job] | None:
        """Run jobs in one transaction, a second time if one raised; None as with `_try`."""
        if self._careful == 0:
            done = self._try(waiting, MAX_BATCH, savepoints=False)
            if done is not None or self._careful == 0:
                return done
            waiting.extendleft(reversed(self._unfinished))
        self._careful -= 1
        return self._try(waiting, MAX_BATCH)

    def _refused(self) -> str:
        """Why nothing may be written, as the store is being moved or was; else that cannot begin now."""
        try:
            fcntl.flock(self._frozen, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if not os.fstat(self._frozen).st_size:
                return ""
            return os.pread(self._frozen, 4096, 0).decode("utf-8", "replace").strip()
        except BlockingIOError:
            return "the store is being moved to another place"
        except OSError as error:
            return f"the store cannot be locked now: {error}"

    def _refuse(self, waiting: deque[Job], reason: str) -> list[Job]:
        refused = list(waiting)
        waiting.clear()
        for job in refused:
            job.failure, job.moved = TemporaryFailure(reason), {}
        return refused

    def _try(self, waiting: deque[Job], limit: int, *, savepoints: bool = True) -> list[Job] | None:
        """Run jobs in one transaction; None: it was lost, and the jobs are in `_unfinished`."""
        done: list[Job] = []
        self._unfinished = done
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            until = time.perf_counter() + MAX_BATCH_SECONDS
            while waiting and len(done) < limit and (not done or time.perf_counter() < until):
                job = waiting.popleft()
                done.append(job)
                if not (self._run_one(job) if savepoints else self._run_plain(job)):
                    return self._lost(done, limit, job.failure)
            self._connection.execute("COMMIT")
        except Exception as error:
            if not done:
                done.append(waiting.popleft())
            return self._lost(done, limit, error)
        return done

    def _run_plain(self, job: Job) -> bool:
        """Run a job without a savepoint; False when it raised, so that the transaction must go."""
        self._tx.moved = job.moved = {}
        try:
            job.result = drive(job.work, self._tx)
        except Exception as error:
            job.failure = error
            if not isinstance(error, ENVIRONMENT):
                self._careful = CAREFUL_BATCHES
            return False
        job.failure = None
        return True

    def _run_one(self, job: Job) -> bool:
        """Run a job under a savepoint; False when the whole transaction went with it."""
        execute = self._connection.execute
        self._tx.moved = job.moved = {}
        job.failure = None
        execute("SAVEPOINT operation")
        try:
            job.result = drive(job.work, self._tx)
        except Exception as error:
            job.failure = failure_of(error)
            room = isinstance(error, apsw.FullError) and self._space.release_reserve()
            if room or not self._connection.in_transaction:
                return False
            job.moved = {}
            execute("ROLLBACK TO operation")
        execute("RELEASE operation")
        return True

    def _lost(self, done: list[Job], limit: int, error: BaseException | None) -> list[Job] | None:
        """Clear up after a lost transaction; at the last try its job fails, else None."""
        full = isinstance(error, apsw.FullError) or isinstance(
            getattr(error, "__cause__", None), apsw.FullError
        )
        if full:
            self._space.release_reserve()
        self._clear(error)
        if limit > 1 or len(done) > 1:
            return None
        for job in done:
            job.failure = failure_of(error) if error is not None else TemporaryFailure("lost")
            job.moved = {}
        return done

    def _clear(self, error: BaseException | None) -> None:
        cause = error.__cause__ if isinstance(error, MailError) else error
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(cause, apsw.IOError | apsw.CorruptError):  # never "sync again and hope"
                fresh = self._connect()
                self._connection.close(True)
                self._connection = fresh
                self._tx = SqliteTransaction(fresh)
        except (apsw.Error, TemporaryFailure):
            return  # the next batch meets the same trouble and says so to its callers
