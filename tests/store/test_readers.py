import threading

import pytest
import trio
from tests.support.stores import Opened

from pymailcore.base.errors import AlreadyExists, TemporaryFailure
from pymailcore.store.types import Transaction


async def test_a_snapshot_is_one_moment(opened: Opened) -> None:
    """Nothing that is written meanwhile is seen."""
    await opened.deliver()
    database = opened.store.database
    begun, written = threading.Event(), threading.Event()

    async def count(tx: Transaction) -> tuple[int, int]:
        first = await tx.row("SELECT count(*) FROM emails")
        begun.set()
        assert written.wait(10)
        second = await tx.row("SELECT count(*) FROM emails")
        assert first is not None
        assert second is not None
        return first[0], second[0]

    async def read() -> None:
        results.append(await database.read(count))

    results: list[tuple[int, int]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.to_thread.run_sync(begun.wait)
        await opened.deliver()
        written.set()
    assert results == [(1, 1)]
    await opened.check()


async def test_readers_cannot_write(opened: Opened) -> None:
    async def work(tx: Transaction) -> int:
        return await tx.run("DELETE FROM emails")

    with pytest.raises((TemporaryFailure, AlreadyExists)):
        await opened.store.database.read(work)


async def test_a_failed_call_leaves_its_reader_usable(opened: Opened) -> None:
    async def fails(_: Transaction) -> None:
        raise ValueError("no")

    for _ in range(5):
        with pytest.raises(ValueError, match="no"):
            await opened.store.database.read(fails)
    assert await opened.store.mailboxes(opened.account)
