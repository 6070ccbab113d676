"""Blobs that lie in the database, put together into objects in S3 by housekeeping.

The object is written first, then rows are moved, each only if it is as it was read. Whatever happens between
the two, a row names octets that are there: an object that no row names is garbage for housekeeping.
"""

import zlib
from collections.abc import Sequence
from typing import Final

import orjson
import trio

from pymailcore.store.objects.packs import ObjectPacks, Stored
from pymailcore.store.packs import DamagedBlob, Location, checked
from pymailcore.store.sealing import Sealing
from pymailcore.store.types import Database, Row, Transaction

_LOOK_ROWS: Final = 20_000
_SLICE: Final = 100

_WAITING: Final = (
    "SELECT o.blob, b.stored_octets FROM blob_octets o JOIN blobs b ON b.id = o.blob"
    " WHERE o.blob > ?1 ORDER BY o.blob LIMIT ?2"
)
_OCTETS: Final = (
    "SELECT b.id, b.tenant, b.key, b.stored_octets, b.size_octets, b.encoding, b.crc, o.octets FROM blobs b"
    " JOIN blob_octets o ON o.blob = b.id WHERE b.id IN (SELECT value FROM json_each(?1)) AND b.pack = 0"
    " ORDER BY b.id"
)
_SUM: Final = "SELECT coalesce(sum(b.stored_octets), 0) FROM blob_octets o JOIN blobs b ON b.id = o.blob"
_LOCK: Final = (
    "SELECT id, pack, crc FROM blobs WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id /*lock*/"
)
_MOVE: Final = (
    "UPDATE blobs SET pack = ?2, position = ?3, stored_octets = ?4, encoding = ?5, crc = ?6 WHERE id = ?1"
)
_DROP: Final = "DELETE FROM blob_octets WHERE blob IN (SELECT value FROM json_each(?1))"

Move = tuple[int, int, Location]
"""Number of a blob, CRC of what its row had, where it lies now."""


async def waiting_octets(tx: Transaction) -> int:
    """How many octets lie in the database, to be moved into objects."""
    row = await tx.row(_SUM)
    return 0 if row is None else int(row[0])


class RowPacker:
    """Moves blobs from rows into objects, a bounded number at a time; one at work in an installation.

    Attributes:
        damaged: numbers of blobs whose rows have wrong octets; they are passed over.
    """

    def __init__(
        self, database: Database, objects: ObjectPacks, sealing: Sealing, *, object_octets: int
    ) -> None:
        self._database = database
        self._objects = objects
        self._sealing = sealing
        self._object_octets = object_octets
        self._after = 0
        self.damaged: set[int] = set()

    async def run(self, *, least_octets: int = 1) -> int:
        """Make one object of what waits and give how many blobs it took; 0: there is nothing to do now.

        Args:
            least_octets: with less than this waiting, nothing is done.

        Raises:
            ObjectsAway: S3 is away; everything is as it was.
            TemporaryFailure: the database cannot be used now.
        """
        rows = await self._database.read(lambda tx: tx.rows(_WAITING, self._after, _LOOK_ROWS))
        if not rows and self._after:
            self._after = 0
            rows = await self._database.read(lambda tx: tx.rows(_WAITING, 0, _LOOK_ROWS))
        chosen: list[int] = []
        octets = 0
        for number, stored_octets in rows:
            if octets >= self._object_octets or (chosen and octets + stored_octets > 2 * self._object_octets):
                break
            if number not in self.damaged:
                chosen.append(number)
                octets += stored_octets
        if not chosen or octets < least_octets:
            self._after = 0
            return 0
        self._after = chosen[-1]
        listed = orjson.dumps(chosen).decode()
        found = await self._database.read(lambda tx: tx.rows(_OCTETS, listed))
        return await self._move(await trio.to_thread.run_sync(self._write, found))

    async def look_again(self) -> None:
        """Look whether damaged blobs were repaired, or are gone."""
        if not self.damaged:
            return
        listed = orjson.dumps(sorted(self.damaged)).decode()
        rows = await self._database.read(lambda tx: tx.rows(_OCTETS, listed))
        self.damaged = {row[0] for row in rows if zlib.crc32(row[7]) != row[6]}

    def _write(self, rows: Sequence[Row]) -> list[Move]:
        blobs: list[Stored] = []
        before: list[tuple[int, int]] = []
        for row in rows:
            number, tenant, key, stored_octets, size_octets, encoding, crc, octets = row
            location = Location(0, 0, stored_octets, size_octets, encoding, crc)
            try:
                stored = checked(location, octets)
                encoding, stored = self._sealing.reseal(tenant, key, location.encoding, stored)
            except DamagedBlob:
                self.damaged.add(number)
                continue
            blobs.append(Stored(tenant, key, location.size_octets, encoding, stored))
            before.append((number, crc))
        if not blobs:
            return []
        locations = self._objects.write(blobs)
        return [(*old, location) for old, location in zip(before, locations, strict=True)]

    async def _move(self, moves: Sequence[Move]) -> int:
        moved = 0
        for start in range(0, len(moves), _SLICE):
            some = moves[start : start + _SLICE]

            async def work(tx: Transaction, some: Sequence[Move] = some) -> int:
                return await move_rows(tx, some)

            moved += await self._database.write(work)
        return moved


async def move_rows(tx: Transaction, moves: Sequence[Move]) -> int:
    """Say of blobs in the database where else they lie now; gives how many still were as they were."""
    listed = orjson.dumps([number for number, _, _ in moves]).decode()
    there = {row[0]: row[2] for row in await tx.rows(_LOCK, listed) if row[1] == 0}
    unchanged = [(number, location) for number, crc, location in moves if there.get(number) == crc]
    await tx.run_many(
        _MOVE,
        [
            (number, place.pack, place.position, place.stored_octets, place.encoding, place.crc)
            for number, place in unchanged
        ],
    )
    await tx.run(_DROP, orjson.dumps([number for number, _ in unchanged]).decode())
    return len(unchanged)
