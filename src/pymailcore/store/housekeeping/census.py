"""Counts blobs: what each tenant has, and what of each pack is alive.

One walk through all rows of blobs, one through all references, in slices, each on a snapshot of its own: the
sums are of no single moment and off by what came meanwhile, which is good enough for statistics and for the
choice of packs to write anew (who removes a pack looks again: `sweeper`). A walk that is cut off counts for
nothing.
"""

import functools
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import PackFile, pack_files
from pymailcore.store.housekeeping.pace import Pace
from pymailcore.store.types import Row, Transaction

SCAN_ROWS: Final = 20_000
MOST_ALARMS: Final = 100

_NEXT_BLOB: Final = "SELECT max(id) FROM (SELECT id FROM blobs WHERE id > ?1 ORDER BY id LIMIT ?2) AS stretch"
_BLOBS: Final = (
    "SELECT tenant, pack, count(*), sum(size_octets), sum(stored_octets) FROM blobs"
    " WHERE id > ?1 AND id <= ?2 GROUP BY tenant, pack"
)
_NEXT_OWNER: Final = (
    "SELECT max(owner) FROM (SELECT owner FROM blob_refs WHERE owner > ?1 ORDER BY owner LIMIT ?2) AS stretch"
)
_REFS: Final = "SELECT tenant, count(*) FROM blob_refs WHERE owner > ?1 AND owner <= ?2 GROUP BY tenant"
_TENANT: Final = (
    "INSERT INTO tenant_octets (tenant, blobs, refs, decoded_octets, stored_octets, counted_ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (tenant) DO UPDATE SET blobs = excluded.blobs,"
    " refs = excluded.refs, decoded_octets = excluded.decoded_octets,"
    " stored_octets = excluded.stored_octets, counted_ms = excluded.counted_ms"
)
_PACK: Final = (
    "INSERT INTO packs (id, octets, live_octets, looked_ms) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (id) DO UPDATE SET octets = excluded.octets, live_octets = excluded.live_octets,"
    " looked_ms = excluded.looked_ms"
)


class TenantSums(NamedTuple):
    """What one tenant's blobs come to."""

    blobs: int = 0
    refs: int = 0
    decoded_octets: int = 0
    stored_octets: int = 0


class Counted(NamedTuple):
    """The result of a census."""

    tenants: dict[int, TenantSums]
    live_octets: dict[int, int]  # by pack; 0 is the database, below 0 are objects


async def _walk(house: House, stretch: str, sums: str) -> AsyncIterator[Row]:
    """Sums of one stretch of keys after the other."""
    after = -1

    async def work(tx: Transaction) -> tuple[int | None, list[Row]]:
        row = await tx.row(stretch, after, SCAN_ROWS)
        if row is None or row[0] is None:
            return None, []
        return row[0], await tx.rows(sums, after, row[0])

    while True:
        upto, rows = await house.read(work)
        if upto is None:
            return
        after = upto
        for row in rows:
            yield row


async def count(house: House) -> Counted:
    """Count everything."""
    tenants: dict[int, TenantSums] = {}
    live: dict[int, int] = {}
    async for tenant, pack, blobs, decoded, stored in _walk(house, _NEXT_BLOB, _BLOBS):
        sums = tenants.get(tenant, TenantSums())
        tenants[tenant] = sums._replace(
            blobs=sums.blobs + blobs,
            decoded_octets=sums.decoded_octets + int(decoded),
            stored_octets=sums.stored_octets + int(stored),
        )
        live[pack] = live.get(pack, 0) + int(stored)
    async for tenant, refs in _walk(house, _NEXT_OWNER, _REFS):
        sums = tenants.get(tenant, TenantSums())
        tenants[tenant] = sums._replace(refs=sums.refs + refs)
    return Counted(tenants, live)


async def keep(house: House, counted: Counted, files: list[PackFile]) -> None:
    """Write down what was counted."""
    now_ms = house.now_ms()

    async def known(tx: Transaction) -> tuple[set[int], set[int]]:
        tenants = await tx.rows("SELECT tenant FROM tenant_octets UNION SELECT tenant FROM accounts")
        packs = await tx.rows("SELECT id FROM packs WHERE id > 0")
        return {row[0] for row in tenants}, {row[0] for row in packs}

    tenants, packs = await house.read(known)
    await _write(
        house,
        _TENANT,
        [
            (tenant, *counted.tenants.get(tenant, TenantSums()), now_ms)
            for tenant in sorted(tenants | counted.tenants.keys())
        ],
    )
    await _write(
        house,
        _PACK,
        [
            (file.pack, file.octets, counted.live_octets.get(file.pack, 0), now_ms)
            for file in files
            if file.pack in packs or file.pack in counted.live_octets
        ],
    )


async def _write(house: House, sql: str, rows: list[tuple[int, ...]]) -> None:
    pace = Pace(128)
    while rows:
        some, rows = rows[: pace.rows], rows[pace.rows :]
        await house.write(functools.partial(_run_many, sql=sql, rows=some), pace)


async def census(house: House) -> None:
    """Count, and write it down; the job."""
    folder = house.packs
    files = await house.thread(pack_files, folder)
    counted = await count(house)
    await keep(house, counted, files)
    there = {file.pack for file in await house.thread(pack_files, folder)}
    lost = sorted(pack for pack in counted.live_octets if pack > 0 and pack not in there)
    for pack in lost[:MOST_ALARMS]:
        text = f"the pack is gone, with {counted.live_octets[pack]} octets of blobs"
        alarm = alarms.Alarm(alarms.SCRUB, f"{pack:016x}", text)
        await house.alarms(alarms.SCRUB, [alarm], prefix=f"{pack:016x}")


async def _run_many(tx: Transaction, sql: str, rows: list[tuple[int, ...]]) -> None:
    await tx.run_many(sql, rows)
