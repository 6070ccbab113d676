"""Damage to a backup is found without restoring it."""

from collections.abc import Callable
from pathlib import Path

import apsw
import msgspec
import pytest
from tests.support.stores import a_message, opened_store

from pymailcore.base.errors import NotFound
from pymailcore.store.backup.manifest import UnfitBackup, choose, generations, read_manifest
from pymailcore.store.backup.taking import take_backup
from pymailcore.store.backup.target import FolderTarget
from pymailcore.store.backup.verification import verify_backup
from pymailcore.store.types import Transaction
from pymailcore.store.verifying.sweep import Silent

BIG = "x1y2" * 2_000 + "\r\n"


def flip(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def only(folder: Path, pattern: str) -> Path:
    return next(iter(sorted(folder.rglob(pattern))))


async def test_each_damaged_file_is_found(tmp_path: Path) -> None:
    place = tmp_path / "backup"
    target = FolderTarget(place)
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver(a_message("one", body=BIG))
        await take_backup(opened.store.engine, target, files={"keys/key": b"a key"})
    manifest = choose(target, None)
    assert verify_backup(target, manifest, tmp_path / "scratch", Silent()) == []
    for pattern in ("tables/emails.*", "tables/blobs.*", "packs/*", "files/*"):
        for damage in (flip, cut, Path.unlink):
            path = only(place, pattern)
            octets = path.read_bytes()
            damage(path)
            faults = verify_backup(target, manifest, tmp_path / "scratch", Silent())
            assert any(path.name in fault for fault in faults), (pattern, damage)
            path.write_bytes(octets)
    assert verify_backup(target, manifest, tmp_path / "scratch", Silent()) == []


@pytest.mark.parametrize("damage", [flip, cut])
async def test_a_damaged_manifest_is_not_believed(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(tmp_path / "data") as opened:
        await take_backup(opened.store.engine, target)
        damage(only(tmp_path / "backup", "manifests/*"))
        with pytest.raises(UnfitBackup):
            choose(target, None)
        again = await take_backup(opened.store.engine, target, incremental=True)
    assert again.manifest.previous == ""
    assert choose(target, None).name == again.manifest.name
    with pytest.raises(NotFound, match="there are"):
        choose(target, "another")


async def test_damage_of_the_store_is_said_and_stays_known(tmp_path: Path) -> None:
    """The copy is taken all the same: what is whole is worth having."""
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver(a_message("one", body=BIG))
        await opened.deliver(a_message("two"))
        flip(only(tmp_path / "data", "*.pack"))
        taken = await take_backup(opened.store.engine, target)
        only(tmp_path / "data", "*.pack").unlink()
        again = await take_backup(opened.store.engine, target)
    assert len(taken.manifest.damage) == 1
    faults = verify_backup(target, taken.manifest, tmp_path / "scratch", Silent())
    assert any("says of itself" in fault for fault in faults)
    assert any(fault.startswith("blob ") for fault in faults)
    assert "No such file" in again.manifest.damage[0]
    assert any("rows name" in fault for fault in verify_backup(target, again.manifest, tmp_path, Silent()))
    assert read_manifest(target, generations(target)[0]) == taken.manifest


async def test_rows_that_contradict_each_other_are_found(tmp_path: Path) -> None:
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(tmp_path / "data") as opened:

        async def spoil(tx: Transaction) -> None:
            await tx.run("UPDATE mailboxes SET messages = 7 WHERE path = 'INBOX'")

        await opened.store.database.write(spoil)
        await take_backup(opened.store.engine, target)
    (fault,) = verify_backup(target, choose(target, None), tmp_path / "scratch", Silent())
    assert fault.startswith("Mailbox with wrong counts")


async def test_a_damaged_index_of_the_database_file_is_noticed(tmp_path: Path) -> None:
    """The rows are whole and go into the backup; what is made of them has its indexes anew."""
    target = FolderTarget(tmp_path / "backup")
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver()
    connection = apsw.Connection(str(tmp_path / "data" / "store.sqlite"))
    connection.execute("PRAGMA writable_schema = on")
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'received_ms, email', 'uid, email')"
        " WHERE name = 'placements_received'"
    )
    connection.close()
    async with opened_store(tmp_path / "data") as opened:
        taken = await take_backup(opened.store.engine, target)
    assert any("placements_received" in line for line in taken.manifest.damage)
    manifest = msgspec.structs.replace(taken.manifest, damage=())
    assert verify_backup(target, manifest, tmp_path / "scratch", Silent()) == []
