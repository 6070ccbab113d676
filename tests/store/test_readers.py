import threading

import pytest
import trio
import trio.testing
from tests.support.stores import Opened

from pymailcore.base.errors import AlreadyExists, TemporaryFailure
from pymailcore.base.parties import Party, working_for
from pymailcore.store.database import SqliteDatabase
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


async def test_a_cancelled_reader_ends_in_the_middle_of_a_statement(opened: Opened) -> None:
    """A search that is given up does not go on to hold its thread; all threads are of use afterwards."""

    async def endless(tx: Transaction) -> None:
        await tx.row(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000000000000)"
            " SELECT count(*) FROM n"
        )

    with trio.fail_after(20):
        for _ in range(6):
            with trio.move_on_after(0.05) as given_up:
                await opened.store.database.read(endless)
            assert given_up.cancelled_caught
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(opened.store.mailboxes, opened.account)
    await opened.deliver()
    await opened.check()


async def test_a_call_that_was_given_up_before_its_turn_is_not_begun(opened: Opened) -> None:
    held, begun = threading.Event(), []
    count = 16  # more than there are threads

    async def hold(_: Transaction) -> None:
        await_held()

    async def late(_: Transaction) -> None:
        begun.append(1)

    def await_held() -> None:
        assert held.wait(20)

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(opened.store.database.read, hold)
        await trio.testing.wait_all_tasks_blocked()
        scope = trio.CancelScope()

        async def give_up() -> None:
            with scope:
                await opened.store.database.read(late)

        nursery.start_soon(give_up)
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()
        held.set()
    assert begun == []
    assert await opened.store.mailboxes(opened.account)


async def test_calls_have_their_turn_by_tenants(opened: Opened) -> None:
    """T6: all threads are busy and a hundred calls of one tenant wait; another tenant's is among the next."""
    database = opened.store.database
    assert isinstance(database, SqliteDatabase)
    assert database._readers is not None
    busy = len(database._readers._threads)
    held, go, ran = threading.Semaphore(0), threading.Event(), list[int]()

    async def hold(tx: Transaction) -> None:
        held.release()
        assert go.wait(10)

    async def read(tenant: int) -> None:
        async def work(tx: Transaction) -> None:
            ran.append(tenant)

        with working_for(Party(tenant, tenant)):
            await database.read(work)

    def wait_for_all() -> None:
        for _ in range(busy):
            assert held.acquire(timeout=10)

    async with trio.open_nursery() as nursery:
        for _ in range(busy):
            nursery.start_soon(database.read, hold)
        await trio.to_thread.run_sync(wait_for_all)
        for tenant, count in ((8, 100), (9, 1)):
            for _ in range(count):
                nursery.start_soon(read, tenant)
            await trio.testing.wait_all_tasks_blocked()
        go.set()
    assert ran.index(9) <= 2 * busy
    assert len(ran) == 101
