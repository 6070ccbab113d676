import pytest
from tests.support.house import blobs, fill_packs, purge, rows
from tests.support.stores import Opened

from pymailcore.store.housekeeping import alarms, census
from pymailcore.store.housekeeping.census import TenantSums, count
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import pack_files
from pymailcore.store.packs import pack_path


async def test_everything_is_counted_once(
    opened: Opened, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(census, "SCAN_ROWS", 5)
    await fill_packs(opened)
    there = (await blobs(opened)).values()
    refs = (await rows(opened, "SELECT count(*) FROM blob_refs"))[0][0]
    counted = await count(house)
    assert counted.tenants == {
        1: TenantSums(
            len(there), refs, sum(at.size_octets for at in there), sum(at.stored_octets for at in there)
        )
    }
    assert sum(counted.live_octets.values()) == sum(at.stored_octets for at in there)
    assert counted.live_octets.keys() == {at.pack for at in there}


async def test_what_was_counted_is_written_down(local: Opened, local_house: House) -> None:
    filed = await fill_packs(local)
    await census.census(local_house)
    files = pack_files(local_house.packs)
    packs = await rows(local, "SELECT id, octets, live_octets, gone_ms FROM packs ORDER BY id")
    assert [(row[0], row[1]) for row in packs] == [(file.pack, file.octets) for file in files]
    assert all(0 < row[2] < row[1] and row[3] is None for row in packs)
    before = await rows(local, "SELECT blobs, refs FROM tenant_octets WHERE tenant = 1")
    await purge(local, *filed)
    await local.store.database.write(lambda tx: tx.run("DELETE FROM blobs"))
    await census.census(local_house)
    assert before != [(0, 0)]
    assert await rows(local, "SELECT blobs, refs, stored_octets FROM tenant_octets") == [(0, 0, 0)]
    assert {row[0] for row in await rows(local, "SELECT live_octets FROM packs")} == {0}


async def test_a_pack_that_is_not_there_is_an_alarm(local: Opened, local_house: House) -> None:
    await fill_packs(local)
    first = pack_files(local_house.packs)[0].pack
    pack_path(local_house.packs, first).unlink()
    await census.census(local_house)
    (alarm,) = await local.store.database.read(alarms.read)
    assert (alarm.kind, alarm.subject) == (alarms.SCRUB, f"{first:016x}")
    assert "the pack is gone" in alarm.detail
