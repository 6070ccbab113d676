"""The scrub of blobs whose octets lie in the database: the small ones of late, where objects are in S3.

Numbers of blobs are bits of their addresses, so they are spread evenly, and the share of the numbers that a
round has passed is the share of the blobs.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.address import AddressCheck
from pymailcore.store.housekeeping.healing import Finding, heal, subject_of
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import LiveBlob
from pymailcore.store.housekeeping.rounds import Progress, is_over, not_ahead, upto
from pymailcore.store.packs import DamagedBlob, Location, checked
from pymailcore.store.types import Row, Transaction

BATCH_BLOBS: Final = 512
BATCH_OCTETS: Final = 4 * 1024 * 1024
LAST: Final = 2**63 - 1

_SIZES: Final = (
    "SELECT o.blob, b.stored_octets FROM blob_octets o JOIN blobs b ON b.id = o.blob"
    " WHERE o.blob > ?1 AND o.blob <= ?2 ORDER BY o.blob LIMIT ?3"
)
_OCTETS: Final = (
    "SELECT b.id, b.tenant, b.key, b.pack, b.position, b.stored_octets, b.size_octets, b.encoding, b.crc,"
    " o.octets FROM blobs b JOIN blob_octets o ON o.blob = b.id"
    " WHERE b.id IN (SELECT value FROM json_each(?1)) AND b.pack = 0"
)
_PREFIX: Final = "row:"


class RowScrub:
    """Checks blobs in rows; for one run of the job.

    Args:
        there: alarms that earlier runs have raised.
    """

    def __init__(self, house: House, there: Iterable[alarms.Alarm]) -> None:
        self._house = house
        self._raised = {alarm.subject: alarm for alarm in there if alarm.subject.startswith(_PREFIX)}

    async def check_again(self, number: int) -> None:
        """Look again at what has an alarm; what is not there any more loses it."""
        numbers = [
            int(rest) for rest in (one.removeprefix(_PREFIX) for one in self._raised) if rest.isdigit()
        ]
        await self._check(numbers, number)

    async def next(self, progress: Progress, now_ms: int, days: float) -> Progress | None:
        """Check some that are due, and say where the round is then; None: nothing is due."""
        progress = not_ahead(progress, now_ms)
        if progress.at >= LAST:
            if not is_over(progress, now_ms, days):
                return None
            progress = Progress(-1, progress.round + 1, now_ms)
        end = upto(LAST, progress, now_ms, days)
        rows = await self._house.read(lambda tx: tx.rows(_SIZES, progress.at, end, BATCH_BLOBS))
        if not rows:
            return progress._replace(at=end) if end > progress.at else None
        numbers: list[int] = []
        octets = 0
        for id_, stored_octets in rows:
            if numbers and octets + stored_octets > BATCH_OCTETS:
                break
            numbers.append(id_)
            octets += stored_octets
        await self._check(numbers, progress.round)
        return progress._replace(at=numbers[-1])

    async def _check(self, numbers: Sequence[int], round_: int) -> None:
        found = await self._damaged(numbers, round_)
        left = [*await heal(self._house, found)]
        before = dict(self._raised)
        for number in numbers:
            self._raised.pop(f"{_PREFIX}{number}", None)
        self._raised |= {subject_of(one.blob): one.alarm for one in left}
        if self._raised != before:
            listed = alarms.few(list(self._raised.values()))
            await self._house.alarms(alarms.SCRUB, listed, prefix=_PREFIX)

    async def _damaged(self, numbers: Sequence[int], round_: int) -> list[Finding]:
        if not numbers:
            return []
        listed = orjson.dumps(list(numbers)).decode()

        async def octets_of(tx: Transaction) -> list[Row]:
            return await tx.rows(_OCTETS, listed)

        found = []
        sample = AddressCheck(self._house, round_)
        octets = 0
        for row in await self._house.read(octets_of):
            location = Location(*row[3:])
            blob = LiveBlob(row[0], row[1], bytes(row[2]), location._replace(octets=None))
            octets += location.stored_octets
            try:
                checked(location, bytes(location.octets or b""))
            except DamagedBlob as fault:
                found.append(Finding(blob, str(fault)))
            else:
                found += await sample.check(blob)
        self._house.metrics.store_scrubbed_octets.inc(octets)
        await self._house.scrubbed(octets)
        return found
