"""The collector: rows of blobs that nobody refers to any more.

Theory: a blob that loses a reference is loose (ops.blob_rows); who refers to one takes it out again in the
same transaction. A pass (1) marks all that are loose with its number; (2) looks through all references, in
slices, each on a snapshot of its own, and takes out those that are still referred to; (3) deletes the rows
of blobs that STILL have its mark, in the transaction that takes the mark away. A mark that stayed from (1)
to (3) says that nobody took the blob up in between. So a reference that is there at (3) was there all the
time, and (2) has seen it, however the slices lay. A reference that went during (2) gives the blob a fresh
row with mark 0, and the next pass has it. A mark without a blob goes in (1), or it would be the mark of one
that comes anew under its number. Nothing here depends on clocks or on what a process remembers: the
notes and the marks are rows, and a pass that was cut off anywhere is taken up again.

On PostgreSQL a transaction that began before the mark may still have read "not loose": (2) begins only when
all that ran at (1) have ended (`Database.settle`).
"""

import functools
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson

from pymailcore.store.housekeeping import chores, tenant_keys
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.pace import Pace
from pymailcore.store.types import Transaction

NAME: Final = "collect"
SCAN_ROWS: Final = 20_000
_NOTE_EVERY: Final = 20  # slices of the scan between two notes of how far it is

_NEXT_LOOSE: Final = (
    "SELECT max(blob) FROM (SELECT blob FROM loose_blobs WHERE blob > ?1 ORDER BY blob LIMIT ?2) AS stretch"
)
_STRAY: Final = (
    "DELETE FROM loose_blobs WHERE blob > ?1 AND blob <= ?2"
    " AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.id = loose_blobs.blob)"
)
_MARK: Final = "UPDATE loose_blobs SET pass = ?1 WHERE blob > ?2 AND blob <= ?3"
_NEXT_OWNER: Final = (
    "SELECT max(owner) FROM (SELECT owner FROM blob_refs WHERE owner > ?1 ORDER BY owner LIMIT ?2) AS stretch"
)
_NEEDED: Final = (
    "SELECT DISTINCT l.blob FROM blob_refs r CROSS JOIN loose_blobs l"
    " WHERE l.blob = r.blob AND r.owner > ?1 AND r.owner <= ?2 AND l.pass = ?3"
)
_SPARE: Final = "DELETE FROM loose_blobs WHERE blob IN (SELECT value FROM json_each(?1)) AND pass = ?2"
_MARKED: Final = "SELECT blob FROM loose_blobs WHERE blob > ?1 AND pass = ?2 ORDER BY blob LIMIT ?3"
_LOCK: Final = "SELECT id FROM blobs WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id /*lock*/"
_DELETE: Final = (
    "DELETE FROM blobs WHERE id IN (SELECT value FROM json_each(?1)) RETURNING id, pack, stored_octets"
)
_DELETE_OCTETS: Final = "DELETE FROM blob_octets WHERE blob IN (SELECT value FROM json_each(?1))"
_LESS_LIVE: Final = "UPDATE packs SET live_octets = max(0, live_octets - ?2) WHERE id = ?1"


class Collected(NamedTuple):
    """What a pass took away."""

    blobs: int
    octets: int


class Collector:
    """One pass, or the rest of one that was cut off."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._blobs = 0
        self._octets = 0

    async def run(self) -> Collected:
        """Do a pass; safe to cancel or kill anywhere."""
        chore = await self._house.read(_load)
        place = chore.place
        if place.get("step") not in ("scan", "delete"):
            place = {"pass": self._house.engine.ids.new()}  # never that of another housekeeper
            if not await self._mark(place["pass"]):
                return Collected(0, 0)
            await self._house.database.settle()
            place |= {"step": "scan", "after": 0}
        if place["step"] == "scan":
            await self._scan(place)
            place |= {"step": "delete", "after": 0}
            await self._note(place)
        await self._delete(place)
        await self._note({}, ended=True)
        return Collected(self._blobs, self._octets)

    async def _mark(self, number: int) -> bool:
        """Mark what is loose; False when nothing is."""
        pace = Pace(512)
        after = 0
        begun_ms = self._house.now_ms()
        if await self._house.read(lambda tx: tx.row(_NEXT_LOOSE, 0, 1)) in (None, (None,)):
            return False

        async def work(tx: Transaction) -> int | None:
            row = await tx.row(_NEXT_LOOSE, after, pace.rows)
            if row is None or row[0] is None:
                return None
            await tx.run(_STRAY, after, row[0])
            await tx.run(_MARK, number, after, row[0])
            ended_ms = (await _load(tx)).ended_ms
            await chores.save(tx, NAME, chores.Chore({"pass": number, "step": "mark"}, begun_ms, ended_ms))
            return int(row[0])

        while (upto := await self._house.write(work, pace)) is not None:
            after = upto
        return True

    async def _scan(self, place: dict[str, Any]) -> None:
        """Take the mark from what somebody refers to."""
        pace = Pace(512)
        after, number = place["after"], place["pass"]

        async def look(tx: Transaction) -> tuple[int | None, list[int]]:
            row = await tx.row(_NEXT_OWNER, after, SCAN_ROWS)
            if row is None or row[0] is None:
                return None, []
            return row[0], [found[0] for found in await tx.rows(_NEEDED, after, row[0], number)]

        since_note = 0
        while True:
            upto, needed = await self._house.read(look)
            while needed:
                some, needed = needed[: pace.rows], needed[pace.rows :]
                await self._spare(some, number, pace)
            if upto is None:
                return
            after = upto
            since_note += 1
            if since_note == _NOTE_EVERY:
                since_note = 0
                await self._note(place | {"after": after})

    async def _spare(self, blobs: Sequence[int], number: int, pace: Pace) -> None:
        listed = orjson.dumps(list(blobs)).decode()
        await self._house.write(lambda tx: tx.run(_SPARE, listed, number), pace)

    async def _delete(self, place: dict[str, Any]) -> None:
        """Delete what still has the mark."""
        pace = Pace(64)
        after, number = place["after"], place["pass"]

        async def look(tx: Transaction) -> list[int]:
            return [row[0] for row in await tx.rows(_MARKED, after, number, SCAN_ROWS)]

        while marked := await self._house.read(look):
            after = marked[-1]
            while marked:
                some, marked = marked[: pace.rows], marked[pace.rows :]
                gone = await self._house.write(
                    functools.partial(delete_marked, blobs=some, number=number), pace
                )
                self._blobs += gone.blobs
                self._octets += gone.octets
                self._house.metrics.store_collected.inc(gone.blobs)

    async def _note(self, place: dict[str, Any], *, ended: bool = False) -> None:
        now_ms = self._house.now_ms()

        async def work(tx: Transaction) -> None:
            before = await _load(tx)
            ended_ms = now_ms if ended else before.ended_ms
            await chores.save(tx, NAME, chores.Chore(place, before.begun_ms, ended_ms))

        await self._house.write(work)


async def _load(tx: Transaction) -> chores.Chore:
    return await chores.load(tx, NAME)


async def delete_marked(tx: Transaction, blobs: Sequence[int], number: int) -> Collected:
    """Delete the rows of those blobs that still have the mark of a pass."""
    listed = orjson.dumps(list(blobs)).decode()
    await tx.rows(_LOCK, listed)
    marked = await tx.rows(f"{_SPARE} RETURNING blob", listed, number)
    listed = orjson.dumps([row[0] for row in marked]).decode()
    gone = await tx.rows(_DELETE, listed)
    by_pack: dict[int, int] = {}
    for _, pack, octets in gone:
        by_pack[pack] = by_pack.get(pack, 0) + octets
    if by_pack.pop(0, None) is not None:
        await tx.run(_DELETE_OCTETS, listed)
    if by_pack:
        await tx.run_many(_LESS_LIVE, sorted(by_pack.items()))
    return Collected(len(gone), sum(row[2] for row in gone))


async def collect(house: House) -> None:
    """Do one pass, then let go of the keys of tenants that have nothing left; a job."""
    await Collector(house).run()
    await tenant_keys.forget_all(house)
