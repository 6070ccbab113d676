"""Reads everything once in `scrub_days`, a share every day, and checks every blob that lies in it.

Packs here, octets in rows in `scrub_rows`, objects in `scrub_objects`; each has its own round, and all share
one limit of octets a second. Of each blob the CRC of its stored octets is checked, and of a sample (another
sixteenth in each round) the address. What no row names harms nobody and is not looked at. What is damaged is
brought back if there is a replica (`healing`); what is left is an alarm, and is read again every day, so that
the alarm ends when it was repaired. A disk that cannot read, and a pack that is not there, are findings, too.
"""

from collections.abc import Sequence
from typing import Any, Final

from pymailcore.runtime.logs import get_logger
from pymailcore.store.housekeeping import alarms, chores
from pymailcore.store.housekeeping.address import AddressCheck
from pymailcore.store.housekeeping.healing import Finding, heal, pack_of, prefix_of
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import LiveBlob, PackFile, live_blobs, pack_files
from pymailcore.store.housekeeping.rewriter import batches
from pymailcore.store.housekeeping.rounds import DAY_MS, Progress, is_due, is_over, not_ahead
from pymailcore.store.housekeeping.scrub_objects import ObjectScrub, next_object
from pymailcore.store.housekeeping.scrub_rows import RowScrub
from pymailcore.store.objects.settings import ObjectsAway
from pymailcore.store.packs import DamagedBlob, PackReader
from pymailcore.store.types import Transaction

NAME: Final = "scrub"
MOST_PACKS: Final = 16  # in one walk
MOST_ROWS: Final = 200_000

log = get_logger()


def next_pack(
    files: Sequence[PackFile], progress: Progress, now_ms: int, days: float
) -> tuple[PackFile | None, Progress]:
    """Say which pack is to be checked now, if one is due, and where the round is then. Pure.

    Args:
        files: all there are, by number.
        days: what a round takes; 0 for never.
    """
    if days <= 0 or not files:
        return None, progress
    progress = not_ahead(progress, now_ms)
    left = [file for file in files if file.pack > progress.at]
    if not left:
        if not is_over(progress, now_ms, days):
            return None, progress
        progress = Progress(0, progress.round + 1, now_ms)
        left = list(files)
    total = sum(file.octets for file in files)
    done = total - sum(file.octets for file in left)
    if not is_due(done, total, progress, now_ms, days):
        return None, progress
    return left[0], progress._replace(at=left[0].pack)


class Scrubber:
    """Checks blobs in pack files; for one run of the job.

    Args:
        number: of the round; it chooses the sample.
    """

    def __init__(self, house: House, number: int) -> None:
        self._house = house
        self._reader = PackReader(house.packs)
        self._sample = AddressCheck(house, number)

    def close(self) -> None:
        """Close the files."""
        self._reader.close()

    async def check(self, blobs: Sequence[LiveBlob]) -> list[Finding]:
        """Check blobs of one pack; gives those that are damaged."""
        damaged: list[Finding] = []
        for some in batches(blobs):
            hurt = await self._house.thread(self._read, some)
            damaged += hurt
            for blob in some:
                if all(found.blob is not blob for found in hurt):
                    damaged += await self._sample.check(blob)
            octets = sum(blob.location.stored_octets for blob in some)
            self._house.metrics.store_scrubbed_octets.inc(octets)
            await self._house.scrubbed(octets)
        return damaged

    def _read(self, blobs: Sequence[LiveBlob]) -> list[Finding]:
        """Check the CRC of blobs; in a thread."""
        damaged = []
        for blob in blobs:
            try:
                self._reader.stored(blob.location)
            except DamagedBlob as fault:
                damaged.append(Finding(blob, str(fault)))
        return damaged


async def _notes(tx: Transaction) -> tuple[chores.Chore, list[alarms.Alarm]]:
    there = [alarm for alarm in await alarms.read(tx) if alarm.kind == alarms.SCRUB]
    return await chores.load(tx, NAME), there


class _Run:
    """One run of the job."""

    def __init__(self, house: House, chore: chores.Chore, there: Sequence[alarms.Alarm]) -> None:
        self._house = house
        self._place = dict(chore.place)
        self._there = there
        self._days = house.settings.scrub_days
        self._rows = RowScrub(house, there)

    def progress(self, name: str) -> Progress:
        """Where a round is."""
        at: list[Any] = self._place.get(name) or [-1 if name == "rows" else 0, 0, self._house.now_ms()]
        return Progress(*at)

    async def note(self, name: str, progress: Progress) -> None:
        """Write down where a round is."""
        self._place[name] = list(progress)
        now_ms = self._house.now_ms()
        chore = chores.Chore(self._place, self.progress("at").begun_ms, now_ms)
        await self._house.write(lambda tx: chores.save(tx, NAME, chore))

    async def look_again(self) -> None:
        """Check what has an alarm, once a day."""
        now_ms = self._house.now_ms()
        last_ms = self._place.get("again_ms", 0)
        if 0 <= now_ms - last_ms < DAY_MS:
            return
        self._place["again_ms"] = now_ms
        hurt = {pack for pack in (pack_of(alarm.subject) for alarm in self._there) if pack is not None}
        await _check(self._house, {pack for pack in hurt if pack > 0}, self.progress("at"))
        await self._rows.check_again(self.progress("rows").round)
        for pack in sorted(hurt):
            if pack < 0:
                await self._check_object(pack, self.progress("objects"))

    async def packs(self) -> None:
        """Check the packs that are due."""
        house = self._house
        files = await house.thread(pack_files, house.packs)
        progress = self.progress("at")
        while True:
            due: list[int] = []
            while len(due) < MOST_PACKS:
                file, progress = next_pack(files, progress, house.now_ms(), self._days)
                if file is None or file.pack in due:
                    break
                due.append(file.pack)
            if not due:
                break
            await _check(house, set(due), progress)
            await self.note("at", progress)
        await self.note("at", progress)

    async def rows(self) -> None:
        """Check the rows that are due."""
        progress: Progress | None = self.progress("rows")
        now_ms = self._house.now_ms()  # of now: what becomes due meanwhile is for the next run
        while progress is not None and self._days > 0:
            await self.note("rows", progress)
            progress = await self._rows.next(progress, now_ms, self._days)

    async def objects(self) -> None:
        """Check the objects that are due."""
        if self._house.engine.objects is None or self._days <= 0:
            return
        progress = self.progress("objects")
        await self.note("objects", progress)
        while found := await next_object(self._house, progress, self._house.now_ms(), self._days):
            pack, progress = found
            await self._check_object(pack, progress)
            await self.note("objects", progress)

    async def _check_object(self, pack: int, progress: Progress) -> None:
        objects = self._house.engine.objects
        if objects is None:
            return
        found = await ObjectScrub(self._house, objects, progress.round).check(pack)
        left = alarms.few([one.alarm for one in await heal(self._house, found)], prefix_of(pack))
        await self._house.alarms(alarms.SCRUB, left, prefix=prefix_of(pack))


async def scrub(house: House) -> None:
    """Check what is due; the job."""
    run = _Run(house, *await house.read(_notes))
    try:
        await run.look_again()
        await run.packs()
        await run.rows()
        await run.objects()
    except ObjectsAway as fault:
        log.warning("the scrub of objects has to wait", fault=str(fault))


async def _check(house: House, packs: set[int], progress: Progress) -> None:
    """Check some packs, and make their alarms what was found."""
    left = set(packs)
    scrubber = Scrubber(house, progress.round)
    try:
        while left:
            living = await live_blobs(house, left, MOST_ROWS)
            for pack, blobs in living.items():
                damaged = await heal(house, await scrubber.check(blobs))
                found = alarms.few([one.alarm for one in damaged])
                await house.alarms(alarms.SCRUB, found, prefix=prefix_of(pack))
            left -= living.keys()
    finally:
        await house.thread(scrubber.close)
