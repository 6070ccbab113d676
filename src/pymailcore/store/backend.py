"""What the two engines do each in its own way: bring blobs to disk with an operation, and drive a reading."""

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar, cast

import apsw

from pymailcore.base.ids import TenantId
from pymailcore.store.blobs import BlobJob, PackWriter, Piece
from pymailcore.store.database import SqliteDatabase
from pymailcore.store.fulltext.reader import is_damage
from pymailcore.store.packs import DamagedBlob, Location
from pymailcore.store.places import BlobReader
from pymailcore.store.readers import ReadSide
from pymailcore.store.sealing import Sealer
from pymailcore.store.types import Reading, Transaction

T = TypeVar("T")

READING_ATTEMPTS = 2
"""A blob may be moved between the look at its row and the look at its octets."""


class Backend(Protocol):
    """What `Engine` stands on besides the database."""

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
        """Put blobs on disk, note where in `locations`, and run an operation that names them.

        Args:
            force: also those that seem to be there.

        Raises:
            BlobGone: one that seemed to be there is not.
        """
        ...

    async def reading(self, plan: Callable[[BlobReader], Reading[T]]) -> T:
        """Run a reading (`store.reading`) to its end."""
        ...


class LocalBackend:
    """SQLite and packs."""

    def __init__(self, database: SqliteDatabase, packs: PackWriter) -> None:
        self._database = database
        self._packs = packs

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
        make = functools.partial(
            BlobJob, work, tenant=tenant, pieces=pieces, locations=locations, force=force, sealer=sealer
        )
        return cast("T", await self._database.submit(self._packs.put, make))

    async def reading(self, plan: Callable[[BlobReader], Reading[T]]) -> T:
        """Run a reading in one piece, in a reading thread."""
        return await self._database.call(lambda side: drive_reading(side, plan))


def drive_reading(side: ReadSide, plan: Callable[[BlobReader], Reading[T]]) -> T:
    """Run a reading in a reading thread, each of its operations on a snapshot.

    Raises:
        DamagedBlob: octets are not what was stored, and the rows say so twice.
    """
    for _ in range(READING_ATTEMPTS - 1):
        try:
            return _drive_trusting(side, plan)
        except DamagedBlob:
            continue
    return _drive_trusting(side, plan)


def _drive_trusting(side: ReadSide, plan: Callable[[BlobReader], Reading[T]]) -> T:
    """Run it with the text index; once more without it when the index is damaged."""
    if side.index is None:
        return _drive_once(side, plan)
    side.index.refresh(side.connection)
    try:
        return _drive_once(side, plan)
    except apsw.Error as error:
        if not is_damage(error) or not side.index.distrust(side.connection):
            raise
        return _drive_once(side, plan)


def _drive_once(side: ReadSide, plan: Callable[[BlobReader], Reading[T]]) -> T:
    going = plan(side.packs)
    try:
        work = next(going)
        while True:
            work = going.send(side.snapshot(work))
    except StopIteration as stop:
        return cast("T", stop.value)
