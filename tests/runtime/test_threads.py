import threading

import trio
import trio.testing

from pymailcore.base.parties import Party, working_for
from pymailcore.runtime.threads import COMPUTING, compute, computing, run_in_thread


async def test_a_cancelled_caller_waits_for_its_thread() -> None:
    go, done = threading.Event(), threading.Event()

    def work(text: str) -> str:
        go.wait(5)
        done.set()
        return text

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_in_thread, work, "x")
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            go.set()
    assert done.is_set()


async def test_a_limiter_is_given_back() -> None:
    limiter = trio.CapacityLimiter(1)
    assert await run_in_thread(str, 5, limiter=limiter) == "5"
    assert limiter.borrowed_tokens == 0


async def test_who_computes_has_his_turn_by_parties() -> None:
    """Whoever comes last has the next place, when all that wait before him are another tenant's."""
    go, order = threading.Event(), list[int]()

    def work(tenant: int) -> None:
        go.wait(5)
        order.append(tenant)

    async def one(tenant: int, account: int) -> None:
        with working_for(Party(tenant, account)):
            await compute(work, tenant)

    async with trio.open_nursery() as nursery:
        for account in range(20):
            nursery.start_soon(one, 1, account)
        await trio.testing.wait_all_tasks_blocked()
        assert (computing().taken, computing().waiting) == (COMPUTING, 20 - COMPUTING)
        nursery.start_soon(one, 2, 100)
        await trio.testing.wait_all_tasks_blocked()
        go.set()
    assert order.index(2) <= 2 * COMPUTING
    assert (computing().taken, computing().waiting) == (0, 0)
