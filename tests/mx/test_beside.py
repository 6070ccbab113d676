"""beside: work that goes on while a peer talks."""

import pytest
import trio
import trio.testing

from pymailcore.mx.beside import Beside, Pending


async def nothing() -> int:
    return 7


async def test_what_comes_of_it_is_told(nursery: trio.Nursery) -> None:
    beside, pending = Beside(1), Pending[int]()
    await nursery.start(beside.run)
    beside.begin(nothing, pending)
    assert (pending.value, pending.ended) == (None, False)
    assert await pending.wait(5) == 7
    assert (pending.value, pending.ended) == (7, True)


@pytest.mark.parametrize("seconds", [0, 0.25])
async def test_who_waits_gives_up(
    seconds: float, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def long() -> int:
        await trio.sleep(1)
        return 7

    beside, pending = Beside(1), Pending[int]()
    await nursery.start(beside.run)
    began = trio.current_time()
    beside.begin(long, pending)
    assert await pending.wait(seconds) is None
    assert trio.current_time() - began == seconds
    assert await pending.wait(5) == 7


async def test_there_is_a_most_of_it(nursery: trio.Nursery) -> None:
    """One less, as many, one more; what has ended makes room."""
    go = trio.Event()

    async def wait() -> int:
        await go.wait()
        return 7

    beside = Beside(3)
    await nursery.start(beside.run)
    begun = [Pending[int]() for _ in range(4)]
    for pending in begun:
        beside.begin(wait, pending)
    assert [one.ended for one in begun] == [False, False, False, True]
    go.set()
    assert [await one.wait(5) for one in begun] == [7, 7, 7, None]
    again = Pending[int]()
    await trio.testing.wait_all_tasks_blocked()
    beside.begin(nothing, again)
    assert await again.wait(5) == 7


async def test_work_that_nobody_wants_ends(nursery: trio.Nursery) -> None:
    """Before it has begun, and while it is on its way."""
    beside, early, late = Beside(2), Pending[int](), Pending[int]()
    await nursery.start(beside.run)
    for pending in (early, late):
        beside.begin(trio.sleep_forever, pending)
        if pending is late:
            await trio.testing.wait_all_tasks_blocked()
        pending.give_up()
        assert await pending.wait(5) is None
        assert pending.ended


async def test_a_fault_of_ours_ends_nothing_else(nursery: trio.Nursery) -> None:
    async def broken() -> int:
        raise RuntimeError("broken")

    beside, pending, other = Beside(2), Pending[int](), Pending[int]()
    await nursery.start(beside.run)
    beside.begin(broken, pending)
    assert await pending.wait(5) is None
    assert pending.ended
    beside.begin(nothing, other)
    assert await other.wait(5) == 7


async def test_nothing_is_done_before_it_runs_and_after() -> None:
    beside = Beside(1)
    for _ in range(2):
        pending = Pending[int]()
        beside.begin(nothing, pending)
        assert await pending.wait(5) is None
        assert pending.ended
        async with trio.open_nursery() as nursery:
            await nursery.start(beside.run)
            left = Pending[int]()
            beside.begin(trio.sleep_forever, left)
            nursery.cancel_scope.cancel()
        assert left.ended
