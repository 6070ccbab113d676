"""Writes packs anew that are mostly garbage, while everybody goes on reading them.

Theory: the blobs of an old pack, found by their rows, are appended to a pack of the housekeeper's own and
synced; then their rows are moved, each only if it still names the old place. A row so always names octets
that are on disk, and a kill leaves at worst octets that nothing names. Readers that looked at a row before
find the old file for `pack_gone_minutes`; it goes when nothing names it (`sweeper`). A blob whose octets fail
their check stays where it is, with its pack: that is a finding (`scrub`).
"""

import functools
from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.store.files import Files
from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.healing import Finding, pack_of, prefix_of
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import LiveBlob, PackFile, is_written, live_blobs, pack_files
from pymailcore.store.housekeeping.pace import Pace
from pymailcore.store.packs import DamagedBlob, Location, OpenPack, PackReader
from pymailcore.store.types import Transaction

SMALL_SHARE: Final = 32  # a pack of less than this part of `pack_octets` is small
MANY_SMALL: Final = 32  # so many small packs are written together
MOST_ROWS: Final = 200_000  # in memory at a time
MOST_PACKS: Final = 64  # in one walk
BATCH_BLOBS: Final = 512
BATCH_OCTETS: Final = 4 * 1024 * 1024

_MOVE: Final = (
    "UPDATE blobs SET pack = ?4, position = ?5, stored_octets = ?6, size_octets = ?7, encoding = ?8, crc = ?9"
    " WHERE id = ?1 AND pack = ?2 AND position = ?3"
)
_GONE: Final = (
    "INSERT INTO packs (id, octets, live_octets, looked_ms, gone_ms) VALUES (?1, ?2, 0, ?3, ?3)"
    " ON CONFLICT (id) DO UPDATE SET live_octets = 0, looked_ms = ?3, gone_ms = coalesce(packs.gone_ms, ?3)"
)


class PackState(NamedTuple):
    """A pack with what is known of it."""

    file: PackFile
    live_octets: int


def choose(
    packs: Sequence[PackState], now_ms: int, *, percent: float, rest_ms: float, pack_octets: int
) -> list[PackFile]:
    """Say which packs are worth writing anew, the worst first. Pure.

    Args:
        packs: those that are not gone and without damage.
        percent: a pack with less than this share alive is.
        rest_ms: a pack that was written to later than this ago is left alone.
    """
    rested = [state for state in packs if now_ms - state.file.written_ms >= rest_ms]
    poor = [state for state in rested if state.live_octets * 100 < state.file.octets * percent]
    small = [state for state in rested if state.file.octets * SMALL_SHARE < pack_octets]
    chosen = {state.file.pack: state for state in poor}
    if len(small) >= MANY_SMALL:
        chosen |= {state.file.pack: state for state in small}
    return [
        state.file
        for state in sorted(chosen.values(), key=lambda state: state.live_octets - state.file.octets)
    ]


def batches(blobs: Sequence[LiveBlob]) -> list[list[LiveBlob]]:
    """Cut blobs into stretches that are copied and moved at a time."""
    out: list[list[LiveBlob]] = []
    octets = 0
    for blob in blobs:
        if not out or len(out[-1]) >= BATCH_BLOBS or octets >= BATCH_OCTETS:
            out.append([])
            octets = 0
        out[-1].append(blob)
        octets += blob.location.stored_octets
    return out


class Rewriter:
    """Moves blobs into a pack of its own; for one run.

    Args:
        files: how packs are written, for tests.
    """

    def __init__(self, house: House, files: Files | None = None) -> None:
        self._house = house
        self._files = files or Files()
        self._reader = PackReader(house.packs)
        self._pack: OpenPack | None = None
        self._pace = Pace(128)

    def close(self) -> None:
        """Close the files."""
        self._reader.close()
        self._leave()

    def _leave(self) -> None:
        if self._pack is not None:
            pack, self._pack = self._pack, None
            pack.close()

    async def move(self, blobs: Sequence[LiveBlob]) -> list[Finding]:
        """Move blobs, in the order given; gives those that cannot be read and so stay."""
        damaged = []
        for tenant in {blob.tenant for blob in blobs}:
            await self._house.engine.data_keys.sealer(tenant)  # its first key, if it is to have one
        for some in batches(blobs):
            moves, hurt = await self._house.thread(self._copy, some, self._house.engine.ids.new())
            damaged += hurt
            await self._rename(moves)
            await self._house.rewritten(2 * sum(new.stored_octets for _, new in moves))
        return damaged

    def _copy(
        self, blobs: Sequence[LiveBlob], fresh: int
    ) -> tuple[list[tuple[LiveBlob, Location]], list[Finding]]:
        """Put blobs into our own pack and on disk; in a thread.

        Args:
            fresh: the number of a new pack, if one is needed.
        """
        moves = []
        damaged = []
        reseal = self._house.engine.sealing.reseal
        try:
            for blob in blobs:
                try:
                    stored = self._reader.stored(blob.location)
                    encoding, stored = reseal(blob.tenant, blob.key, blob.location.encoding, stored)
                except DamagedBlob as fault:
                    damaged.append(Finding(blob, str(fault)))
                    continue
                if self._pack is None:
                    self._pack = OpenPack(self._house.packs, fresh, self._files)
                new = self._pack.add(blob.tenant, blob.key, blob.location.size_octets, encoding, stored)
                moves.append((blob, new))
            if self._pack is not None:
                self._pack.sync()
                if self._pack.end >= self._house.settings.pack_octets:
                    self._leave()
        except OSError:
            self._leave()  # nobody knows what of it the disk has: never written again
            raise
        return moves, damaged

    async def _rename(self, moves: Sequence[tuple[LiveBlob, Location]]) -> None:
        """Let rows name the new places."""
        rows = [(blob.id, blob.location.pack, blob.location.position, *new[:6]) for blob, new in moves]
        while rows:
            some, rows = rows[: self._pace.rows], rows[self._pace.rows :]
            await self._house.write(functools.partial(_moved, rows=some), self._pace)


async def _moved(tx: Transaction, rows: Sequence[tuple[int, ...]]) -> None:
    await tx.run_many(_MOVE, rows)


async def _states(tx: Transaction) -> tuple[dict[int, int], set[int]]:
    rows = await tx.rows("SELECT id, live_octets FROM packs WHERE gone_ms IS NULL AND id > 0")
    found = await tx.rows("SELECT subject FROM alarms WHERE kind = ?1", alarms.SCRUB)
    return dict(rows), {pack for pack in (pack_of(row[0]) for row in found) if pack is not None}


async def rewrite(house: House, files: Files | None = None) -> None:
    """Write anew what is worth it; the job."""
    settings = house.settings
    folder = house.packs
    there = await house.thread(pack_files, folder)
    known, hurt = await house.read(_states)
    chosen = choose(
        [PackState(file, known[file.pack]) for file in there if file.pack in known.keys() - hurt],
        house.now_ms(),
        percent=settings.rewrite_percent,
        rest_ms=house.pack_rest_ms,
        pack_octets=settings.pack_octets,
    )
    todo = {file.pack: file for file in chosen[:MOST_PACKS]}
    for pack in list(todo):
        if await house.thread(is_written, folder, pack):
            del todo[pack]
    rewriter = Rewriter(house, files)
    try:
        for pack, blobs in (await live_blobs(house, todo, MOST_ROWS)).items():
            damaged = await rewriter.move(blobs)
            if damaged:
                found = alarms.few([one.alarm for one in damaged])
                await house.alarms(alarms.SCRUB, found, prefix=prefix_of(pack))
            else:
                await _gone(house, todo[pack])
    finally:
        await house.thread(rewriter.close)


async def _gone(house: House, file: PackFile) -> None:
    """Note that nothing names a pack any more."""
    now_ms = house.now_ms()
    await house.write(lambda tx: tx.run(_GONE, file.pack, file.octets, now_ms))
    house.metrics.store_rewritten_octets.inc(file.octets)
