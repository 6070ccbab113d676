"""`verify --repair` brings blobs back from the replica; while it cannot be read nothing is given up."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.house import blobs, fill_packs, rows
from tests.support.stores import Opened, opened_store

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.backup.taking import take_backup
from pymailcore.store.backup.target import FolderTarget, open_target
from pymailcore.store.encoding import SEALED
from pymailcore.store.keyfile import create_key_file
from pymailcore.store.objects.packing import RowPacker
from pymailcore.store.packs import Location, pack_path
from pymailcore.store.verifying.healing import heal_blobs
from pymailcore.store.verifying.repair_blobs import places_of
from pymailcore.store.verifying.verifier import repair_store, verify_store


async def lose(opened: Opened, where: Location) -> None:
    """Octets that are gone, wherever they lay."""
    if where.pack:
        pack_path(opened.store.engine.settings.pack_folder, where.pack).unlink()
    else:
        await opened.store.database.write(lambda tx: tx.run("UPDATE blob_octets SET octets = x'00'"))


def damage(opened: Opened, pack: int) -> None:
    """Nothing of a pack is left but its length."""
    path = pack_path(opened.store.engine.settings.pack_folder, pack)
    path.write_bytes(bytes(path.stat().st_size))


async def whole(opened: Opened) -> None:
    report = await verify_store(opened.store, messages=True)
    assert (report.faults, report.lost, report.notes) == ([], [], [])


async def test_damaged_blobs_come_back_from_a_backup(tmp_path: Path, store_settings: dict[str, Any]) -> None:
    place = tmp_path / "backup"
    async with opened_store(
        tmp_path / "data", **store_settings, pack_octets=8_192, replica=str(place)
    ) as opened:
        await fill_packs(opened, 8)
        await take_backup(opened.store.engine, FolderTarget(place))
        there = sorted((await blobs(opened)).values())
        if there[0].pack:
            damage(opened, there[0].pack)
        await lose(opened, there[-1])
        repaired = await repair_store(opened.store, messages=True)
        assert repaired.first.total
        assert "fetched from the replica" in repaired.done[0][1]
        assert repaired.last.total == 0
        await whole(opened)
        assert await rows(opened, "SELECT id FROM emails WHERE instr(extra, '$damaged') > 0") == []


async def test_mail_that_was_given_up_comes_back_once_there_is_a_replica(tmp_path: Path) -> None:
    place = tmp_path / "backup"
    async with opened_store(tmp_path / "data") as opened:
        await fill_packs(opened, 2)
        await take_backup(opened.store.engine, FolderTarget(place))
        damage(opened, next(iter((await blobs(opened)).values())).pack)
        repaired = await repair_store(opened.store, messages=True)
        assert len(repaired.last.lost) == 2, "without a replica it is lost"
    async with opened_store(tmp_path / "data", replica=str(place)) as opened:
        await repair_store(opened.store, messages=True)
        await whole(opened)


async def test_nothing_is_given_up_while_the_replica_cannot_be_read(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data", replica=str(tmp_path / "not mounted")) as opened:
        await fill_packs(opened, 2)
        before = await blobs(opened)
        damage(opened, next(iter(before.values())).pack)
        with pytest.raises(TemporaryFailure, match=r"the replica .* cannot be read: there is no backup"):
            await repair_store(opened.store, messages=True)
        assert await blobs(opened) == before
        assert await rows(opened, "SELECT id FROM emails WHERE instr(extra, '$damaged') > 0") == []


async def test_what_comes_back_is_encrypted_under_the_present_key(tmp_path: Path) -> None:
    key_file, place = tmp_path / "master.keys", tmp_path / "backup"
    async with opened_store(tmp_path / "data") as opened:
        await fill_packs(opened, 2)
        await take_backup(opened.store.engine, FolderTarget(place))
    create_key_file(key_file)
    async with opened_store(tmp_path / "data", encryption_key_file=key_file, replica=str(place)) as opened:
        damage(opened, next(iter((await blobs(opened)).values())).pack)
        await repair_store(opened.store, messages=True)
        await whole(opened)
        assert all(where.encoding & SEALED for where in (await blobs(opened)).values())


async def test_with_s3_both_the_objects_and_the_backup_may_be_in_buckets(
    s3_store: dict[str, Any], bucket: str, tmp_path: Path
) -> None:
    place = f"s3://{bucket}/backup"
    async with opened_store(tmp_path / "data", **s3_store, replica=place) as opened:
        engine = opened.store.engine
        await fill_packs(opened, 4)
        assert engine.objects is not None
        packer = RowPacker(engine.database, engine.objects, engine.sealing, object_octets=10**6)
        assert await packer.run()
        await take_backup(engine, open_target(place, engine.settings.bucket(place)))
        before = await blobs(opened)
        engine.objects.delete([where.pack for where in before.values()])
        wanted = dict.fromkeys(before, DEFAULT_TENANT)
        old = await places_of(engine, wanted)
        assert await heal_blobs(engine, engine.settings.pack_folder, wanted, old) == set(before)
        await whole(opened)
