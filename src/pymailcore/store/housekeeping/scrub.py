"""Reads all packs once in `scrub_days` and checks every blob that lies in them.

Of each blob the CRC of its stored octets is checked, and of a sample (another sixteenth in each round) the
address: the hash of the octets under the tenant's key. What no row names harms nobody and is not read. A
finding is an alarm; a pack with findings is read again every day, so that the alarm ends when it was
repaired. A disk that cannot read, and a pack that is not there, are findings, too.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.base.errors import MailError
from pymailcore.base.ids import TenantId
from pymailcore.store.blobs import address_of
from pymailcore.store.housekeeping import alarms, chores
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import LiveBlob, PackFile, live_blobs, pack_files
from pymailcore.store.housekeeping.rewriter import Damaged, batches
from pymailcore.store.packs import DamagedBlob, PackReader
from pymailcore.store.types import Transaction

NAME: Final = "scrub"
SAMPLE: Final = 16  # one of so many blobs is hashed in each round
DAY_MS: Final = 86_400_000
MOST_PACKS: Final = 16  # in one walk
MOST_ROWS: Final = 200_000


class Progress(NamedTuple):
    """Where a round is.

    Attributes:
        pack: the last one that was checked.
        round: counts the rounds.
        begun_ms: when this round began.
    """

    pack: int = 0
    round: int = 0
    begun_ms: int = 0


def next_pack(
    files: Sequence[PackFile], progress: Progress, now_ms: int, days: float
) -> tuple[PackFile | None, Progress]:
    """Say which pack is to be checked now, if one is due, and where the round is then. Pure.

    The share of the octets that is done keeps up with the share of the time that is over.

    Args:
        files: all there are, by number.
        days: what a round takes; 0 for never.
    """
    if days <= 0 or not files:
        return None, progress
    round_ms = days * DAY_MS
    if progress.begun_ms > now_ms:  # the clock was set back
        progress = progress._replace(begun_ms=now_ms)
    left = [file for file in files if file.pack > progress.pack]
    if not left:
        if now_ms - progress.begun_ms < round_ms:
            return None, progress
        progress = Progress(0, progress.round + 1, now_ms)
        left = list(files)
    total = sum(file.octets for file in files)
    done = total - sum(file.octets for file in left)
    if done * round_ms > (now_ms - progress.begun_ms) * total:
        return None, progress
    return left[0], progress._replace(pack=left[0].pack)


class Scrubber:
    """Checks blobs; for one run of the job.

    Args:
        number: of the round; it chooses the sample.
    """

    def __init__(self, house: House, number: int) -> None:
        self._house = house
        self._reader = PackReader(house.packs)
        self._sample = number % SAMPLE

    def close(self) -> None:
        """Close the files."""
        self._reader.close()

    async def check(self, blobs: Sequence[LiveBlob]) -> list[Damaged]:
        """Check blobs of one pack; gives those that are damaged."""
        damaged: list[Damaged] = []
        for some in batches(blobs):
            hurt = await self._house.thread(self._read, some)
            damaged += hurt
            for blob in some:
                if blob.key[-1] % SAMPLE == self._sample and all(found.blob is not blob for found in hurt):
                    damaged += await self._check_address(blob)
            octets = sum(blob.location.stored_octets for blob in some)
            self._house.metrics.store_scrubbed_octets.inc(octets)
            await self._house.scrubbed(octets)
        return damaged

    def _read(self, blobs: Sequence[LiveBlob]) -> list[Damaged]:
        """Check the CRC of blobs; in a thread."""
        damaged = []
        for blob in blobs:
            try:
                self._reader.stored(blob.location)
            except DamagedBlob as fault:
                damaged.append(Damaged(blob, str(fault)))
        return damaged

    async def _check_address(self, blob: LiveBlob) -> list[Damaged]:
        engine = self._house.engine
        tenant = TenantId(blob.tenant)
        try:
            octets = await engine.read_blob(tenant, blob.key)
            right = address_of(await engine.tenant_key(tenant), octets) == blob.key
        except MailError as fault:
            return await self._still(blob, str(fault))
        return [] if right else await self._still(blob, "the octets have another address")

    async def _still(self, blob: LiveBlob, why: str) -> list[Damaged]:
        """A finding only if the blob is still there, where it was."""
        place = (blob.id, blob.location.pack, blob.location.position)
        sql = "SELECT id FROM blobs WHERE id = ?1 AND pack = ?2 AND position = ?3"
        row = await self._house.read(lambda tx: tx.row(sql, *place))
        return [] if row is None else [Damaged(blob, why)]


async def _notes(tx: Transaction) -> tuple[chores.Chore, set[int]]:
    found = await tx.rows("SELECT subject FROM alarms WHERE kind = ?1", alarms.SCRUB)
    return await chores.load(tx, NAME), {int(row[0][:16], 16) for row in found}


async def scrub(house: House) -> None:
    """Check the packs that are due; the job."""
    files = await house.thread(pack_files, house.packs)
    chore, hurt = await house.read(_notes)
    now_ms = house.now_ms()
    progress = Progress(*chore.place.get("at", (0, 0, now_ms)))
    if now_ms - chore.place.get("again_ms", 0) >= DAY_MS or chore.place.get("again_ms", 0) > now_ms:
        chore.place["again_ms"] = now_ms
        await _check(house, hurt, progress)
    while True:
        due: list[int] = []
        while len(due) < MOST_PACKS:
            file, progress = next_pack(files, progress, house.now_ms(), house.settings.scrub_days)
            if file is None or file.pack in due:
                break
            due.append(file.pack)
        if not due:
            break
        await _check(house, set(due), progress)
        await _note(house, chore, progress)
    await _note(house, chore, progress)


async def _check(house: House, packs: set[int], progress: Progress) -> None:
    """Check some packs, and make their alarms what was found."""
    left = set(packs)
    scrubber = Scrubber(house, progress.round)
    try:
        while left:
            living = await live_blobs(house, left, MOST_ROWS)
            for pack, blobs in living.items():
                damaged = await scrubber.check(blobs)
                found = alarms.few([one.alarm for one in damaged])
                await house.alarms(alarms.SCRUB, found, prefix=f"{pack:016x}")
                house.metrics.store_scrub_findings.inc(len(damaged))
            left -= living.keys()
    finally:
        await house.thread(scrubber.close)


async def _note(house: House, chore: chores.Chore, progress: Progress) -> None:
    now_ms = house.now_ms()
    place = {**chore.place, "at": list(progress)}
    await house.write(lambda tx: chores.save(tx, NAME, chores.Chore(place, progress.begun_ms, now_ms)))
