"""Blobs on their way to disk: addressed, compressed where it pays, appended, synced, handed to the writer.

Theory: a job with blobs goes first through the pack thread and then through the writer, one hop from the
loop. The pack thread takes all jobs that wait, appends what the tenant does not have yet, and does one
sync for all of them; only then do their operations run. An address that the index knew when the pack thread
looked may be gone when the operation runs: the operation then raises `BlobGone` and the caller sends the job
again with `force`.
"""

import hmac
import queue
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw
import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import TenantId
from pymailcore.store.blobids import blob_numbers
from pymailcore.store.connection import ENVIRONMENT
from pymailcore.store.files import Files
from pymailcore.store.packs import Encoder, Location, OpenPack
from pymailcore.store.types import Transaction
from pymailcore.store.writer import Job

_BATCH_JOBS: Final = 256
_BATCH_OCTETS: Final = 16 * 1024 * 1024
_RECENT: Final = 8192

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

    __slots__ = ("force", "locations", "pieces", "tenant")

    def __init__(
        self,
        work: Callable[[Transaction], Awaitable[Any]],
        task: trio.lowlevel.Task,
        tenant: TenantId,
        pieces: Sequence[Piece],
        locations: dict[bytes, Location],
        *,
        force: bool,
    ) -> None:
        super().__init__(work, task)
        self.tenant = tenant
        self.pieces = pieces
        self.locations = locations
        self.force = force


class PackWriter:
    """The pack thread.

    Args:
        connect: opens a reading connection; called in the thread.
        new_pack: gives a number for a new pack.
        forward: takes jobs whose blobs are on disk.
        deliver: takes jobs that failed.
    """

    def __init__(
        self,
        connect: Callable[[], apsw.Connection],
        folder: Path,
        files: Files,
        new_pack: Callable[[], int],
        *,
        level: int,
        pack_octets: int,
        forward: Callable[[list[Job]], None],
        deliver: Callable[[list[Job]], None],
    ) -> None:
        self._connect = connect
        self._folder = folder
        self._files = files
        self._new_pack = new_pack
        self._pack_octets = pack_octets
        self._encoder = Encoder(level)
        self._forward = forward
        self._deliver = deliver
        self._pack: OpenPack | None = None
        self._recent: OrderedDict[tuple[int, bytes], Location] = OrderedDict()
        self._queue: queue.SimpleQueue[BlobJob | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-packs", daemon=True)
        self._thread.start()

    def put(self, job: BlobJob) -> None:
        """Leave a job."""
        self._queue.put(job)

    def close(self) -> None:
        """Finish what was left, then end; blocks."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection: apsw.Connection | None = None
        open_ = True
        while open_:
            jobs, open_ = self._take()
            if not jobs:
                continue
            try:
                if connection is None:
                    connection = self._connect()
                self._append(connection, jobs)
            except Exception as error:
                self._abandon()
                for job in jobs:
                    job.failure = _failure_of(error)
                self._deliver([*jobs])
            else:
                self._forward([*jobs])
            del jobs
        self._abandon()
        if connection is not None:
            connection.close(True)

    def _take(self) -> tuple[list[BlobJob], bool]:
        """Wait for a job and take what waits beside it; False when there will be no more."""
        jobs: list[BlobJob] = []
        octets = 0
        while len(jobs) < _BATCH_JOBS and octets < _BATCH_OCTETS:
            try:
                job = self._queue.get_nowait() if jobs else self._queue.get()
            except queue.Empty:
                break
            if job is None:
                return jobs, False
            jobs.append(job)
            octets += sum(len(piece.octets) for piece in job.pieces)
        return jobs, True

    def _append(self, connection: apsw.Connection, jobs: list[BlobJob]) -> None:
        recent = self._recent
        for job in jobs:
            tenant = job.tenant
            for key, octets, start in job.pieces:
                location = recent.get((tenant, key))
                if location is None:
                    if not job.force and self._knows(connection, tenant, key):
                        continue
                    encoding, stored = self._encoder.encode(octets, start)
                    location = self._open_pack().add(tenant, key, len(octets), encoding, stored)
                    recent[tenant, key] = location
                job.locations[key] = location
        if self._pack is not None:
            self._pack.sync()
            if self._pack.end >= self._pack_octets:
                self._abandon()
        while len(recent) > _RECENT:
            recent.popitem(last=False)

    def _knows(self, connection: apsw.Connection, tenant: TenantId, key: bytes) -> bool:
        return connection.execute(KNOWN, (*blob_numbers(key), tenant, key)).fetchone() is not None

    def _open_pack(self) -> OpenPack:
        if self._pack is None:
            self._pack = OpenPack(self._folder, self._new_pack(), self._files)
        return self._pack

    def _abandon(self) -> None:
        """Never write to this pack again."""
        self._recent.clear()
        if self._pack is not None:
            pack, self._pack = self._pack, None
            try:
                pack.close()
            except OSError:
                return


def _failure_of(error: Exception) -> BaseException:
    if isinstance(error, (OSError, *ENVIRONMENT)):
        failure = TemporaryFailure(f"the octets cannot be stored now: {error}")
        failure.__cause__ = error
        return failure
    return error
