"""The scrub of objects in S3: each is read once in a round, by ranges, and its records are checked.

An object says itself whose its records are, so no walk through all rows is needed: the rows of the records
that were read are looked up by their numbers. Where an object has a stretch that is no record the blobs
that rows name in it are read one by one. The list is that of `packs`, as the last look at the bucket left it;
an object that is gone is an alarm of that look (`objects`).
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

import orjson

from pymailcore.base.errors import NotFound
from pymailcore.store.blobids import blob_numbers
from pymailcore.store.housekeeping.address import AddressCheck, still
from pymailcore.store.housekeeping.healing import Finding
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import LiveBlob, live_blobs
from pymailcore.store.housekeeping.rounds import Progress, is_due, is_over, not_ahead
from pymailcore.store.objects.packs import ObjectPacks
from pymailcore.store.packs import DamagedBlob, Gap, Location, Record, checked
from pymailcore.store.types import Row, Transaction

BATCH_RECORDS: Final = 512
BATCH_OCTETS: Final = 4 * 1024 * 1024
MOST_ROWS: Final = 200_000

_NEXT: Final = (
    "SELECT id, octets FROM packs WHERE id < ?1 AND octets > 0 AND gone_ms IS NULL ORDER BY id DESC LIMIT 1"
)
_OCTETS: Final = "SELECT octets FROM packs WHERE id = ?1 AND octets > 0"
_SUMS: Final = (
    "SELECT coalesce(sum(octets), 0), coalesce(sum(CASE WHEN id >= ?1 THEN octets ELSE 0 END), 0) FROM packs"
    " WHERE id < 0 AND octets > 0 AND gone_ms IS NULL"
)
_ROWS: Final = (
    "SELECT id, tenant, key, pack, position, stored_octets, size_octets, encoding, crc FROM blobs"
    " WHERE id IN (SELECT value FROM json_each(?1)) AND pack = ?2"
)


async def next_object(
    house: House, progress: Progress, now_ms: int, days: float
) -> tuple[int, Progress] | None:
    """Say which object is to be checked now, if one is due, and where the round is then."""
    progress = not_ahead(progress, now_ms)

    async def look(tx: Transaction, at: int) -> tuple[int, int, Row | None]:
        row = await tx.row(_SUMS, at)
        total, done = (0, 0) if row is None else (int(row[0]), int(row[1]))
        return total, done if at else 0, await tx.row(_NEXT, at)

    total, done, row = await house.read(lambda tx: look(tx, progress.at))
    if row is None:
        if not is_over(progress, now_ms, days):
            return None
        progress = Progress(0, progress.round + 1, now_ms)
        total, done, row = await house.read(lambda tx: look(tx, 0))
    if row is None or not is_due(done, total, progress, now_ms, days):
        return None
    return int(row[0]), progress._replace(at=int(row[0]))


class ObjectScrub:
    """Checks objects; for one run of the job.

    Args:
        number: of the round; it chooses the sample.
    """

    def __init__(self, house: House, objects: ObjectPacks, number: int) -> None:
        self._house = house
        self._objects = objects
        self._sample = AddressCheck(house, number)

    async def check(self, pack: int) -> list[Finding]:
        """Check an object; what no row names harms nobody.

        Raises:
            ObjectsAway: S3 is away.
        """
        row = await self._house.read(lambda tx: tx.row(_OCTETS, pack))
        if row is None:
            return []
        found: list[Finding] = []
        gaps: list[Gap] = []
        walk = self._objects.walk(pack, int(row[0]))
        try:
            while some := await self._house.thread(_some, walk):
                gaps += [one for one in some if isinstance(one, Gap)]
                found += await self._check_records(pack, [one for one in some if isinstance(one, Record)])
                await self._read(sum(_octets_of(one) for one in some))
        except NotFound:
            return []
        return found + (await self._check_gaps(pack, gaps) if gaps else [])

    async def _check_records(self, pack: int, records: Sequence[Record]) -> list[Finding]:
        by_place = {record.location.position: record for record in records}
        numbers = orjson.dumps([number for one in records for number in blob_numbers(one.key)]).decode()
        found = []
        for row in await self._house.read(lambda tx: tx.rows(_ROWS, numbers, pack)):
            blob = LiveBlob(row[0], row[1], bytes(row[2]), Location(*row[3:]))
            record = by_place.get(blob.location.position)
            if record is None:
                continue  # of another stretch
            if not record.intact:
                found += await still(self._house, blob, "the object has other octets there")
            elif (record.tenant, record.key, record.location) != (blob.tenant, blob.key, blob.location):
                found += await still(self._house, blob, "the object has another blob there")
            else:
                found += await self._sample.check(blob)
        return found

    async def _check_gaps(self, pack: int, gaps: Sequence[Gap]) -> list[Finding]:
        """Read the blobs that rows name in stretches which are no records."""
        found = []
        for blob in (await live_blobs(self._house, [pack], MOST_ROWS)).get(pack, ()):
            location = blob.location
            if not any(gap.position <= location.position < gap.position + gap.octets for gap in gaps):
                continue
            stored = await self._house.thread(self._objects.read_again, location)
            await self._read(location.stored_octets)
            try:
                checked(location, stored)
            except DamagedBlob:
                found += await still(self._house, blob, "the object has other octets there")
        return found

    async def _read(self, octets: int) -> None:
        self._house.metrics.store_scrubbed_octets.inc(octets)
        await self._house.scrubbed(octets)


def _octets_of(one: Record | Gap) -> int:
    return one.octets if isinstance(one, Gap) else one.location.stored_octets


def _some(walk: Iterator[Record | Gap]) -> list[Record | Gap]:
    some: list[Record | Gap] = []
    octets = 0
    for one in itertools.islice(walk, BATCH_RECORDS):
        some.append(one)
        octets += _octets_of(one)
        if octets >= BATCH_OCTETS:
            break
    return some
