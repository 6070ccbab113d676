"""The writer thread: group commit.

Theory: callers leave jobs in a queue. The thread takes what waits, opens ONE transaction under the lock
file that the processes share, runs each job, commits once, and wakes all callers in one call into the loop.
Savepoints cost a tenth of an append, and operations seldom raise. So a batch runs without them first; when
one of its operations raises, all of it is rolled back and runs again, now each under a savepoint of its own
to which it is rolled back, and so do the next batches, so that who makes operations fail on purpose gains
nothing. If the transaction went with a failure (a full disk does that) nothing of the batch counts and each
job runs again alone.
Whose operation is next goes by parties (`base.fair_queue`): a batch takes from each in turn, and a tenant
that shares a batch has no more than `LEAST_SHARE` operations in it, or half. So one that leaves a thousand at
once holds up another by one batch.
The connection is never interrupted and has no progress handler.
"""

import fcntl
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import apsw
import outcome
import trio

from pymailcore.base.errors import InsufficientStorage, MailError, TemporaryFailure
from pymailcore.base.fair_queue import FairQueue
from pymailcore.base.ids import AccountId
from pymailcore.base.parties import current_party
from pymailcore.store.connection import ENVIRONMENT
from pymailcore.store.space import Space, is_full
from pymailcore.store.transaction import SqliteTransaction, drive
from pymailcore.store.types import Transaction

MAX_BATCH: Final = 256
MAX_BATCH_SECONDS: Final = 0.005
LEAST_SHARE: Final = 16
"""So many operations of one tenant a batch takes in any case."""
CAREFUL_BATCHES: Final = 64
"""So many batches run with savepoints after an operation has raised."""
FROZEN: Final = "frozen"
"""Lock file of those that write, and of those that keep them from it; text in it does so for good."""


class Job:
    """One operation and the task that waits for it; made in the task that wants it.

    Attributes:
        staged: nothing has to be on disk before it runs.
    """

    __slots__ = ("failure", "moved", "party", "result", "staged", "task", "work")

    def __init__(
        self, work: Callable[[Transaction], Awaitable[Any]], task: trio.lowlevel.Task | None
    ) -> None:
        self.work = work
        self.task = task
        self.party = current_party()
        self.staged = True
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
        self._open = True
        self._waiting: FairQueue[Job] = FairQueue()
        self._again: deque[Job] = deque()  # taken from it, and run again before all others
        self._late: list[Job] = []  # came while the lock was waited for
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
        while self._open or self._late or self._waiting or self._again:
            arrived, self._late = self._late, []
            if not (arrived or self._waiting or self._again):
                self._take(arrived, self._queue.get())
            self._take_all(arrived)
            if arrived:
                self._prepare(arrived)
            if self._waiting or self._again:
                self._deliver(self._batch())

    def _take(self, arrived: list[Job], jobs: Iterable[Job] | None) -> None:
        if jobs is None:
            self._open = False
        else:
            arrived.extend(jobs)

    def _take_all(self, arrived: list[Job]) -> None:
        """Take what was left by now."""
        while self._open:
            try:
                self._take(arrived, self._queue.get_nowait())
            except queue.Empty:
                return

    def _join(self) -> None:
        """Let what came while the lock was waited for run, too; what needs the disk first comes next."""
        arrived: list[Job] = []
        self._take_all(arrived)
        self._enqueue(job for job in arrived if job.staged)
        self._late = [job for job in arrived if not job.staged]

    def _prepare(self, arrived: list[Job]) -> None:
        failed = self._stage(self._connection, arrived)
        if failed:
            self._deliver(failed)
        self._enqueue(job for job in arrived if job not in failed)

    def _enqueue(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._waiting.put(job.party, job)

    def _batch(self) -> list[Job]:
        """Run and commit some of the jobs that wait; gives them with their outcomes."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            return self._refuse(f"the store cannot be locked now: {error}")
        try:
            refused = self._refused()
            if refused:
                return self._refuse(refused)
            self._join()
            done = self._try_all()
            if done is None:
                # The transaction was lost: nothing of it counts. Each job again, alone.
                done = []
                for job in list(self._unfinished):
                    done += self._try(iter([job]), 1) or [job]
        finally:
            fcntl.flock(self._frozen, fcntl.LOCK_UN)
            fcntl.flock(self._lock, fcntl.LOCK_UN)
        for job in done:
            self._waiting.done(job.party)
        return done

    def _try_all(self) -> list[Job] | None:
        """Run jobs in one transaction, a second time if one raised; None as with `_try`."""
        if self._careful == 0:
            done = self._try(self._in_turn(), MAX_BATCH, savepoints=False)
            if done is not None or self._careful == 0:
                return done
            self._again.extendleft(reversed(self._unfinished))
        self._careful -= 1
        return self._try(self._in_turn(), MAX_BATCH)

    def _in_turn(self) -> Iterator[Job]:
        """The jobs of one batch in the order of their turns; each that is asked for is taken."""
        waiting = self._waiting
        while self._again:
            yield self._again.popleft()
        while (taken := waiting.take(max(LEAST_SHARE, waiting.taken // 2))) is not None:
            yield taken[1]

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

    def _refuse(self, reason: str) -> list[Job]:
        for job in self._again:
            self._waiting.done(job.party)
        refused = [*self._again, *self._waiting.clear()]
        self._again.clear()
        for job in refused:
            job.failure, job.moved = TemporaryFailure(reason), {}
        return refused

    def _try(self, jobs: Iterator[Job], limit: int, *, savepoints: bool = True) -> list[Job] | None:
        """Run jobs in one transaction; None: it was lost, and the jobs are in `_unfinished`."""
        done: list[Job] = []
        self._unfinished = done
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            until = time.perf_counter() + MAX_BATCH_SECONDS
            while len(done) < limit and (not done or time.perf_counter() < until):
                job = next(jobs, None)
                if job is None:
                    break
                done.append(job)
                if not (self._run_one(job) if savepoints else self._run_plain(job)):
                    return self._lost(done, limit, job.failure)
            self._connection.execute("COMMIT")
        except Exception as error:
            if not done:
                done.append(next(jobs))
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
