"""Whose a bucket is, and what happens to two that use the same one."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.store.objects.test_packs import FakeBucket, packs_on
from tests.support.house import blobs, hasty
from tests.support.postgres import cluster
from tests.support.stores import Opened, a_message, opened_store

from pymailcore.store.housekeeping import alarms, chores
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.objects import GONE_MS, ObjectHouse
from pymailcore.store.housekeeping.ownership import NAME, Ownership
from pymailcore.store.objects.packs import OWNER, ObjectPacks
from pymailcore.store.types import Transaction


class Place:
    """A bucket in memory, and one store's look at it."""

    def __init__(self, opened: Opened) -> None:
        self.database = opened.store.database
        self.bucket = FakeBucket()
        self.objects = packs_on(self.bucket)

    def owner(self) -> Ownership:
        return Ownership(self.database, self.objects, lambda: 5)

    async def notes(self) -> chores.Chore:
        return await self.database.read(lambda tx: chores.load(tx, NAME))

    async def put_notes(self, notes: chores.Chore) -> None:
        await self.database.write(lambda tx: chores.save(tx, NAME, notes))


@pytest.fixture
def place(opened: Opened) -> Place:
    return Place(opened)


async def test_the_first_to_come_is_the_owner_and_stays_it(place: Place) -> None:
    assert await place.owner().look() == ""
    first = await place.owner().found()
    assert await place.owner().look() == ""
    second = await place.owner().found()
    assert first is not None
    assert second is not None
    assert first.database == second.database
    assert first.turn != second.turn


async def test_another_database_is_not_the_owner_until_it_takes_over(place: Place) -> None:
    place.bucket.owner = b'{"database": "7/5", "turn": "t", "looked_ms": 1}'
    before = place.bucket.owner
    assert (await place.owner().look()).startswith("the bucket belongs to the store in database 7/5")
    assert place.bucket.owner == before, "its marker is left alone"
    await place.owner().take_over()
    assert await place.owner().look() == ""


async def test_a_crash_between_database_and_bucket_leaves_the_owner(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await place.owner().look() == ""

    class Stop(Exception):
        pass

    async def stop(*_: object) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(Ownership, "_put", stop)
        with pytest.raises(Stop):
            await place.owner().look()
    assert await place.owner().look() == ""
    saves = Ownership._save
    calls: list[dict[str, Any]] = []

    async def first_only(self: Ownership, notes: dict[str, Any]) -> None:
        if calls:
            raise Stop
        calls.append(notes)
        await saves(self, notes)

    with monkeypatch.context() as patch:
        patch.setattr(Ownership, "_save", first_only)
        with pytest.raises(Stop):
            await place.owner().look()
    assert await place.owner().look() == ""


async def test_of_a_store_and_its_clone_none_is_the_owner_once_both_have_looked(place: Place) -> None:
    """The same identity, as a snapshot of the server's disk has it, and the notes of one moment."""
    assert await place.owner().look() == ""
    original = clone = await place.notes()
    assert await place.owner().look() == ""  # the clone looks first
    clone = await place.notes()
    await place.put_notes(original)
    assert "a copy of this store's database" in await place.owner().look()
    await place.put_notes(clone)
    assert "a copy of this store's database" in await place.owner().look(), "its turn is right, yet contested"
    await place.owner().take_over()
    assert await place.owner().look() == ""
    await place.put_notes(original)
    assert "a copy" in await place.owner().look()


async def test_a_restored_store_is_not_the_owner_and_does_not_contest(place: Place) -> None:
    assert await place.owner().look() == ""
    notes = await place.notes()

    async def forget(tx: Transaction) -> None:
        await tx.run("DELETE FROM chores")

    await place.database.write(forget)
    assert "set back" in await place.owner().look()
    await place.put_notes(notes)
    assert await place.owner().look() == ""


async def test_a_marker_that_cannot_be_read_is_somebody_elses(place: Place) -> None:
    place.bucket.owner = b"?"
    assert await place.owner().look() == "the bucket's owner.json cannot be read"
    await place.owner().take_over()
    assert await place.owner().look() == ""


# --- two stores on one prefix ---------------------------------------------------------------------


@contextlib.asynccontextmanager
async def a_store(folder: Path, s3: dict[str, Any]) -> AsyncIterator[tuple[Opened, ObjectHouse, House]]:
    """One with its database, its housekeeper and a clock that can be set."""
    async with opened_store(folder, **s3) as opened:
        house = hasty(opened)
        objects = opened.store.engine.objects
        assert isinstance(objects, ObjectPacks)
        yield opened, ObjectHouse(house, objects), house


async def subjects(opened: Opened) -> list[str]:
    return [alarm.subject for alarm in await opened.store.database.read(alarms.read)]


async def test_of_two_stores_on_one_prefix_none_removes_what_is_the_others(
    s3_store: dict[str, Any], tmp_path: Path
) -> None:
    with cluster().database() as url:
        await _two_stores(s3_store, {**s3_store, "metadata": url}, tmp_path)


async def _two_stores(s3_store: dict[str, Any], other: dict[str, Any], tmp_path: Path) -> None:
    async with (
        a_store(tmp_path / "one", s3_store) as (one, one_jobs, one_house),
        a_store(tmp_path / "two", other) as (two, two_jobs, _),
    ):
        bucket = two.store.engine.objects
        assert bucket is not None
        letters = []
        for opened, jobs in ((one, one_jobs), (two, two_jobs)):
            body = "".join(f"{n * 7919:09}\r\n" for n in range(150_000))
            letters.append((await opened.deliver(a_message("large", body=body))).email)
            await jobs.pack()
        await two_jobs.keep()
        now_ms = one_house.now_ms() + 10**7
        for days in range(4):
            one_house.now_ms = lambda days=days: now_ms + days * GONE_MS  # type: ignore[method-assign, misc]
            await one_jobs.keep()
        assert (await subjects(one), await subjects(two)) == (["owner"], []), "`two` was there first"
        assert await one.store.message(one.account, letters[0])
        assert await two.store.message(two.account, letters[1])
        assert {where.pack < 0 for where in (await blobs(two)).values()} == {True}
        later = await one.deliver(a_message("later", body="x" * 400_000))
        assert await one.store.message(one.account, later.email), "mail goes on"

        await Ownership(one.store.database, bucket, one_house.now_ms).take_over()
        await one_jobs.keep()
        await two_jobs.keep()
        assert (await subjects(one), await subjects(two)) == ([], ["owner"])
        assert {where.pack for where in (await blobs(two)).values()} <= {
            held.pack for held in bucket.listed()
        }
        one_house.now_ms = lambda: now_ms + 5 * GONE_MS  # type: ignore[method-assign]
        await one_jobs.keep()
        mine = {where.pack for where in (await blobs(one)).values() if where.pack}
        assert {held.pack for held in bucket.listed()} == mine, "a day after that it is what an owner does"


async def test_the_marker_is_no_pack(s3_store: dict[str, Any], tmp_path: Path) -> None:
    async with a_store(tmp_path / "one", s3_store) as (opened, jobs, _):
        await jobs.keep()
        objects = opened.store.engine.objects
        assert objects is not None
        marker = objects.marker()
        assert marker is not None
        assert b"/" in marker, f"{OWNER} names server and database"
        assert list(objects.listed()) == []
