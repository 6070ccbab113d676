"""Keeps house where blobs are kept in S3: rows into objects, objects away that nothing names, or few blobs.

Theory: an object goes only when a walk through all rows found nothing that names it, twice, at least 24 hours
apart, no backup runs on any node (`House.can_remove`), and the bucket is this store's own (`ownership`). An
object that no row names yet may belong to a mail that is just being filed, so one that was written lately is
left alone. An object that is mostly garbage is written anew as packs are (`rewriter`): first the new object,
then each row, if it still names the old place. What the bucket lacks although rows name it is an alarm.
"""

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

import orjson

from pymailcore.runtime.logs import get_logger
from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.inventory import Inventory
from pymailcore.store.housekeeping.liveness import SCAN_ROWS, LiveBlob, live_blobs, live_octets
from pymailcore.store.housekeeping.ownership import Ownership
from pymailcore.store.housekeeping.rewriter import MANY_SMALL, SMALL_SHARE
from pymailcore.store.housekeeping.sweeper import REMEMBERED_MS, no_backup
from pymailcore.store.objects.packing import RowPacker
from pymailcore.store.objects.packs import Held, ObjectPacks, Stored
from pymailcore.store.packs import DamagedBlob, Location
from pymailcore.store.types import Row, Transaction

GONE_MS: Final = 24 * 3_600_000
"""An object is kept so long after the last row that named it."""

PATIENCE_MS: Final = 600_000
"""A few small blobs wait this long for others before they become an object."""

LISTED_AT_A_TIME: Final = 1_000
MOST_LACKS: Final = 100
MOST_ROWS: Final = 200_000
MOST_PACKS: Final = 64
DELETED_AT_A_TIME: Final = 500
MOVED_AT_A_TIME: Final = 100

_FIRST: Final = -(2**63)
_WHAT_TO_DO: Final = (
    "if that one is no more, or is not to be the owner, `pymailcore bucket take-over`; else give this store"
    " a bucket or a prefix of its own (docs/operate/object-storage.md)"
)
_KNOWN: Final = (
    "SELECT id, gone_ms FROM packs WHERE id IN (SELECT value FROM json_each(?1)) AND gone_ms IS NOT NULL"
)
_NOTED: Final = "SELECT id, gone_ms FROM packs WHERE id > ?1 AND id < 0 ORDER BY id LIMIT ?2"
_NEXT: Final = "SELECT max(id) FROM (SELECT id FROM blobs WHERE id > ?1 ORDER BY id LIMIT ?2) AS stretch"
_SUMS: Final = (
    "SELECT pack, count(*), sum(stored_octets), max(position + stored_octets) FROM blobs"
    " WHERE id > ?1 AND id <= ?2 AND pack < 0 GROUP BY pack"
)
_NOTE: Final = (
    "INSERT INTO packs (id, octets, live_octets, looked_ms, gone_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT (id) DO UPDATE SET octets = excluded.octets, live_octets = excluded.live_octets,"
    " looked_ms = excluded.looked_ms, gone_ms = excluded.gone_ms"
)
_MOVE: Final = (
    "UPDATE blobs SET pack = ?4, position = ?5, stored_octets = ?6, size_octets = ?7, encoding = ?8, crc = ?9"
    " WHERE id = ?1 AND pack = ?2 AND position = ?3"
)

log = get_logger()


class ObjectHouse:
    """The jobs for one bucket."""

    def __init__(self, house: House, objects: ObjectPacks) -> None:
        self._house = house
        self._objects = objects
        engine = house.engine
        self._packer = RowPacker(
            engine.database, objects, engine.sealing, object_octets=house.settings.s3_object_octets
        )
        self._packed_ms = 0

    async def pack(self) -> None:
        """Put blobs that wait in rows together into objects; the job.

        Raises:
            ObjectsAway: S3 is away.
        """
        now_ms = self._house.now_ms()
        await self._packer.look_again()
        over = not 0 <= now_ms - self._packed_ms < PATIENCE_MS
        least_octets = 1 if over else self._house.settings.s3_object_octets
        while await self._packer.run(least_octets=least_octets):
            await self._house.rest(0.0)
        if over:
            self._packed_ms = now_ms
        await self._house.alarms(
            alarms.OBJECTS,
            [
                alarms.Alarm(alarms.OBJECTS, f"row {number}", "a blob in the database has wrong octets")
                for number in sorted(self._packer.damaged)
            ],
            prefix="row ",
        )

    async def keep(self) -> None:
        """Look at all objects: note what is alive, remove what was gone for a day, write anew; the job.

        Where the bucket is another store's nothing is removed, and nothing begins to be gone.

        Raises:
            ObjectsAway: S3 is away.
        """
        house = self._house
        begun_ms = house.now_ms()
        rested_ms = begun_ms - house.settings.pack_rest_minutes * 60_000
        why = await Ownership(house.database, self._objects, house.now_ms, house.write).look()
        others = alarms.Alarm(alarms.OBJECTS, "owner", f"{why}: nothing is removed there; {_WHAT_TO_DO}")
        await house.alarms(alarms.OBJECTS, [others] if why else [], prefix="owner")
        with Inventory() as inventory:
            async for rows in _walk(house):
                await house.thread(inventory.name, rows)
            listing = self._objects.listed()
            while page := await house.thread(_page_of, listing):
                over = await self._note(inventory, page, begun_ms, rested_ms, ours=not why)
                await self._remove(over)
            await self._forget(inventory, begun_ms)
            await self._tell_lacks(inventory)
            if not why:
                await self._write_anew(inventory, int(rested_ms))

    async def _note(
        self, inventory: Inventory, page: Sequence[Held], begun_ms: int, rested_ms: float, *, ours: bool
    ) -> list[int]:
        """Write down what is alive of some objects; gives those that have been gone for long enough."""
        living = await self._house.thread(inventory.hold, page)
        listed = orjson.dumps(list(living)).decode()
        known: dict[int, int] = dict(await self._house.read(lambda tx: tx.rows(_KNOWN, listed)))
        notes: list[tuple[int, int, int, int, int | None]] = []
        over: list[int] = []
        for one in page:
            live, gone_ms = living[one.pack], known.get(one.pack)
            if live or one.modified_ms > rested_ms or not ours:
                gone_ms = None
            elif gone_ms is None or gone_ms > begun_ms:  # or the clock was set back
                gone_ms = begun_ms
            elif begun_ms - gone_ms >= GONE_MS:
                over.append(one.pack)
            notes.append((one.pack, one.octets, live, begun_ms, gone_ms))
        await self._write(_NOTE, notes)
        return over

    async def _forget(self, inventory: Inventory, begun_ms: int) -> None:
        """Forget objects that nobody has had for long."""
        after = _FIRST

        async def some(tx: Transaction) -> list[Row]:
            return await tx.rows(_NOTED, after, LISTED_AT_A_TIME)

        while rows := await self._house.read(some):
            after = rows[-1][0]
            old = [pack for pack, gone_ms in rows if begun_ms - (gone_ms or 0) >= GONE_MS + REMEMBERED_MS]
            forgotten = [(pack,) for pack in old if not inventory.knows(pack)]
            await self._write("DELETE FROM packs WHERE id = ?1", forgotten)

    async def _write(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        for start in range(0, len(rows), MOVED_AT_A_TIME):
            some = rows[start : start + MOVED_AT_A_TIME]

            async def work(tx: Transaction, some: Sequence[tuple[object, ...]] = some) -> None:
                await tx.run_many(sql, some)

            await self._house.write(work)

    async def _tell_lacks(self, inventory: Inventory) -> None:
        """Raise alarms for objects that rows name and the bucket does not have, or not whole."""
        lacks = await self._house.thread(inventory.lacks, MOST_LACKS)
        still = await live_octets(self._house, [lack.pack for lack in lacks])
        found = []
        for pack, end in lacks:
            if pack not in still or await self._house.thread(self._objects.reaches, pack, end):
                continue  # nothing needs it any more, or it is there after all
            text = f"the object is gone or too short, with {still[pack]} octets of blobs"
            found.append(alarms.Alarm(alarms.OBJECTS, f"object {-pack:016x}", text))
        await self._house.alarms(alarms.OBJECTS, alarms.few(found, "object "), prefix="object ")

    async def _remove(self, packs: Sequence[int]) -> None:
        house = self._house
        for start in range(0, len(packs), DELETED_AT_A_TIME):
            some = packs[start : start + DELETED_AT_A_TIME]
            if not await house.can_remove() or not await house.thread(self._delete, some):
                return
            await self._write("UPDATE packs SET octets = 0 WHERE id = ?1", [(pack,) for pack in some])
            house.metrics.store_packs_removed.inc(len(some))
            log.info("objects removed", objects=len(some))

    def _delete(self, packs: Sequence[int]) -> bool:
        with no_backup(self._house.layout.locks / "backup") as alone:
            if alone:
                self._objects.delete(packs)
            return alone

    async def _write_anew(self, inventory: Inventory, rested_ms: int) -> None:
        """Write objects anew that are mostly garbage, the worst first, or small where many are."""
        percent = self._house.settings.rewrite_percent
        limit = self._house.settings.s3_object_octets
        chosen = inventory.poor(rested_ms=rested_ms, percent=percent, most=MOST_PACKS)
        small = inventory.small(rested_ms=rested_ms, octets=limit // SMALL_SHARE, most=MOST_PACKS)
        if len(small) >= MANY_SMALL:
            chosen += [pack for pack in small if pack not in chosen]
        found = await live_blobs(self._house, chosen[:MOST_PACKS], MOST_ROWS)
        blobs = [blob for some in found.values() for blob in some]
        while blobs:
            some: list[LiveBlob] = []
            octets = 0
            while blobs and (not some or octets + blobs[0].location.stored_octets <= limit):
                octets += blobs[0].location.stored_octets
                some.append(blobs.pop(0))
            moves = await self._house.thread(self._copy, some)
            await self._write(
                _MOVE,
                [(blob.id, blob.location.pack, blob.location.position, *new[:6]) for blob, new in moves],
            )
            await self._house.rewritten(2 * octets)

    def _copy(self, blobs: Sequence[LiveBlob]) -> list[tuple[LiveBlob, Location]]:
        """Put blobs into a new object; those that are damaged stay where they are, with their object."""
        reseal = self._house.engine.sealing.reseal
        whole: list[LiveBlob] = []
        stored: list[Stored] = []
        for blob in blobs:
            try:
                octets = self._objects.stored(blob.location)
                encoding, octets = reseal(blob.tenant, blob.key, blob.location.encoding, octets)
            except DamagedBlob as fault:
                log.warning("a blob stays in its object", fault=str(fault))
                continue
            whole.append(blob)
            stored.append(Stored(blob.tenant, blob.key, blob.location.size_octets, encoding, octets))
        if not stored:
            return []
        return list(zip(whole, self._objects.write(stored), strict=True))


def _page_of(listing: Iterator[Held]) -> list[Held]:
    return list(itertools.islice(listing, LISTED_AT_A_TIME))


async def _walk(house: House) -> AsyncIterator[list[Row]]:
    after = -1

    async def work(tx: Transaction) -> tuple[int | None, list[Row]]:
        row = await tx.row(_NEXT, after, SCAN_ROWS)
        if row is None or row[0] is None:
            return None, []
        return row[0], await tx.rows(_SUMS, after, row[0])

    while True:
        upto, rows = await house.read(work)
        if upto is None:
            return
        after = upto
        yield rows
