"""Where large blobs go while S3 is there, and while it is not; with fakes, and on PostgreSQL with S3."""

import contextlib
import random
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.store.objects.test_packs import FakeBucket, packs_on
from tests.support.objects import FaultProxy, object_settings
from tests.support.stores import a_message, opened_store

from pymailcore.base.errors import InsufficientStorage
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.blobs import LARGE_OCTETS, Piece
from pymailcore.store.encoding import SEALED, Decoder
from pymailcore.store.objects.client import ObjectClient
from pymailcore.store.objects.large import ObjectPlace
from pymailcore.store.objects.packing import waiting_octets
from pymailcore.store.packs import DamagedBlob
from pymailcore.store.sealing import Sealer

A, B = b"a" * 32, b"b" * 32


def incompressible(octets: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(octets)  # noqa: S311


def test_large_blobs_of_a_message_are_one_object() -> None:
    bucket = FakeBucket()
    packs = packs_on(bucket)
    place = ObjectPlace(packs, lambda: 0, level=3, most_waiting=0)
    octets = {A: incompressible(300_000), B: b"text " * 100_000}
    found = place.put(DEFAULT_TENANT, [Piece(key, some) for key, some in octets.items()], None)
    assert len(bucket.held) == 1
    for key, location in found.items():
        assert location.octets is None
        stored = packs.stored(location)
        assert Decoder().decode(location.encoding, stored, location.size_octets) == octets[key]
    place.close()


def test_they_are_sealed_before_they_leave() -> None:
    bucket = FakeBucket()
    packs = packs_on(bucket)
    sealer = Sealer(1, b"k" * 32)
    place = ObjectPlace(packs, lambda: 0, level=3, most_waiting=0)
    location = place.put(DEFAULT_TENANT, [Piece(A, b"secret " * 50_000)], sealer)[A]
    assert location.encoding & SEALED
    assert b"secret" not in next(iter(bucket.held.values()))
    packed = sealer.open(DEFAULT_TENANT, A, location.encoding & ~SEALED, packs.stored(location))
    assert Decoder().decode(location.encoding & ~SEALED, packed, 350_000) == b"secret " * 50_000


def test_while_s3_is_away_they_wait_in_rows_up_to_the_limit() -> None:
    bucket = FakeBucket()
    bucket.away = True
    counted = []

    def waiting() -> int:
        counted.append(1)
        return 100_000

    place = ObjectPlace(packs_on(bucket), waiting, level=3, most_waiting=100_000 + 3 * 300_000)
    for number in range(3):
        octets = incompressible(300_000, number)
        location = place.put(DEFAULT_TENANT, [Piece(A, octets)], None)[A]
        assert (location.pack, location.octets) == (0, octets)
    with pytest.raises(InsufficientStorage, match="1000000 octets wait for it already"):
        place.put(DEFAULT_TENANT, [Piece(A, incompressible(300_000))], None)
    assert len(counted) == 1  # the database is not asked for each mail
    bucket.away = False
    assert place.put(DEFAULT_TENANT, [Piece(A, incompressible(300_000))], None)[A].pack < 0


async def test_a_store_on_postgresql_goes_on_through_an_outage(
    s3_store: dict[str, Any], proxy: FaultProxy, tmp_path: Path
) -> None:
    """Nothing acknowledged lies on one node only: in the bucket, or in the database."""
    messages = [a_message(f"{n}", body=incompressible(LARGE_OCTETS, n).hex() + "\r\n") for n in range(4)]
    s3_store["s3_waiting_octets"] = 2 * LARGE_OCTETS + 100_000
    async with opened_store(tmp_path / "data", **s3_store) as opened:
        store, account = opened.store, opened.account
        filed = [await opened.deliver(messages[0])]
        assert await store.message(account, filed[0].email) == messages[0]
        assert await store.database.read(waiting_octets) < 10_000
        proxy.cut_after = 100_000  # in the middle of the upload
        proxy.cut()
        filed.append(await opened.deliver(messages[1]))
        assert LARGE_OCTETS < await store.database.read(waiting_octets) < 2 * LARGE_OCTETS
        proxy.refuse = True
        filed.append(await opened.deliver(messages[2]))
        with pytest.raises(InsufficientStorage):
            await opened.deliver(messages[3])
        small = await opened.deliver(a_message("small mail goes on"))
        assert await store.message(account, small.email) == a_message("small mail goes on")
        assert await store.message(account, filed[2].email) == messages[2]
        proxy.heal()
        with trio.fail_after(5):  # service is back within 5 s, without a restart
            while len(filed) < 4:
                with contextlib.suppress(InsufficientStorage):
                    filed.append(await opened.deliver(messages[3]))
        for message, one in zip(messages, filed, strict=True):
            assert await store.message(account, one.email) == message
        await opened.check()


async def test_another_object_in_its_place_is_damage_of_one_message(
    s3_store: dict[str, Any], tmp_path: Path, s3_port: int, bucket: str
) -> None:
    messages = [a_message(f"{n}", body=incompressible(LARGE_OCTETS, n).hex() + "\r\n") for n in range(2)]
    direct = ObjectClient(object_settings(s3_port, bucket, tmp_path))
    async with opened_store(tmp_path / "data", **s3_store) as opened:
        before = {one.name for one in direct.listed()}
        filed = [await opened.deliver(messages[0])]
        (first,) = {one.name for one in direct.listed()} - before
        filed.append(await opened.deliver(messages[1]))
        octets = bytearray(direct.whole(first))
        octets[-9] ^= 1
        direct.put(first, bytes(octets))
        with pytest.raises(DamagedBlob):
            await opened.store.message(opened.account, filed[0].email)
        assert await opened.store.message(opened.account, filed[1].email) == messages[1]
