import fcntl
import os
from pathlib import Path

import pytest
from tests.support.house import all_readable, blobs, fill_packs, hasty, purge, rows
from tests.support.stores import Opened

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.blobs import BlobGone, address_of
from pymailcore.store.housekeeping.census import census
from pymailcore.store.housekeeping.collector import collect
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.rewriter import rewrite
from pymailcore.store.housekeeping.sweeper import REMEMBERED_MS, due, no_backup, remove, sweep
from pymailcore.store.ops import blob_rows
from pymailcore.store.packs import Location, pack_path
from pymailcore.store.types import Transaction


async def packs(local: Opened) -> dict[int, int | None]:
    return {row[0]: row[1] for row in await rows(local, "SELECT id, gone_ms FROM packs")}


def there(house: House) -> set[int]:
    return {int(path.stem, 16) for path in house.packs.iterdir()}


def test_a_pack_is_due_when_it_was_gone_for_long_enough() -> None:
    assert not due(None, 100, 0)
    assert due(40, 100, 60)
    assert not due(41, 100, 60)


def test_while_a_backup_runs_nothing_is_removed(tmp_path: Path) -> None:
    lock = tmp_path / "backup"
    path = pack_path(tmp_path, 1)
    path.write_bytes(b"x")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    assert not remove(tmp_path, lock, 1)
    assert path.exists()
    os.close(descriptor)
    with no_backup(lock) as alone:
        assert alone
    assert remove(tmp_path, lock, 1)
    assert not path.exists()
    assert remove(tmp_path, lock, 1), "it is gone, which is all that matters"


async def test_a_pack_of_a_crash_without_rows_goes(local: Opened, local_house: House) -> None:
    orphan = pack_path(local_house.packs, 77)
    orphan.write_bytes(b"pymailcore pack\x01 and something that no row names")
    await sweep(local_house)
    assert orphan.exists(), "it is gone from now on, and removed later"
    assert (await packs(local))[77] is not None
    await sweep(local_house)
    assert not orphan.exists()
    assert (await packs(local))[77] is not None, "no row can come to name it for some days"
    await local.store.database.write(
        lambda tx: tx.run("UPDATE packs SET gone_ms = gone_ms - ?1 WHERE id = 77", REMEMBERED_MS)
    )
    await sweep(local_house)
    assert 77 not in await packs(local)


async def test_nothing_goes_before_its_time(local: Opened) -> None:
    patient = hasty(local, pack_rest_minutes=60.0, pack_gone_minutes=60.0)
    orphan = pack_path(patient.packs, 77)
    orphan.write_bytes(b"x")
    await sweep(patient)
    assert await packs(local) == {}, "not at rest"
    rested = hasty(local, pack_gone_minutes=60.0)
    await sweep(rested)
    await sweep(rested)
    assert orphan.exists()
    patient.hurry = True
    assert patient.pack_gone_ms == patient.pack_rest_ms == 60_000
    await local.store.database.write(
        lambda tx: tx.run("UPDATE packs SET gone_ms = gone_ms - 60000 WHERE id = 77")
    )
    await sweep(rested)
    assert orphan.exists()
    await sweep(patient)
    assert not orphan.exists(), "with no space it need not wait for an hour"


async def test_the_open_pack_of_a_process_stays(local: Opened, local_house: House) -> None:
    filed = await fill_packs(local, 1)
    await purge(local, *filed)
    await collect(local_house)
    before = there(local_house)
    await sweep(local_house)
    await sweep(local_house)
    assert there(local_house) == before
    assert await packs(local) == {}


async def test_a_pack_that_is_named_again_stays(local: Opened, local_house: House) -> None:
    """A process had stored a blob there and named it only after the last look."""
    keep = await fill_packs(local)
    where = min((await blobs(local)).values())
    await local.store.database.write(
        lambda tx: tx.run(
            "INSERT INTO packs (id, octets, live_octets, looked_ms, gone_ms) VALUES (?1, 1, 0, 0, 0)",
            where.pack,
        )
    )
    await sweep(local_house)
    assert (await packs(local))[where.pack] is None
    assert await all_readable(local) == len(keep)


async def test_a_clock_that_was_set_back_begins_the_time_anew(local: Opened, local_house: House) -> None:
    path = pack_path(local_house.packs, 77)
    path.write_bytes(b"x")
    await local.store.database.write(
        lambda tx: tx.run(
            "INSERT INTO packs (id, octets, live_octets, looked_ms, gone_ms) VALUES (77, 1, 0, 0, ?1)", 2**60
        )
    )
    await sweep(local_house)
    assert path.exists()
    assert (await packs(local))[77] != 2**60


async def test_a_kill_after_the_file_went_leaves_a_row_that_counts_for_nothing(
    local: Opened, local_house: House
) -> None:
    now_ms = local_house.now_ms()
    await local.store.database.write(
        lambda tx: tx.run(
            "INSERT INTO packs (id, octets, live_octets, looked_ms, gone_ms) VALUES (77, 5, 0, 0, ?1),"
            " (78, 5, 0, 0, NULL), (79, 5, 5, 0, NULL)",
            now_ms,
        )
    )
    await sweep(local_house)
    assert await rows(local, "SELECT id, octets FROM packs ORDER BY id") == [(77, 0), (79, 5)], "79 is missed"


async def test_octets_in_a_pack_that_is_gone_are_written_again(local: Opened, local_house: House) -> None:
    """A process was held up between the sync of its pack and the commit, for as long as it likes."""
    engine = local.store.engine
    octets = b"octets of a process that sleeps" * 100
    key = address_of(await engine.tenant_key(DEFAULT_TENANT), octets)
    location = Location(66, 88, 10, 10, 0, 0)
    await local.store.database.write(
        lambda tx: tx.run(
            "INSERT INTO packs (id, octets, live_octets, looked_ms, gone_ms) VALUES (66, 9, 0, 0, 0)"
        )
    )

    async def late(tx: Transaction) -> None:
        with pytest.raises(BlobGone):
            await blob_rows.claim(tx, DEFAULT_TENANT, [key], {key: location})

    await local.store.database.write(late)
    assert await blobs(local) == {}


@pytest.mark.parametrize("held", [False, True])
async def test_a_rewritten_pack_waits_for_a_backup(local: Opened, local_house: House, held: bool) -> None:
    filed = await fill_packs(local)
    await purge(local, *filed[1:])
    await collect(local_house)
    await census(local_house)
    await rewrite(local_house)
    gone = {pack for pack, gone_ms in (await packs(local)).items() if gone_ms is not None}
    assert gone
    descriptor = os.open(local_house.layout.locks / "backup", os.O_RDWR | os.O_CREAT)
    if held:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    await sweep(local_house)
    os.close(descriptor)
    assert (gone <= there(local_house)) == held
    assert await all_readable(local) == 1
