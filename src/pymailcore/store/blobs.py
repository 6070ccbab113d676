"""Blobs on their way to disk: addressed, compressed where it pays, appended, synced, handed to the writer.

Theory: the writer thread takes all jobs that wait, appends to its pack what the tenant does not have yet, and
does one sync for all of them; only then does it lock the database and run their operations. Large jobs go
through a pack thread first, which has a pack of its own, so that nobody waits for their compression. Whose is
next there goes by parties (`base.fair_queue`): of a batch that tenants share one has half of the jobs, and
where several have come lately a batch is short. One thread for what is small saves two hand-overs between
threads and most of the syncs. An address that the index knew at the look before the lock may be gone when the
operation runs: the operation then raises `BlobGone` and the caller sends the job again with `force`.
"""

import hmac
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw
import trio

from pymailcore.base.errors import InsufficientStorage, TemporaryFailure
from pymailcore.base.fair_queue import FairQueue
from pymailcore.base.ids import TenantId
from pymailcore.store.blobids import blob_numbers
from pymailcore.store.connection import ENVIRONMENT
from pymailcore.store.encoding import Encoder
from pymailcore.store.files import Files
from pymailcore.store.packs import Location, OpenPack
from pymailcore.store.sealing import Sealer
from pymailcore.store.space import is_full
from pymailcore.store.types import Transaction
from pymailcore.store.writer import Job

_BATCH_JOBS: Final = 256
_BATCH_OCTETS: Final = 16 * 1024 * 1024
_SHARED_BATCH_OCTETS: Final = 2 * 1024 * 1024
"""Where several tenants come: who is next waits for so much of others, or for one job of theirs."""
_RECENT: Final = 8192
LARGE_OCTETS: Final = 256 * 1024

KNOWN: Final = "SELECT 1 FROM blobs WHERE id IN (?1, ?2) AND tenant = ?3 AND key = ?4"


class BlobGone(Exception):
    """A blob that was believed stored is not; the caller writes it and tries again."""


class Piece(NamedTuple):
    """Octets and their address."""

    key: bytes
    octets: bytes
    start: int = 0  # octets at the beginning that are read alone at times


def address_of(tenant_key: bytes, octets: bytes) -> bytes:
    """The address of octets: it tells nothing without the tenant's key."""
    return hmac.digest(tenant_key, octets, "sha256")


class BlobJob(Job):
    """An operation that names blobs."""

    __slots__ = ("force", "locations", "octets", "pieces", "sealer", "tenant")

    def __init__(
        self,
        work: Callable[[Transaction], Awaitable[Any]],
        task: trio.lowlevel.Task,
        tenant: TenantId,
        pieces: Sequence[Piece],
        locations: dict[bytes, Location],
        *,
        force: bool,
        sealer: Sealer | None = None,
    ) -> None:
        super().__init__(work, task)
        self.sealer = sealer
        self.tenant = tenant
        self.pieces = pieces
        self.locations = locations
        self.force = force
        self.octets = sum(len(piece.octets) for piece in pieces)
        self.staged = False


class Appender:
    """Puts the blobs of jobs on disk, in a pack of its own; for one thread.

    Args:
        new_pack: gives a number for a new pack.
    """

    def __init__(
        self, folder: Path, files: Files, new_pack: Callable[[], int], *, level: int, pack_octets: int
    ) -> None:
        self._folder = folder
        self._files = files
        self._new_pack = new_pack
        self._pack_octets = pack_octets
        self._encoder = Encoder(level)
        self._pack: OpenPack | None = None
        self._recent: OrderedDict[tuple[int, bytes], Location] = OrderedDict()

    def stage(self, connection: apsw.Connection, jobs: Sequence[BlobJob]) -> bool:
        """Append what the tenants do not have yet, with one sync for all; False: each job has its failure."""
        try:
            self._append(connection, jobs)
        except Exception as error:
            self.abandon()
            for job in jobs:
                job.failure = _failure_of(error)
            return False
        return True

    def _append(self, connection: apsw.Connection, jobs: Sequence[BlobJob]) -> None:
        recent = self._recent
        for job in jobs:
            tenant = job.tenant
            for key, octets, start in job.pieces:
                location = recent.get((tenant, key))
                if location is None:
                    if not job.force and self._knows(connection, tenant, key):
                        continue
                    encoding, stored = self._encoder.encode(octets, start)
                    if job.sealer is not None:
                        encoding, stored = job.sealer.seal(tenant, key, encoding, stored)
                    location = self._open_pack().add(tenant, key, len(octets), encoding, stored)
                    recent[tenant, key] = location
                job.locations[key] = location
        if self._pack is not None:
            self._pack.sync()
            if self._pack.end >= self._pack_octets:
                self.abandon()
        while len(recent) > _RECENT:
            recent.popitem(last=False)

    def _knows(self, connection: apsw.Connection, tenant: TenantId, key: bytes) -> bool:
        return connection.execute(KNOWN, (*blob_numbers(key), tenant, key)).fetchone() is not None

    def _open_pack(self) -> OpenPack:
        if self._pack is None:
            self._pack = OpenPack(self._folder, self._new_pack(), self._files)
        return self._pack

    def abandon(self) -> None:
        """Never write to this pack again."""
        self._recent.clear()
        if self._pack is not None:
            pack, self._pack = self._pack, None
            try:
                pack.close()
            except OSError:
                return


class PackWriter:
    """The pack thread: blobs of large jobs, so that the writer does not wait for their compression.

    Args:
        connect: opens a reading connection; called in the thread.
        forward: takes jobs whose blobs are on disk.
        deliver: takes jobs that failed.
    """

    def __init__(
        self,
        connect: Callable[[], apsw.Connection],
        appender: Appender,
        *,
        forward: Callable[[list[Job]], None],
        deliver: Callable[[list[Job]], None],
    ) -> None:
        self._connect = connect
        self._appender = appender
        self._forward = forward
        self._deliver = deliver
        self._waiting: FairQueue[BlobJob] = FairQueue()
        self._changed = threading.Condition()  # holds for the queue, and whether more will come
        self._open = True
        self._thread = threading.Thread(target=self._run, name="store-packs", daemon=True)
        self._thread.start()

    def put(self, job: BlobJob) -> None:
        """Leave a job."""
        if job.octets <= LARGE_OCTETS:
            self._forward([job])
        else:
            with self._changed:
                self._waiting.put(job.party, job)
                self._changed.notify()

    def close(self) -> None:
        """Finish what was left, then end; blocks."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        connection: apsw.Connection | None = None
        while jobs := self._take():
            staged = False
            try:
                if connection is None:
                    connection = self._connect()
            except Exception as error:
                for job in jobs:
                    job.failure = _failure_of(error)
            else:
                staged = self._appender.stage(connection, jobs)
            for job in jobs:
                job.staged = True
            with self._changed:
                for job in jobs:
                    self._waiting.done(job.party)
            (self._forward if staged else self._deliver)([*jobs])
            del jobs
        self._appender.abandon()
        if connection is not None:
            connection.close(True)

    def _take(self) -> list[BlobJob]:
        """Wait for a job and take what waits beside it, in turns; nothing when there will be no more."""
        jobs: list[BlobJob] = []
        octets = 0
        with self._changed:
            while self._open and not self._waiting:
                self._changed.wait()
            most = _SHARED_BATCH_OCTETS if self._waiting.is_shared else _BATCH_OCTETS
            while len(jobs) < _BATCH_JOBS and octets < most:
                taken = self._waiting.take(max(1, len(jobs) // 2))
                if taken is None:
                    break
                jobs.append(taken[1])
                octets += taken[1].octets
        return jobs


def stage_with(appender: Appender) -> Callable[[apsw.Connection, list[Job]], list[Job]]:
    """Give what the writer does before it takes the lock: blobs that are not on disk yet."""

    def stage(connection: apsw.Connection, jobs: list[Job]) -> list[Job]:
        fresh = [job for job in jobs if isinstance(job, BlobJob) and not job.staged]
        if not fresh or appender.stage(connection, fresh):
            return []
        return [*fresh]

    return stage


def _failure_of(error: Exception) -> BaseException:
    if isinstance(error, (OSError, *ENVIRONMENT)):
        kind = InsufficientStorage if is_full(error) else TemporaryFailure
        failure = kind(f"the octets cannot be stored now: {error}")
        failure.__cause__ = error
        return failure
    return error
