"""Objects in S3 are read in the round, too, by ranges."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from tests.store.objects.test_packs import FakeBucket, packs_on
from tests.support.house import blobs, hasty
from tests.support.stores import Opened, a_message, opened_store

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.blobs import address_of
from pymailcore.store.encoding import PLAIN
from pymailcore.store.housekeeping import alarms, scrub, scrub_objects
from pymailcore.store.housekeeping.healing import Finding
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.objects import ObjectHouse
from pymailcore.store.housekeeping.rounds import DAY_MS, Progress
from pymailcore.store.objects.packs import Stored, name_of
from pymailcore.store.ops import blob_rows
from pymailcore.store.packs import RECORD_OCTETS, Location, PackReader
from pymailcore.store.places import BlobReader
from pymailcore.store.types import Reading

T = TypeVar("T")


class Ranged(FakeBucket):
    """Gives no whole object but the marker, and notes the longest range."""

    longest = 0

    def get(self, name: str, start: int, octets: int) -> bytes:
        self.longest = max(self.longest, octets)
        self.gets += 1
        return FakeBucket.whole(self, name)[start : start + octets]

    def flip(self, where: Location, offset: int = 0) -> None:
        """Turn a bit of an object."""
        name, place = name_of(where.pack), where.position + offset
        held = self.held[name]
        self.held[name] = held[:place] + bytes([held[place] ^ 1]) + held[place + 1 :]


class World:
    """A store whose blobs are in objects."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.house: House = hasty(opened)
        self.bucket = Ranged()
        self.packs = packs_on(self.bucket)
        self.house.engine.objects = self.packs
        self.house.engine.reading = self.reading
        self.begun_ms = self.house.engine.now_ms()
        self.jobs = ObjectHouse(self.house, self.packs)

    async def reading(self, plan: Callable[[BlobReader], Reading[T]]) -> T:
        """As the engine's, of a store that has this bucket."""
        going = plan(BlobReader(PackReader(self.house.packs), self.house.engine.sealing, self.packs))
        work = next(going)
        while True:
            rows = await self.house.database.read(work)
            try:
                work = going.send(rows)
            except StopIteration as stop:
                return cast("T", stop.value)

    async def fill(self, objects: int, each: int = 3, octets: int = 20) -> list[Location]:
        key = await self.opened.store.engine.tenant_key(DEFAULT_TENANT)
        for number in range(objects):
            texts = [(b"%d/%d " % (number, one)).ljust(octets, b".") for one in range(each)]
            keys = [address_of(key, text) for text in texts]
            stored = [
                Stored(DEFAULT_TENANT, key, len(text), PLAIN, text)
                for key, text in zip(keys, texts, strict=True)
            ]
            places = dict(zip(keys, self.packs.write(stored), strict=True))
            await self.opened.store.database.write(
                lambda tx, k=keys, p=places: blob_rows.claim(tx, DEFAULT_TENANT, k, p)  # type: ignore[misc]
            )
        await self.jobs.keep()
        return sorted((await blobs(self.opened)).values())

    async def days(self, first: int, last: int) -> None:
        for day in range(first, last):
            self.house.engine.now_ms = lambda day=day: self.begun_ms + day * DAY_MS  # type: ignore[misc]
            await scrub.scrub(self.house)

    async def subjects(self) -> list[str]:
        there = await self.opened.store.database.read(alarms.read)
        return sorted(alarm.subject for alarm in there if alarm.kind == alarms.SCRUB)


@pytest.fixture
def world(opened: Opened) -> World:
    return World(opened)


async def test_a_flipped_bit_in_an_object_is_found_and_its_alarm_ends_with_the_repair(world: World) -> None:
    places = await world.fill(6)
    await world.days(0, 40)
    assert await world.subjects() == []
    assert world.house.metrics.store_scrubbed_octets._value.get() >= 6 * 60
    octets, head = places[4], places[10]
    world.bucket.flip(octets, octets.stored_octets - 1)
    world.bucket.flip(head, -RECORD_OCTETS + 10)  # of the record's head: a stretch that is no record
    world.bucket.flip(head)
    await world.days(40, 110)
    assert await world.subjects() == sorted(
        f"object:{-one.pack:016x}:{one.position}" for one in (octets, head)
    )
    assert world.house.metrics.store_scrub_findings._value.get() >= 2
    world.bucket.flip(octets, octets.stored_octets - 1)
    world.bucket.flip(head)
    await world.days(111, 112)
    assert await world.subjects() == [], "a damaged head alone harms nobody"


async def test_a_row_that_names_another_blob_is_found(world: World) -> None:
    places = await world.fill(1, each=2)
    ids = {where: id_ for id_, where in (await blobs(world.opened)).items()}
    await world.opened.store.database.write(
        lambda tx: tx.run(
            "UPDATE blobs SET position = ?2, crc = ?3 WHERE id = ?1",
            ids[places[0]], places[1].position, places[1].crc,
        )
    )  # fmt: skip
    await world.days(0, 40)
    assert await world.subjects() == [f"object:{-places[1].pack:016x}:{places[1].position}"]


async def test_it_is_read_by_ranges_and_a_share_each_day(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three objects of 9 MiB in three days: one a day, never more than a window of it at a time."""
    monkeypatch.setattr(scrub_objects, "BATCH_OCTETS", 1024 * 1024)
    world.house.settings = dataclasses.replace(world.house.settings, scrub_days=3.0)
    await world.fill(3, each=9, octets=1024 * 1024)
    world.bucket.longest = 0
    seen: list[int] = []
    check = scrub_objects.ObjectScrub.check

    async def noted(self: scrub_objects.ObjectScrub, pack: int) -> list[Finding]:
        seen.append(pack)
        return await check(self, pack)

    monkeypatch.setattr(scrub_objects.ObjectScrub, "check", noted)
    for day, expected in enumerate(([-1], [-1, -2], [-1, -2, -3], [-1, -2, -3, -1])):
        await world.days(day, day + 1)
        assert seen == expected
    assert 0 < world.bucket.longest <= 4 * 1024 * 1024


async def test_an_object_that_is_away_or_gone_is_no_finding(world: World) -> None:
    await world.fill(2)
    world.bucket.away = True
    await world.days(0, 3)
    assert await world.subjects() == []
    world.bucket.away = False
    world.bucket.held.clear()
    await world.days(3, 40)
    assert await world.subjects() == [], "the look at the bucket tells of it"


async def test_where_a_round_is_survives(world: World) -> None:
    await world.fill(4)
    found = await scrub_objects.next_object(world.house, Progress(-2, 5, world.begun_ms), 2**60, 30.0)
    assert found == (-3, Progress(-3, 5, world.begun_ms))
    assert await scrub_objects.next_object(world.house, Progress(-4, 5, 1000), 1000 + DAY_MS, 30.0) is None
    over = 1000 + 30 * DAY_MS
    assert await scrub_objects.next_object(world.house, Progress(-4, 5, 1000), over, 30.0) == (
        -1, Progress(-1, 6, over),
    )  # fmt: skip


async def test_a_flipped_octet_in_a_bucket_is_found(s3_store: dict[str, Any], tmp_path: Path) -> None:
    """PostgreSQL and an S3 server, with mail as it comes."""
    async with opened_store(tmp_path / "data", **s3_store) as opened:
        house = hasty(opened)
        objects = opened.store.engine.objects
        assert objects is not None
        await opened.deliver(a_message("large", body="".join(f"{n:07}\r\n" for n in range(200_000))))
        jobs = ObjectHouse(house, objects)
        await jobs.pack()
        await jobs.keep()
        hurt = min((await blobs(opened)).values())
        assert hurt.pack < 0
        octets = objects.whole(hurt.pack)
        place = hurt.position + hurt.stored_octets // 2
        objects.put_pack(
            hurt.pack, octets[:place] + bytes([octets[place] ^ 1]) + octets[place + 1 :]
        )  # fmt: skip
        now_ms = house.engine.now_ms()
        for day in (0, 31, 62):
            house.engine.now_ms = lambda day=day: now_ms + day * DAY_MS
            await scrub.scrub(house)
        there = await opened.store.database.read(alarms.read)
        assert [alarm.subject for alarm in there] == [f"object:{-hurt.pack:016x}:{hurt.position}"]


async def test_of_many_findings_in_an_object_the_first_are_alarms_until_it_is_repaired(world: World) -> None:
    await world.fill(1, each=30)
    good = world.bucket.held[name_of(-1)]
    world.bucket.held[name_of(-1)] = bytes(len(good))
    await world.days(0, 3)
    assert len(await world.subjects()) == alarms.MOST + 1
    world.bucket.held[name_of(-1)] = good
    await world.days(4, 5)
    assert await world.subjects() == []
