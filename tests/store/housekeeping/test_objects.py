"""Objects in a bucket: packed, noted, removed after a day, written anew; with a bucket in memory."""

import fcntl
import os
from collections.abc import Iterator, Sequence

import pytest
from tests.store.objects.test_packs import FakeBucket, packs_on
from tests.support.house import hasty
from tests.support.stores import Opened

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.blobs import BlobGone
from pymailcore.store.encoding import PLAIN
from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.objects import GONE_MS, LISTED_AT_A_TIME, PATIENCE_MS, ObjectHouse
from pymailcore.store.housekeeping.sweeper import REMEMBERED_MS
from pymailcore.store.objects.packs import ObjectPacks, Stored, name_of
from pymailcore.store.objects.settings import ObjectsAway
from pymailcore.store.ops import blob_rows
from pymailcore.store.packs import Location, in_row
from pymailcore.store.types import Row, Transaction


class DatedBucket(FakeBucket):
    """A bucket whose objects were all written at one time."""

    modified_ms = 0

    def listed(self) -> Iterator[tuple[str, int, int]]:
        return iter([(name, octets, self.modified_ms) for name, octets, _ in super().listed()])


class World:
    """A store whose blobs are in a bucket, and its housekeeper on another clock."""

    def __init__(self, opened: Opened, house: House) -> None:
        self.opened = opened
        self.house = house
        self.bucket = DatedBucket()
        self.packs: ObjectPacks = packs_on(self.bucket)
        self.now_ms = 10**12
        house.now_ms = lambda: self.now_ms  # type: ignore[method-assign]
        self.objects = ObjectHouse(house, self.packs)

    async def put(self, number: int, location: Location) -> int:
        key = bytes([number]) * 32

        async def work(tx: Transaction) -> int:
            return (await blob_rows.claim(tx, DEFAULT_TENANT, [key], {key: location}))[0]

        return await self.opened.store.database.write(work)

    async def put_objects(self, count: int) -> list[Location]:
        """One object of several blobs, with their rows."""
        locations = self.packs.write(
            [
                Stored(DEFAULT_TENANT, bytes([n]) * 32, 9, PLAIN, b"octets %02d" % n)
                for n in range(1, count + 1)
            ]
        )
        for n, location in enumerate(locations, 1):
            await self.put(n, location)
        return locations

    async def rows(self, sql: str) -> list[Row]:
        return await self.opened.store.database.read(lambda tx: tx.rows(sql))

    async def run(self, sql: str) -> None:
        await self.opened.store.database.write(lambda tx: tx.run(sql))

    async def forget(self, *numbers: int) -> None:
        for number in numbers:
            await self.run(f"DELETE FROM blobs WHERE key = x'{(bytes([number]) * 32).hex()}'")  # noqa: S608

    async def noted(self) -> dict[int, tuple[int, bool]]:
        found = await self.rows("SELECT id, live_octets, gone_ms IS NOT NULL FROM packs WHERE id < 0")
        return {row[0]: (row[1], bool(row[2])) for row in found}

    async def alarms(self) -> list[str]:
        there = await self.opened.store.database.read(alarms.read)
        return [alarm.subject for alarm in there if alarm.kind == alarms.OBJECTS]


@pytest.fixture
def world(opened: Opened) -> World:
    return World(opened, hasty(opened))


async def test_small_blobs_wait_for_others_but_not_for_long(world: World) -> None:
    await world.put(1, in_row(9, PLAIN, b"octets 01"))
    await world.objects.pack()  # after the start there is no telling how long it has waited
    assert len(world.bucket.held) == 1
    await world.put(2, in_row(9, PLAIN, b"octets 02"))
    await world.objects.pack()
    assert len(world.bucket.held) == 1
    world.now_ms += PATIENCE_MS
    await world.objects.pack()
    assert len(world.bucket.held) == 2
    await world.put(3, in_row(9, PLAIN, b"octets 03"))
    object.__setattr__(world.house.settings, "s3_object_octets", 9)
    await world.objects.pack()
    assert len(world.bucket.held) == 3
    assert {row[0] for row in await world.rows("SELECT pack FROM blobs")} == {-1, -2, -3}


async def test_a_row_with_wrong_octets_is_an_alarm(world: World) -> None:
    number = await world.put(1, in_row(9, PLAIN, b"octets 01")._replace(octets=b"octets 02"))
    await world.objects.pack()
    assert await world.alarms() == [f"row {number}"]
    assert world.bucket.held == {}
    await world.objects.pack()
    assert await world.alarms() == [f"row {number}"]
    await world.run(f"UPDATE blob_octets SET octets = x'{b'octets 01'.hex()}'")  # noqa: S608 - octets of the test
    world.now_ms += PATIENCE_MS
    await world.objects.pack()
    assert await world.alarms() == [], "it was repaired"
    assert len(world.bucket.held) == 1


async def test_an_object_goes_a_day_after_its_last_row(world: World) -> None:
    await world.put_objects(2)
    await world.objects.keep()
    assert await world.noted() == {-1: (162, False)}
    await world.forget(1, 2)
    await world.objects.keep()
    assert await world.noted() == {-1: (0, True)}
    world.now_ms += GONE_MS - 1
    await world.objects.keep()
    assert world.bucket.held
    world.now_ms += 1
    await world.objects.keep()
    assert world.bucket.held == {}
    await world.objects.keep()
    assert await world.noted() == {-1: (0, True)}, "it is remembered, so that nothing comes to name it"
    world.now_ms += REMEMBERED_MS
    await world.objects.keep()
    assert await world.noted() == {}


async def test_nothing_comes_to_name_an_object_that_is_gone(world: World) -> None:
    (location,) = await world.put_objects(1)
    await world.forget(1)
    await world.objects.keep()
    assert await world.noted() == {-1: (0, True)}
    world.now_ms += GONE_MS
    with pytest.raises(BlobGone):  # then its octets are written again, elsewhere
        await world.put(1, location)
    await world.run("UPDATE packs SET gone_ms = NULL")
    await world.put(1, location)
    await world.objects.keep()
    assert await world.noted() == {-1: (89, False)}
    assert world.bucket.held
    await world.run("UPDATE packs SET gone_ms = 0")  # what was named just before that is seen
    await world.objects.keep()
    assert await world.noted() == {-1: (89, False)}
    assert world.bucket.held


async def test_an_object_of_mail_that_is_just_coming_in_is_left_alone(world: World) -> None:
    world.packs.write([Stored(1, b"k" * 32, 1, PLAIN, b"x")])
    object.__setattr__(world.house.settings, "pack_rest_minutes", 60.0)
    world.bucket.modified_ms = world.now_ms - 59 * 60_000
    await world.objects.keep()
    assert await world.noted() == {-1: (0, False)}
    world.now_ms += 60_000
    await world.objects.keep()
    assert await world.noted() == {-1: (0, True)}


async def test_a_clock_that_was_set_back_does_not_let_it_go_early(world: World) -> None:
    await world.put_objects(1)
    await world.forget(1)
    await world.objects.keep()
    world.now_ms -= 5 * GONE_MS
    await world.objects.keep()
    world.now_ms += GONE_MS - 1
    await world.objects.keep()
    assert world.bucket.held


async def test_nothing_is_removed_while_a_backup_runs(world: World) -> None:
    await world.put_objects(1)
    await world.forget(1)
    await world.objects.keep()
    world.now_ms += GONE_MS
    descriptor = os.open(world.house.layout.locks / "backup", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    await world.objects.keep()
    assert world.bucket.held
    os.close(descriptor)
    await world.objects.keep()
    assert world.bucket.held == {}


async def test_what_is_mostly_garbage_is_written_anew(world: World) -> None:
    await world.put_objects(20)
    await world.forget(*range(1, 18))
    await world.objects.keep()
    left = await world.rows("SELECT pack, position, stored_octets, size_octets, encoding, crc FROM blobs")
    assert {row[0] for row in left} == {-2}
    assert {world.packs.stored(Location(*row)) for row in left} == {b"octets 18", b"octets 19", b"octets 20"}
    await world.objects.keep()
    assert await world.noted() == {-1: (0, True), -2: (235, False)}
    world.now_ms += GONE_MS
    await world.objects.keep()
    assert set(world.bucket.held) == {name_of(-2)}


async def test_many_small_objects_become_one(world: World) -> None:
    for number in range(1, 41):
        (location,) = world.packs.write(
            [Stored(DEFAULT_TENANT, bytes([number]) * 32, 9, PLAIN, b"octets %02d" % number)]
        )
        await world.put(number, location)
        if number == 31:
            await world.objects.keep()
            assert len(await world.rows("SELECT DISTINCT pack FROM blobs")) == 31
    await world.objects.keep()
    assert await world.rows("SELECT DISTINCT pack FROM blobs") == [(-41,)]
    await world.objects.keep()
    assert await world.rows("SELECT DISTINCT pack FROM blobs") == [(-41,)]


async def test_a_damaged_blob_stays_in_its_object(world: World) -> None:
    locations = await world.put_objects(20)
    await world.forget(*range(1, 18))
    place = locations[18].position
    held = world.bucket.held[name_of(-1)]
    world.bucket.held[name_of(-1)] = held[:place] + b"O" + held[place + 1 :]
    await world.objects.keep()
    rows = await world.rows("SELECT pack FROM blobs ORDER BY position, pack")
    assert sorted(row[0] for row in rows) == [-2, -2, -1]
    world.now_ms += GONE_MS
    await world.objects.keep()
    assert name_of(-1) in world.bucket.held


async def test_an_object_that_is_missing_or_short_is_an_alarm_until_it_is_back(world: World) -> None:
    await world.put_objects(2)
    name, octets = name_of(-1), world.bucket.held[name_of(-1)]
    world.bucket.held[name] = octets[:-1]
    await world.objects.keep()
    assert await world.alarms() == [f"object {1:016x}"]
    del world.bucket.held[name]
    await world.objects.keep()
    assert await world.alarms() == [f"object {1:016x}"]
    world.bucket.held[name] = octets
    await world.objects.keep()
    assert await world.alarms() == []


async def test_while_s3_is_away_nothing_is_concluded(world: World) -> None:
    await world.put_objects(1)
    await world.put(9, in_row(9, PLAIN, b"octets 09"))
    await world.objects.keep()
    world.bucket.away = True
    with pytest.raises(ObjectsAway):
        await world.objects.pack()
    world.bucket.away = False
    assert {row[0] for row in await world.rows("SELECT pack FROM blobs")} == {-1, 0}


class Paged(DatedBucket):
    """A bucket that notes how far its list is ahead of what was written down of it."""

    def __init__(self) -> None:
        super().__init__()
        self.given = self.noted = self.ahead = 0

    def listed(self) -> Iterator[tuple[str, int, int]]:
        for one in super().listed():
            self.given += 1
            self.ahead = max(self.ahead, self.given - self.noted)
            yield one


async def test_the_list_of_a_bucket_is_never_in_memory_as_a_whole(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4,200 objects: no more of them are asked for than a page beyond what is done with."""
    world = World(opened, hasty(opened))
    world.bucket = bucket = Paged()
    world.packs = packs_on(bucket)
    world.objects = ObjectHouse(world.house, world.packs)
    await world.put_objects(2)
    for number in range(2, 4_201):
        bucket.held[name_of(-number)] = b"octets of nobody"
    await world.put(9, Location(-5_000, 60, 9, 9, PLAIN, 1))
    write = ObjectHouse._write

    async def noted(self: ObjectHouse, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        await write(self, sql, rows)
        bucket.noted += len(rows)

    monkeypatch.setattr(ObjectHouse, "_write", noted)
    await world.objects.keep()
    assert bucket.given == 4_200
    assert bucket.ahead == LISTED_AT_A_TIME
    assert await world.rows("SELECT count(*), count(gone_ms) FROM packs WHERE id < 0") == [(4_200, 4_199)]
    assert await world.alarms() == [f"object {5_000:016x}"]
    world.now_ms += GONE_MS
    await world.objects.keep()
    assert set(bucket.held) == {name_of(-1)}


async def test_in_anothers_bucket_nothing_goes_and_nothing_begins_to(world: World) -> None:
    await world.put_objects(2)
    await world.objects.keep()
    world.bucket.owner = b'{"database": "another", "turn": "", "looked_ms": 1}'
    await world.forget(1, 2)
    for _ in range(3):
        world.now_ms += 2 * GONE_MS
        await world.objects.keep()
        assert world.bucket.held
        assert await world.noted() == {-1: (0, False)}
        assert await world.alarms() == ["owner"]
