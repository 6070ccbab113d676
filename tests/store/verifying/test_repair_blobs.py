"""Rows of blobs are repaired only if they are as they were: housekeeping works on them, too."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.objects.test_packs import FakeBucket, packs_on
from tests.support.house import blobs, fill_packs, rows
from tests.support.stores import Opened, opened_store

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.encoding import PLAIN
from pymailcore.store.housekeeping.collector import delete_marked
from pymailcore.store.objects.packs import ObjectPacks
from pymailcore.store.objects.settings import ObjectsAway
from pymailcore.store.ops import blob_rows
from pymailcore.store.packs import Location, Record, in_row, pack_path
from pymailcore.store.verifying.repair import Repairs
from pymailcore.store.verifying.repair_blobs import Place, drop_blob, find_records, places_of, point
from pymailcore.store.verifying.sweep import Silent
from pymailcore.store.verifying.verifier import verify_store

KEY = bytes(range(32))
FOUND = Record(DEFAULT_TENANT, KEY, Location(77, 90, 9, 9, PLAIN, 5), intact=True)


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Opened]:
    """A store with pack files."""
    async with opened_store(tmp_path / "data", pack_octets=8_192) as opened:
        yield opened


async def put(opened: Opened, location: Location) -> int:
    (number,) = await opened.store.database.write(
        lambda tx: blob_rows.claim(tx, DEFAULT_TENANT, [KEY], {KEY: location})
    )
    return int(number)


async def place(opened: Opened, number: int) -> Place | None:
    return (await places_of(opened.store.engine, [number])).get(number)


async def pointed(opened: Opened, number: int, before: Place | None) -> bool:
    return await opened.store.database.write(lambda tx: point(tx, number, FOUND, before))


async def test_a_row_that_is_as_it_was_names_the_record(opened: Opened) -> None:
    number = await put(opened, in_row(9, PLAIN, b"octets 01"))
    assert await pointed(opened, number, await place(opened, number))
    assert await place(opened, number) == Place(77, 90, 5)
    assert await rows(opened, "SELECT blob FROM blob_octets") == []


@pytest.mark.parametrize("changed", ["pack = 78", "position = 7", "crc = 6"])
async def test_a_row_that_was_moved_meanwhile_stays(opened: Opened, changed: str) -> None:
    number = await put(opened, Location(5, 16, 9, 9, PLAIN, 1))
    before = await place(opened, number)
    await opened.store.database.write(lambda tx: tx.run(f"UPDATE blobs SET {changed}"))  # noqa: S608 - of the test
    after = await place(opened, number)
    assert after != before
    assert not await pointed(opened, number, before)
    assert not await opened.store.database.write(lambda tx: drop_blob(tx, number, before))
    assert await place(opened, number) == after


async def test_a_row_that_the_collector_has_taken_away_does_not_come_back(opened: Opened) -> None:
    number = await put(opened, Location(5, 16, 9, 9, PLAIN, 1))
    before = await place(opened, number)
    await opened.store.database.write(
        lambda tx: tx.run("INSERT INTO loose_blobs (blob, pass) VALUES (?1, 3)", number)
    )
    await opened.store.database.write(lambda tx: delete_marked(tx, [number], 3))
    assert not await pointed(opened, number, before)
    assert await place(opened, number) is None


async def test_a_row_that_is_made_is_left_to_the_collector_and_never_made_twice(opened: Opened) -> None:
    number = int.from_bytes(KEY[:8], "big") >> 1
    assert await pointed(opened, number, None)
    assert await rows(opened, "SELECT blob, pass FROM loose_blobs") == [(number, 0)]
    other = FOUND._replace(location=FOUND.location._replace(pack=79))
    assert not await opened.store.database.write(lambda tx: point(tx, number, other, None))
    assert await place(opened, number) == Place(77, 90, 5)
    assert not await opened.store.database.write(lambda tx: drop_blob(tx, number, None)), "it is there"


async def test_no_row_comes_to_name_a_pack_that_is_about_to_go(opened: Opened) -> None:
    number = await put(opened, Location(5, 16, 9, 9, PLAIN, 1))
    before = await place(opened, number)
    await opened.store.database.write(
        lambda tx: tx.run(
            "INSERT INTO packs (id, octets, live_octets, looked_ms, gone_ms) VALUES (77, 1, 0, 1, 1)"
        )
    )
    assert not await pointed(opened, number, before)
    assert not await pointed(opened, number + 1, None)
    assert await place(opened, number) == before


async def test_a_repair_that_comes_too_late_undoes_nothing(local: Opened) -> None:
    """The look found damage; before the repair the blob was mended elsewhere."""
    await fill_packs(local, 6)
    engine = local.store.engine
    id_, where = min((await blobs(local)).items(), key=lambda one: one[1])
    path = pack_path(engine.settings.pack_folder, where.pack)
    whole = path.read_bytes()
    path.write_bytes(whole[: where.position] + b"?" + whole[where.position + 1 :])
    report = await verify_store(local.store, messages=True)
    assert {fault.kind for fault in report.faults} >= {"blob-damaged"}
    pack_path(engine.settings.pack_folder, 99).write_bytes(whole)
    await local.store.database.write(lambda tx: tx.run("UPDATE blobs SET pack = 99 WHERE id = ?1", id_))
    await Repairs(local.store, report.faults, Silent()).run()
    assert (await verify_store(local.store, messages=True)).total == 0
    assert await rows(local, "SELECT id FROM emails WHERE instr(extra, '$damaged') > 0") == []


async def test_octets_are_not_lost_because_s3_is_away(opened: Opened) -> None:
    bucket = FakeBucket()
    objects: ObjectPacks = packs_on(bucket)
    bucket.held["0000000000000001.pack"] = b""
    bucket.away = True
    with pytest.raises(ObjectsAway):
        find_records(opened.store.engine.settings.pack_folder, objects, [1])
