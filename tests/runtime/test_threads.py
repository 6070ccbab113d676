import threading

import trio

from pymailcore.runtime.threads import Limiters, run_in_thread


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


async def test_limiters_bound_their_kind_of_work() -> None:
    limiters = Limiters(password=1)
    assert await run_in_thread(str, 5, limiter=limiters.password) == "5"
    assert limiters.password.total_tokens == 1
