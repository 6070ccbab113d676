"""Blobs and readings where the rows are in PostgreSQL.

Theory. What is small comes as a row of `blob_octets` in the transaction that names it, so that it is on every
standby with it; what is large is put in its place before the transaction begins. A reading goes in turn to
the database, for rows, and to a thread, for octets, so that no transaction waits for a file or an object.
"""

import queue
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar, cast

import orjson

from pymailcore.base.ids import TenantId
from pymailcore.runtime.fair_places import FairPlaces
from pymailcore.runtime.threads import compute
from pymailcore.store.backend import READING_ATTEMPTS
from pymailcore.store.blobids import blob_numbers
from pymailcore.store.blobs import LARGE_OCTETS, Piece
from pymailcore.store.encoding import Encoder
from pymailcore.store.packs import DamagedBlob, Location, in_row
from pymailcore.store.places import BlobReader
from pymailcore.store.postgres.database import PostgresDatabase
from pymailcore.store.sealing import Sealer
from pymailcore.store.types import Reading, ReadWork, Transaction

T = TypeVar("T")

_INLINE_OCTETS = 64 * 1024
"""Blobs up to so many octets together are compressed on the loop."""

_KNOWN = "SELECT tenant, key FROM blobs WHERE id IN (SELECT value FROM json_each(?1))"


class LargePlace(Protocol):
    """Where large blobs are put."""

    def put(self, tenant: TenantId, pieces: Sequence[Piece], sealer: Sealer | None) -> dict[bytes, Location]:
        """Put blobs on disk and give where they lie; blocks, for any thread.

        Raises:
            TemporaryFailure: that cannot be done now.
        """
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class PostgresBackend:
    """`Backend` on PostgreSQL.

    Args:
        reader: makes what reads octets in one thread.
        large: where blobs above `LARGE_OCTETS` go.
    """

    def __init__(
        self,
        database: PostgresDatabase,
        reader: Callable[[], BlobReader],
        large: LargePlace,
        *,
        level: int,
        threads: int,
    ) -> None:
        self._database = database
        self._reader = reader
        self._large = large
        self._level = level
        self._encoders: queue.SimpleQueue[Encoder] = queue.SimpleQueue()
        self._readers: queue.SimpleQueue[BlobReader] = queue.SimpleQueue()
        self._places = FairPlaces(threads)

    # --- writing --------------------------------------------------------------------------------

    async def write_blobs(
        self,
        tenant: TenantId,
        pieces: Sequence[Piece],
        locations: dict[bytes, Location],
        work: Callable[[Transaction], Awaitable[T]],
        *,
        sealer: Sealer | None,
        force: bool,
    ) -> T:
        """Put blobs on disk and run an operation; see `Backend.write_blobs`."""
        if force:  # what was put somewhere may be gone, too
            locations.clear()
        wanted = [piece for piece in pieces if piece.key not in locations]
        large = [piece for piece in wanted if len(piece.octets) > LARGE_OCTETS]
        if large and not force:
            known = await self._known(tenant, large)
            large = [piece for piece in large if piece.key not in known]
            wanted = [piece for piece in wanted if piece.key not in known]
        small = [piece for piece in wanted if len(piece.octets) <= LARGE_OCTETS]
        if large:
            locations |= await compute(self._large.put, tenant, large, sealer, places=self._places)
        if sum(len(piece.octets) for piece in small) <= _INLINE_OCTETS:
            locations |= self._in_rows(tenant, small, sealer)
        else:
            locations |= await compute(self._in_rows, tenant, small, sealer, places=self._places)
        return await self._database.write(work)

    def _in_rows(
        self, tenant: TenantId, pieces: Sequence[Piece], sealer: Sealer | None
    ) -> dict[bytes, Location]:
        try:
            encoder = self._encoders.get_nowait()
        except queue.Empty:
            encoder = Encoder(self._level)
        out = {}
        for key, octets, start in pieces:
            encoding, stored = encoder.encode(octets, start)
            if sealer is not None:
                encoding, stored = sealer.seal(tenant, key, encoding, stored)
            out[key] = in_row(len(octets), encoding, stored)
        self._encoders.put(encoder)
        return out

    async def _known(self, tenant: TenantId, pieces: Sequence[Piece]) -> set[bytes]:
        numbers = orjson.dumps([number for piece in pieces for number in blob_numbers(piece.key)]).decode()
        rows = await self._database.read(lambda tx: tx.rows(_KNOWN, numbers))
        return {key for owner, key in rows if owner == tenant}

    # --- reading --------------------------------------------------------------------------------

    async def reading(self, plan: Callable[[BlobReader], Reading[T]]) -> T:
        """Run a reading; see `Backend.reading`."""
        for _ in range(READING_ATTEMPTS - 1):
            try:
                return await self._read_once(plan)
            except DamagedBlob:
                continue
        return await self._read_once(plan)

    async def _read_once(self, plan: Callable[[BlobReader], Reading[T]]) -> T:
        try:
            blobs = self._readers.get_nowait()
        except queue.Empty:
            blobs = self._reader()
        try:
            going = plan(blobs)
            step = _Step(going)
            step.go(None)  # up to the first operation nothing is read
            while step.work is not None:
                rows = await self._database.read(step.work)
                await compute(step.go, rows, places=self._places)
            return cast("T", step.result)
        finally:
            self._readers.put(blobs)

    def close(self) -> None:
        """Close all files."""
        while True:
            try:
                self._readers.get_nowait().close()
            except queue.Empty:
                return


class _Step:
    """Takes a reading from one operation to the next."""

    def __init__(self, going: Reading[Any]) -> None:
        self._going = going
        self.work: ReadWork | None = None
        self.result: Any = None

    def go(self, rows: object) -> None:
        """Give it the rows of its operation, and find the next; no more operation: there is a result."""
        try:
            self.work = self._going.send(rows)
        except StopIteration as stop:
            self.work = None
            self.result = stop.value
