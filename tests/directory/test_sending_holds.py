"""sending_holds: who is refused too often is blocked once, by all processes together."""

import pytest
import trio
from tests.support.directories import address
from tests.support.sign_in_world import NAME, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import TemporaryFailure
from pymailcore.directory.accounts import Changed
from pymailcore.directory.directory import Directory
from pymailcore.directory.sending import HOUR_MS
from pymailcore.store.housekeeping import alarms


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


async def refused(world: SignInWorld, directory: Directory, after: int) -> bool:
    principal = await directory.principal(world.ann.id)
    return await directory.sending_holds.refused(principal, "too many", after=after)


async def held(world: SignInWorld) -> list[tuple[object, ...]]:
    """The records of the audit log about it."""
    return await world.rows("SELECT actor, subject, new FROM audit WHERE action = 'account.hold'")


async def test_an_account_is_blocked_by_the_last_refusal_of_all_processes(world: SignInWorld) -> None:
    family = (world.directory, world.another())
    assert [await refused(world, family[number % 2], 5) for number in range(5)] == [False] * 4 + [True]
    assert not (await world.directory.standings.of(world.ann.id)).may_send
    assert await held(world) == [("system", NAME, '{"send_blocked":true,"why":"too many"}')]
    (alarm,) = await world.opened.store.database.read(alarms.read)
    assert alarm.detail == f"{NAME}: sending is blocked and queued mail is held; too many"


async def test_of_many_at_once_there_is_one_record(world: SignInWorld) -> None:
    async with trio.open_nursery() as nursery:
        for directory in (world.directory, world.another()):
            for _ in range(10):
                nursery.start_soon(refused, world, directory, 3)
    assert len(await held(world)) == 1


async def test_never_where_that_is_the_setting(world: SignInWorld) -> None:
    assert not any([await refused(world, world.directory, 0) for _ in range(50)])
    assert await world.rows("SELECT * FROM sent") == []


async def test_refusals_of_hours_ago_count_no_more(world: SignInWorld) -> None:
    for _ in range(4):
        assert not await refused(world, world.directory, 5)
    world.clock.ms += 2 * HOUR_MS
    assert not await refused(world, world.directory, 5)


async def test_who_may_send_again_begins_anew(world: SignInWorld) -> None:
    for _ in range(3):
        await refused(world, world.directory, 3)
    await world.directory.accounts.set(ROOT, address(NAME), Changed(send_blocked=False))
    assert (await world.directory.standings.of(world.ann.id)).may_send
    assert await world.opened.store.database.read(alarms.read) == []
    assert [await refused(world, world.directory, 3) for _ in range(3)] == [False, False, True]


async def test_where_nothing_can_be_written_nothing_is_counted(
    world: SignInWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: object) -> bool:
        raise TemporaryFailure("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(world.opened.store.database, "write", refuse)
        assert not await refused(world, world.directory, 1)
    assert await refused(world, world.directory, 1)
