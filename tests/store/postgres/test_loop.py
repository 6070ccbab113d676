"""loop: from a trio task into the asyncio thread and back."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
import trio

from pymailcore.store.postgres.loop import LoopThread


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread("test")
    yield thread
    thread.close()


async def test_work_runs_there_and_its_outcome_comes_back(thread: LoopThread) -> None:
    async def name() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    async def fails() -> None:
        raise ValueError("no")

    assert await thread.run(name, whole=True) == "test"
    with pytest.raises(ValueError, match="no"):
        await thread.run(fails, whole=False)


async def test_a_cancelled_caller_waits_until_the_work_has_ended(thread: LoopThread) -> None:
    ended: list[int] = []

    async def work() -> str:
        try:
            await asyncio.sleep(0.05 if ended else 3600)
        finally:
            ended.append(1)
        return "done"

    with trio.move_on_after(0.02) as scope:
        await thread.run(work, whole=False)
    assert scope.cancelled_caught
    assert ended == [1]
    with trio.move_on_after(0.01) as scope:
        assert await thread.run(work, whole=True) == "done"
    assert ended == [1, 1]


async def test_what_was_cancelled_before_it_began_never_runs(thread: LoopThread) -> None:
    ran: list[int] = []

    async def work() -> None:
        ran.append(1)

    with trio.CancelScope() as scope:
        scope.cancel()
        await thread.run(work, whole=True)
    assert ran == []


async def test_closing_ends_what_is_left() -> None:
    thread = LoopThread("test")
    ended = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async def start() -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(forever())
        await asyncio.sleep(0)
        return task

    await thread.run(start, whole=True)
    await trio.to_thread.run_sync(thread.close)
    assert ended.is_set()
