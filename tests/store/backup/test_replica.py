"""Single blobs out of backups: the newest one that has them whole, and nothing that is not proved."""

from pathlib import Path

import pytest
from tests.support.house import blobs, fill_packs
from tests.support.stores import Opened, opened_store

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.store.backup.manifest import choose, generations
from pymailcore.store.backup.replica import Replica, Wanted
from pymailcore.store.backup.taking import take_backup
from pymailcore.store.backup.target import FolderTarget
from pymailcore.store.blobs import address_of
from pymailcore.store.encoding import PLAIN, SEALED, Decoder
from pymailcore.store.keyfile import create_key_file
from pymailcore.store.ops import blob_rows
from pymailcore.store.packs import in_row, pack_path


@pytest.fixture
def target(tmp_path: Path) -> FolderTarget:
    return FolderTarget(tmp_path / "backup")


async def wanted(opened: Opened) -> dict[int, Wanted]:
    key = await opened.store.engine.tenant_key(DEFAULT_TENANT)
    return {number: Wanted(DEFAULT_TENANT, key) for number in await blobs(opened)}


async def test_all_blobs_come_and_are_what_their_addresses_say(opened: Opened, target: FolderTarget) -> None:
    await fill_packs(opened, 6)
    key = await opened.store.engine.tenant_key(DEFAULT_TENANT)
    row = b"octets that lie in a row"
    places = {address_of(key, row): in_row(len(row), PLAIN, row)}
    await opened.store.database.write(lambda tx: blob_rows.claim(tx, DEFAULT_TENANT, list(places), places))
    await take_backup(opened.store.engine, target)
    asked = await wanted(opened)
    found = list(Replica(target, key_file=None).blobs(asked))
    assert {one.number for one in found} == set(asked)
    decoder = Decoder()
    for one in found:
        assert address_of(key, decoder.decode(one.encoding, one.octets, one.size_octets)) == one.key


async def test_nothing_is_given_to_another_tenant(opened: Opened, target: FolderTarget) -> None:
    await fill_packs(opened, 2)
    await take_backup(opened.store.engine, target)
    asked = await wanted(opened)
    others = {number: Wanted(TenantId(2), one.tenant_key) for number, one in asked.items()}
    assert list(Replica(target, key_file=None).blobs(others)) == []
    keys = {number: Wanted(DEFAULT_TENANT, b"another key" * 3) for number in asked}
    assert list(Replica(target, key_file=None).blobs(keys)) == [], "the octets must have their address"


async def test_an_older_backup_has_what_a_newer_one_copied_damaged(
    tmp_path: Path, target: FolderTarget
) -> None:
    async with opened_store(tmp_path / "data") as opened:
        await fill_packs(opened, 4)
        await take_backup(opened.store.engine, target)
        hurt, where = max((await blobs(opened)).items(), key=lambda one: one[1])
        with pack_path(opened.store.engine.settings.pack_folder, where.pack).open("r+b") as file:
            file.seek(where.position)
            file.write(b"\0\0\0\0")
        taken = await take_backup(opened.store.engine, target)
        assert taken.manifest.damage
        asked = await wanted(opened)
        assert {one.number for one in Replica(target, key_file=None).blobs(asked)} == set(asked)
        older = generations(target)[0]
        (tmp_path / "backup" / "manifests" / f"{older}.json").write_text("{}")
        assert {one.number for one in Replica(target, key_file=None).blobs(asked)} == set(asked) - {hurt}


async def test_encrypted_blobs_are_opened_with_the_keys_of_the_backup(
    tmp_path: Path, target: FolderTarget
) -> None:
    key_file = tmp_path / "master.keys"
    create_key_file(key_file)
    async with opened_store(tmp_path / "data", encryption_key_file=key_file) as opened:
        await fill_packs(opened, 2)
        await take_backup(opened.store.engine, target)
        assert all(where.encoding & SEALED for where in (await blobs(opened)).values())
        asked = await wanted(opened)
        found = list(Replica(target, key_file=key_file).blobs(asked))
        assert [one.encoding & SEALED for one in found] == [0] * len(asked)
        assert list(Replica(target, key_file=None).blobs(asked)) == []


async def test_a_place_without_any_backup_is_told(opened: Opened, target: FolderTarget) -> None:
    await fill_packs(opened, 1)
    with pytest.raises(NotFound):
        list(Replica(target, key_file=None).blobs(await wanted(opened)))
    await take_backup(opened.store.engine, target)
    assert choose(target, None).tables
