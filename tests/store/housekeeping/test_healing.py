"""What the scrub finds damaged is brought back at once, if there is a replica."""

from pathlib import Path
from typing import Any

import pytest
from tests.store.housekeeping.test_scrub import flip, subjects, whole_round
from tests.store.housekeeping.test_scrub_rows import flip as flip_row
from tests.support.house import blobs, fill_packs, hasty, rows
from tests.support.stores import Opened, opened_store

from pymailcore.store.backup.taking import take_backup
from pymailcore.store.backup.target import FolderTarget
from pymailcore.store.housekeeping.healing import pack_of, prefix_of, subject_of
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import LiveBlob
from pymailcore.store.housekeeping.rewriter import rewrite
from pymailcore.store.packs import Location, pack_path
from pymailcore.store.verifying.verifier import verify_store


@pytest.mark.parametrize("pack", [5, -5])
def test_an_alarm_says_of_which_pack_it_is(pack: int) -> None:
    blob = LiveBlob(9, 1, b"", Location(pack, 80, 1, 1, 0, 0))
    assert subject_of(blob).startswith(prefix_of(pack))
    assert pack_of(subject_of(blob)) == pack


def test_a_row_is_in_no_pack() -> None:
    assert pack_of(subject_of(LiveBlob(9, 1, b"", Location(0, 0, 1, 1, 0, 0)))) is None
    assert pack_of(f"{prefix_of(7)}:more") == 7


async def test_a_round_heals_what_is_damaged_from_the_backup(
    tmp_path: Path, store_settings: dict[str, Any]
) -> None:
    place = tmp_path / "backup"
    async with opened_store(
        tmp_path / "data", **store_settings, pack_octets=8_192, replica=str(place)
    ) as opened:
        house: House = hasty(opened)
        await fill_packs(opened)
        await take_backup(opened.store.engine, FolderTarget(place))
        there = sorted((where, number) for number, where in (await blobs(opened)).items())
        for where, number in (there[0], there[-1]):
            if where.pack:
                flip(house.packs, where)
            else:  # PostgreSQL keeps small blobs in rows
                await flip_row(opened, number)
        await whole_round(house)
        assert await subjects(opened) == []
        assert house.metrics.store_scrub_findings._value.get() == 2
        assert house.metrics.store_scrub_repairs._value.get() == 2
        report = await verify_store(opened.store, messages=True)
        assert (report.faults, report.notes) == ([], [])


async def test_without_a_backup_the_alarm_stays_until_there_is_one(tmp_path: Path) -> None:
    place = tmp_path / "backup"
    async with opened_store(tmp_path / "data", replica=str(place)) as opened:
        house: House = hasty(opened)
        await fill_packs(opened, 4)
        where = min((await blobs(opened)).values())
        flip(house.packs, where)
        await whole_round(house)
        assert await subjects(opened) == [f"{where.pack:016x}:{where.position}"]
        flip(house.packs, where)
        await take_backup(opened.store.engine, FolderTarget(place))
        flip(house.packs, where)
        await whole_round(house, 42)
        assert await subjects(opened) == []


async def test_a_pack_that_was_written_anew_and_is_still_there_is_a_replica(
    local: Opened, local_house: House
) -> None:
    await fill_packs(local)
    await local.store.database.write(
        lambda tx: tx.run(
            "INSERT INTO packs (id, octets, live_octets, looked_ms) SELECT DISTINCT pack, 1, 0, 1 FROM blobs"
        )
    )
    written = {where.pack for where in (await blobs(local)).values()}
    await rewrite(local_house)
    before = {row[0] for row in await rows(local, "SELECT id FROM packs WHERE gone_ms IS NOT NULL")}
    anew = [where for where in (await blobs(local)).values() if where.pack not in written]
    assert before
    flip(local_house.packs, anew[0])
    await whole_round(local_house)
    assert await subjects(local) == []
    for pack in before:
        pack_path(local_house.packs, pack).unlink()
    report = await verify_store(local.store, messages=True)
    assert report.faults == [], "it was copied, not pointed to"
