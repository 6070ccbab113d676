"""Blobs that wait in rows become objects: on PostgreSQL with S3, and beside what others do meanwhile."""

from pathlib import Path
from typing import Any

import pytest
from tests.store.objects.test_packs import FakeBucket, packs_on
from tests.support.objects import FaultProxy
from tests.support.stores import Opened, a_message, opened_store
from tests.support.waiting import until_taken

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.encoding import PLAIN, SEALED
from pymailcore.store.keyfile import create_key_file
from pymailcore.store.objects.packing import RowPacker, move_rows, waiting_octets
from pymailcore.store.objects.packs import Stored
from pymailcore.store.objects.settings import ObjectsAway
from pymailcore.store.ops import blob_rows
from pymailcore.store.packs import in_row
from pymailcore.store.sealing import Sealing
from pymailcore.store.types import Row, Transaction


def packer_of(opened: Opened, *, object_octets: int = 1_000_000) -> RowPacker:
    engine = opened.store._engine
    assert engine.objects is not None
    return RowPacker(engine.database, engine.objects, engine.sealing, object_octets=object_octets)


async def rows_of(opened: Opened) -> list[Row]:
    return await opened.store.database.read(
        lambda tx: tx.rows("SELECT pack, encoding FROM blobs ORDER BY id")
    )


async def test_mail_of_rows_is_mail_of_objects(s3_store: dict[str, Any], tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data", **s3_store) as opened:
        store = opened.store
        messages = [a_message(f"{n}", body=f"body {n}\r\n" * 50) for n in range(30)]
        filed = [await opened.deliver(message) for message in messages]
        packer = packer_of(opened, object_octets=500)
        waiting = await store.database.read(waiting_octets)
        assert waiting > 1_500
        assert await packer.run(least_octets=1_000_000) == 0
        moved = []
        while some := await packer.run():
            moved.append(some)
        assert sum(moved) == len(await rows_of(opened)) >= 30
        assert len(moved) >= 3
        assert len({row[0] for row in await rows_of(opened)}) == len(moved)
        assert all(row[0] < 0 for row in await rows_of(opened))
        assert await store.database.read(waiting_octets) == 0
        assert await store.database.read(lambda tx: tx.row("SELECT count(*) FROM blob_octets")) == (0,)
        for message, one in zip(messages, filed, strict=True):
            assert await store.message(opened.account, one.email) == message
        again = await opened.deliver(messages[0])  # what is there already is not stored again
        assert await store.database.read(waiting_octets) == 0
        assert await store.message(opened.account, again.email) == messages[0]
        await opened.check()


async def test_an_outage_leaves_everything_as_it_was(
    s3_store: dict[str, Any], proxy: FaultProxy, tmp_path: Path
) -> None:
    async with opened_store(tmp_path / "data", **s3_store) as opened:
        filed = await opened.deliver()
        packer = packer_of(opened)
        for fault in ("refuse", "failures"):
            setattr(proxy, fault, {"refuse": True, "failures": 1000}[fault])
            proxy.cut()
            with pytest.raises(ObjectsAway):
                await packer.run()
            proxy.heal()
            assert [row[0] for row in await rows_of(opened)] == [0]
            assert await opened.store.message(opened.account, filed.email) == a_message()
        assert await until_taken(packer.run, ObjectsAway, seconds=5) == 1
        assert (await rows_of(opened))[0][0] != 0
        assert await opened.store.message(opened.account, filed.email) == a_message()


async def test_rows_are_sealed_on_their_way_when_encryption_began_later(
    s3_store: dict[str, Any], tmp_path: Path
) -> None:
    async with opened_store(tmp_path / "data", **s3_store) as opened:
        filed = await opened.deliver()
    create_key_file(tmp_path / "keys")
    async with opened_store(tmp_path / "data", **s3_store, encryption_key_file=tmp_path / "keys") as opened:
        await opened.store.data_keys.sealer(DEFAULT_TENANT)
        assert [row[1] & SEALED for row in await rows_of(opened)] == [0]
        assert await packer_of(opened).run() == 1
        assert [row[1] & SEALED for row in await rows_of(opened)] == [SEALED]
        assert await opened.store.message(opened.account, filed.email) == a_message()


# --- on both engines, with blobs put there by hand


async def put_row(opened: Opened, key: bytes, octets: bytes) -> int:
    location = in_row(len(octets), PLAIN, octets)

    async def work(tx: Transaction) -> int:
        return (await blob_rows.claim(tx, DEFAULT_TENANT, [key], {key: location}))[0]

    return await opened.store.database.write(work)


async def test_a_damaged_row_stays_and_does_not_hold_up_the_others(opened: Opened) -> None:
    keys = [bytes([n]) * 32 for n in (1, 9, 200)]
    numbers = [await put_row(opened, key, b"octets of " + key) for key in keys]
    bad = min(numbers)
    database = opened.store.database
    await database.write(lambda tx: tx.run("UPDATE blob_octets SET octets = ?2 WHERE blob = ?1", bad, b"bad"))
    bucket = FakeBucket()
    packer = RowPacker(database, packs_on(bucket), Sealing(None, lambda _: []), object_octets=10**6)
    assert await packer.run() == 2
    assert await packer.run() == 0
    assert packer.damaged == {bad}
    rows = await database.read(lambda tx: tx.rows("SELECT id, pack FROM blobs"))
    assert {row[0]: row[1] for row in rows} == {number: 0 if number == bad else -1 for number in numbers}


async def test_a_blob_that_changed_meanwhile_is_left_alone(opened: Opened) -> None:
    """The collector took it, and another mail brought it back in another form."""
    database = opened.store.database
    numbers = [await put_row(opened, bytes([n]) * 32, b"octets %d" % n) for n in (1, 2, 3)]
    bucket = FakeBucket()
    places = packs_on(bucket).write(
        [Stored(1, bytes([n]) * 32, 8, PLAIN, b"octets %d" % n) for n in (1, 2, 3)]
    )
    await database.write(lambda tx: tx.run("DELETE FROM blobs WHERE id = ?1", numbers[0]))
    await database.write(lambda tx: tx.run("DELETE FROM blob_octets WHERE blob = ?1", numbers[0]))
    await database.write(lambda tx: tx.run("UPDATE blobs SET crc = crc + 1 WHERE id = ?1", numbers[1]))
    moves = [(number, place.crc, place) for number, place in zip(numbers, places, strict=True)]
    assert await database.write(lambda tx: move_rows(tx, moves)) == 1
    assert await database.write(lambda tx: move_rows(tx, moves)) == 0  # run again, as after a lost commit
    rows = await database.read(lambda tx: tx.rows("SELECT id, pack FROM blobs"))
    assert {row[0]: row[1] for row in rows} == {numbers[1]: 0, numbers[2]: -1}
    left = await database.read(lambda tx: tx.rows("SELECT blob FROM blob_octets"))
    assert [row[0] for row in left] == [numbers[1]]


async def test_blobs_go_into_objects_of_the_wanted_size(opened: Opened) -> None:
    for n in range(10):
        await put_row(opened, bytes([25 * n + 1]) * 32, b"x" * 1000)
    await put_row(opened, b"\xff" * 32, b"y" * 50_000)
    bucket = FakeBucket()
    database = opened.store.database
    packer = RowPacker(database, packs_on(bucket), Sealing(None, lambda _: []), object_octets=4_000)
    moved = []
    while some := await packer.run():
        moved.append(some)
    assert moved == [4, 4, 2, 1]
