"""sending_alarms: operators are told who reaches his limits, once an hour; no refusal fails by it."""

import pytest
import trio
from tests.support.directories import address
from tests.support.house import hasty
from tests.support.logs import captured
from tests.support.sign_in_world import NAME, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import TemporaryFailure
from pymailcore.directory.directory import Directory
from pymailcore.directory.sending import HOUR_MS
from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.alarms import Alarm
from pymailcore.store.housekeeping.watch import Watch


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


async def sound(world: SignInWorld, directory: Directory, why: str = "too many") -> list[str]:
    """Raise ann's alarm in a process; gives what the log says of it."""
    principal = await directory.principal(world.ann.id)
    with captured() as lines:
        await directory.sending_alarms.sound(principal, why)
    return [line["detail"] for line in lines if line["event"] == "alarm"]


async def test_an_alarm_is_raised_once_an_hour_by_all_processes_together(world: SignInWorld) -> None:
    began_ms, family = world.clock(), (world.directory, world.another())
    told = []
    for after_ms in (0, 1, HOUR_MS - 1, HOUR_MS, HOUR_MS + 1):
        world.clock.ms = began_ms + after_ms
        told.append([await sound(world, one, f"after {after_ms}") for one in family])
    nothing: list[str] = []
    assert told == [
        [["ann@a.example: after 0"], nothing],
        [nothing, nothing],
        [nothing, nothing],
        [[f"ann@a.example: after {HOUR_MS}"], nothing],
        [nothing, nothing],
    ]
    assert await world.opened.store.database.read(alarms.read) == [
        Alarm(alarms.SENDING, str(world.ann.id), f"ann@a.example: after {HOUR_MS}", began_ms)
    ]


async def test_of_many_at_once_one_is_told_and_the_metrics_count_one(world: SignInWorld) -> None:
    principal = await world.directory.principal(world.ann.id)
    with captured() as lines:
        async with trio.open_nursery() as nursery:
            for directory in (world.directory, world.another()):
                for _ in range(10):
                    nursery.start_soon(directory.sending_alarms.sound, principal, "too many")
    told = [line["detail"] for line in lines if line["event"] == "alarm"]
    assert told == ["ann@a.example: too many"]
    house = hasty(world.opened)
    await Watch(house).look()
    assert house.metrics.store_alarms.labels(alarms.SENDING)._value.get() == 1


async def test_where_nothing_can_be_written_it_is_left_to_the_next_refusal(
    world: SignInWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: object) -> bool:
        raise TemporaryFailure("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(world.opened.store.database, "write", refuse)
        assert await sound(world, world.directory) == []
    assert await sound(world, world.directory) == ["ann@a.example: too many"]


async def test_the_alarm_of_an_account_goes_with_it(world: SignInWorld) -> None:
    await sound(world, world.directory)
    await world.directory.accounts.remove(ROOT, address(NAME))
    assert await world.opened.store.database.read(alarms.read) == []
