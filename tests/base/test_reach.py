"""Whose rows a task may touch."""

import trio

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.base.parties import SERVER, Party, current_party
from pymailcore.base.reach import EVERYTHING, Reach, act_for, acting_for, current_reach, unbounded

TENANT, ACCOUNT = TenantId(3), AccountId(7)


def test_a_task_for_which_nobody_signed_in_may_touch_everything() -> None:
    assert current_reach() == EVERYTHING


def test_it_is_bounded_while_it_acts_for_somebody() -> None:
    with acting_for(TENANT, ACCOUNT):
        assert current_reach() == Reach(3, 7)
        assert current_party() == Party(3, 7)
        with unbounded():
            assert current_reach() == EVERYTHING
            assert current_party() == Party(3, 7)
        assert current_reach() == Reach(3, 7)
    assert (current_reach(), current_party()) == (EVERYTHING, SERVER)


async def test_tasks_and_threads_that_it_starts_are_bounded_like_it() -> None:
    found: list[Reach] = []

    async def child() -> None:
        found.append(current_reach())
        found.append(await trio.to_thread.run_sync(current_reach))

    async def peer() -> None:
        act_for(TENANT, ACCOUNT)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer)
    assert found == [Reach(3, 7)] * 2
    assert current_reach() == EVERYTHING
