"""Encryption of a real store: keys that come, change and go, in one process and in two."""

import os
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
import trio
from tests.support.house import hasty
from tests.support.stores import Opened, a_message, counted_ids, opened_store

from pymailcore.base.errors import Forbidden
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store import data_keys, sealing
from pymailcore.store.data_keys import DataKeys, add_data_key, forget_master, rotate_master
from pymailcore.store.encoding import SEALED
from pymailcore.store.housekeeping.census import census
from pymailcore.store.housekeeping.collector import collect
from pymailcore.store.housekeeping.rewriter import rewrite
from pymailcore.store.housekeeping.sweeper import sweep
from pymailcore.store.keyfile import UnfitKeyFile, create_key_file, read_key_file
from pymailcore.store.ops import kept, sealing_keys
from pymailcore.store.packs import DamagedBlob, Record, scan_file
from pymailcore.store.types import Database, Transaction

T = TypeVar("T")
SECRET = "a word that must not be on disk"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "master.keys"
    create_key_file(path)
    return path


def octets_of_packs(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((data / "packs").iterdir()))


def records(data: Path) -> list[Record]:
    found = []
    for path in sorted((data / "packs").iterdir()):
        found += [one for one in scan_file(data / "packs", int(path.stem, 16)) if isinstance(one, Record)]
    return found


def key_number(data: Path, record: Record) -> int:
    location = record.location
    octets = (data / "packs" / f"{location.pack:016x}.pack").read_bytes()
    return int.from_bytes(octets[location.position :][:4], "little")


def large(subject: str) -> bytes:
    return a_message(subject, body=SECRET + os.urandom(200_000).hex() + "\r\n")


async def test_no_octets_of_a_message_or_an_upload_are_on_disk_in_clear(tmp_path: Path, keys: Path) -> None:
    data = tmp_path / "data"
    async with opened_store(data, encryption_key_file=keys) as opened:
        messages = [a_message("small", body=SECRET + "\r\n"), large("large")]
        emails = [await opened.deliver(message) for message in messages]
        blob = await opened.store.upload(opened.account, SECRET.encode() * 100, now_ms=1)
        for message, filed in zip(messages, emails, strict=True):
            assert await opened.store.message(opened.account, filed.email) == message
        headers = await opened.store.headers(opened.account, [emails[0].email])
        assert headers[0][1].startswith(b"From: Ada")
        assert await opened.store.blob(opened.account, blob) == SECRET.encode() * 100
        await opened.check()
    assert SECRET.encode() not in octets_of_packs(data)
    found = records(data)
    assert found
    assert all(record.location.encoding & SEALED and record.intact for record in found)
    async with opened_store(data, encryption_key_file=keys) as opened:
        assert await opened.store.message(opened.account, emails[0].email) == messages[0]


async def test_encryption_may_begin_in_a_store_that_has_mail(tmp_path: Path, keys: Path) -> None:
    data = tmp_path / "data"
    async with opened_store(data) as opened:
        before = await opened.deliver(large("before"))
        plain = await opened.store.message(opened.account, before.email)
    async with opened_store(data, encryption_key_file=keys, ids=counted_ids(2)) as opened:
        after = await opened.deliver(large("after"))
        assert await opened.store.message(opened.account, before.email) == plain
        assert b"Subject: after" in await opened.store.message(opened.account, after.email)
    assert {record.location.encoding & SEALED for record in records(data)} == {0, SEALED}


async def test_a_wrong_or_missing_key_file_is_refused_with_what_to_do(tmp_path: Path, keys: Path) -> None:
    data = tmp_path / "data"
    async with opened_store(data, encryption_key_file=keys) as opened:
        filed = await opened.deliver()

    async def refused(path: Path | None, text: str) -> None:
        with pytest.raises(UnfitKeyFile, match=text):
            async with opened_store(data, encryption_key_file=path):
                raise AssertionError("it opened")

    await refused(None, "set encryption_key_file")
    await refused(tmp_path / "none", "is missing: put its copy there")
    create_key_file(tmp_path / "other")
    await refused(tmp_path / "other", "is not the one of this store")
    async with opened_store(data, encryption_key_file=keys) as opened:
        assert await opened.store.message(opened.account, filed.email) == a_message()


async def test_one_damaged_blob_is_one_damaged_blob(tmp_path: Path, keys: Path) -> None:
    data = tmp_path / "data"
    async with opened_store(data, encryption_key_file=keys) as opened:
        first, second = [await opened.deliver(a_message(subject, body=subject * 900)) for subject in "ab"]

        async def spoil(tx: Transaction) -> None:
            """As if somebody with the disk had changed row and pack alike: the CRC is right."""
            location = records(data)[0].location
            path = data / "packs" / f"{location.pack:016x}.pack"
            octets = bytearray(path.read_bytes())
            octets[location.position + 20] ^= 1
            path.write_bytes(octets)
            stored = bytes(octets[location.position : location.position + location.stored_octets])
            await tx.run(
                "UPDATE blobs SET crc = ?1 WHERE position = ?2", zlib.crc32(stored), location.position
            )

        await opened.store.database.write(spoil)
        with pytest.raises(DamagedBlob):
            await opened.store.message(opened.account, first.email)
        assert await opened.store.message(opened.account, second.email) == a_message("b", body="b" * 900)


async def test_rotation_of_the_master_key_beside_a_server(tmp_path: Path, keys: Path) -> None:
    """Both processes go on, the one that was there and one that starts; the old key can then be forgotten."""
    data = tmp_path / "data"
    (old,) = read_key_file(keys)
    async with opened_store(data, encryption_key_file=keys) as server:
        before = await server.deliver(a_message("before"))
        async with opened_store(data, encryption_key_file=keys) as command:
            fresh = await rotate_master(command.store.database, keys)
            with pytest.raises(Forbidden):
                await forget_master(command.store.database, keys, fresh.id)
            await forget_master(command.store.database, keys, old.id)
            with pytest.raises(Forbidden):
                await forget_master(command.store.database, keys, old.id)
            assert await command.store.message(command.account, before.email) == a_message("before")
        assert read_key_file(keys) == (fresh,)
        after = await server.deliver(a_message("after"))
        assert await server.store.message(server.account, before.email) == a_message("before")
        # A key for a tenant that this process meets only now is wrapped by the new master key.
        sealer = await server.store.data_keys.sealer(2)
        assert sealer is not None
        rows = await server.store.database.read(sealing_keys.all_keys)
        assert {row[2] for row in rows} == {fresh.id}
        assert {row[0] for row in rows} == {DEFAULT_TENANT, 2}
    async with opened_store(data, encryption_key_file=keys) as opened:
        assert await opened.store.message(opened.account, after.email) == a_message("after")


class Cut(Exception):
    """Stands for a power cut."""


class CuttingDatabase:
    """Fails at one of its calls, before or after it was done."""

    def __init__(self, real: Database, calls: int) -> None:
        self._real = real
        self._left = calls

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Cut

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        self._count()
        result = await self._real.write(work)
        self._count()
        return result

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        self._count()
        return await self._real.read(work)

    async def look(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self.read(work)


async def test_a_rotation_that_is_cut_off_anywhere_leaves_everything_readable(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_keys, "_SLICE", 2)
    data = tmp_path / "data"
    async with opened_store(data, encryption_key_file=keys) as server:
        filed = await server.deliver()
        for tenant in range(2, 6):
            await server.store.data_keys.sealer(tenant)
    cuts = 0
    while True:
        async with opened_store(data, encryption_key_file=keys) as command:
            try:
                cutting = CuttingDatabase(command.store.database, cuts)
                await rotate_master(cast("Database", cutting), keys)
                break
            except Cut:
                cuts += 1
        ids = counted_ids(100 + cuts)
        async with opened_store(data, encryption_key_file=keys, ids=ids) as server:
            assert await server.store.message(server.account, filed.email) == a_message()
            await server.deliver(a_message(f"{cuts}"))
            await server.store.data_keys.sealer(10 + cuts)
    assert cuts >= 8
    async with opened_store(data, encryption_key_file=keys) as opened:
        fresh, *older = read_key_file(keys)
        assert {row[2] for row in await opened.store.database.read(sealing_keys.all_keys)} == {fresh.id}
        for master in older:
            await forget_master(opened.store.database, keys, master.id)
        assert await opened.store.message(opened.account, filed.email) == a_message()


async def test_a_rotation_with_the_wrong_file_changes_nothing(tmp_path: Path, keys: Path) -> None:
    create_key_file(tmp_path / "other")
    async with opened_store(tmp_path / "data", encryption_key_file=keys) as opened:
        filed = await opened.deliver()
        with pytest.raises(UnfitKeyFile, match="lacks the master key"):
            await rotate_master(opened.store.database, tmp_path / "other")
        assert len(read_key_file(tmp_path / "other")) == 1
    async with opened_store(tmp_path / "data", encryption_key_file=keys) as opened:
        assert await opened.store.message(opened.account, filed.email) == a_message()


async def test_a_new_data_key_encrypts_and_the_old_one_still_reads(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    async with opened_store(data, encryption_key_file=keys) as server:
        before = await server.deliver(a_message("before"))
        async with opened_store(data, encryption_key_file=keys) as command:
            row = await add_data_key(
                command.store.database, command.store.data_keys.sealing, DEFAULT_TENANT, 1
            )
            assert row.number == 2
        await server.deliver(a_message("a minute has not passed"))
        monkeypatch.setattr(data_keys, "FRESH_SECONDS", 0.0)
        after = await server.deliver(a_message("after"))
        for filed, subject in ((before, "before"), (after, "after")):
            assert await server.store.message(server.account, filed.email) == a_message(subject)
    assert [key_number(data, record) for record in records(data)] == [1, 1, 2]


async def test_two_processes_that_meet_a_tenant_at_once_agree_on_its_key(tmp_path: Path, keys: Path) -> None:
    async with (
        opened_store(tmp_path / "data", encryption_key_file=keys) as one,
        opened_store(tmp_path / "data", encryption_key_file=keys) as two,
    ):
        made = {}

        async def meet(opened: Opened, tenant: int) -> None:
            sealer = await opened.store.data_keys.sealer(tenant)
            assert sealer is not None
            made[id(opened), tenant] = sealer.seal(tenant, b"k" * 32, 0, b"octets")[1]

        async with trio.open_nursery() as nursery:
            for tenant in range(2, 12):
                nursery.start_soon(meet, one, tenant)
                nursery.start_soon(meet, two, tenant)
        for tenant in range(2, 12):
            for opened, other in ((one, two), (two, one)):
                sealed = made[id(other), tenant]
                assert opened.store.data_keys.sealing.open(tenant, b"k" * 32, 0, sealed) == b"octets"


async def test_mail_of_another_process_is_read_with_keys_that_it_made(
    tmp_path: Path, keys: Path, store_settings: dict[str, Any]
) -> None:
    settings = {**store_settings, "encryption_key_file": keys}
    async with (
        opened_store(tmp_path / "data", **settings) as reader,
        opened_store(tmp_path / "data", **settings, ids=counted_ids(7)) as writer,
    ):
        for message in (a_message("small"), large("large")):
            filed = await writer.deliver(message)
            assert await reader.store.message(reader.account, filed.email) == message


async def test_what_housekeeping_writes_anew_has_the_new_key(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "FRESH_SECONDS", 0.0)
    data = tmp_path / "data"
    async with opened_store(data, encryption_key_file=keys, pack_octets=1_000) as opened:
        filed = [await opened.deliver(a_message(f"{n}", body=os.urandom(600).hex())) for n in range(4)]
        await add_data_key(opened.store.database, opened.store.data_keys.sealing, DEFAULT_TENANT, 1)
        await opened.store.destroy_emails(opened.account, [one.email for one in filed[1:]])
        await opened.store.database.write(lambda tx: kept.purge(tx, opened.account, 2**62, 1000))
        house = hasty(opened)
        for job in (collect, census, rewrite, sweep, sweep):
            await job(house)
        live = await opened.store.database.read(lambda tx: tx.rows("SELECT pack, position FROM blobs"))
        numbers = {
            key_number(data, record)
            for record in records(data)
            if (record.location.pack, record.location.position) in {tuple(row) for row in live}
        }
        assert await opened.store.message(opened.account, filed[0].email)
    assert numbers == {2}


async def test_of_two_nodes_that_begin_at_once_with_different_files_one_is_refused(
    opened: Opened, tmp_path: Path, keys: Path
) -> None:
    create_key_file(tmp_path / "other")
    database = opened.store.database
    refused = []

    async def begin(path: Path) -> None:
        found = DataKeys(database, sealing.Sealing(path, lambda _: []), lambda: 0)
        try:
            await found.prepare()
        except UnfitKeyFile:
            refused.append(path)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(begin, keys)
        nursery.start_soon(begin, tmp_path / "other")
    assert len(refused) == 1


async def test_a_store_that_is_not_encrypted_has_nothing_to_rotate(opened: Opened, keys: Path) -> None:
    with pytest.raises(Forbidden, match="is not encrypted"):
        await rotate_master(opened.store.database, keys)
    keyless = DataKeys(opened.store.database, opened.store.data_keys.sealing, lambda: 0)
    assert await keyless.sealer(DEFAULT_TENANT) is None
