"""pool: few connections, first come, first served, and none that is broken is given out."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from tests.support.stores import Opened

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.postgres.connection import Connection
from pymailcore.store.postgres.pool import Pool

T = TypeVar("T")


def on_loop(opened: Opened, work: Callable[[], Coroutine[Any, Any, T]]) -> Coroutine[Any, Any, T]:
    """Run something in the asyncio thread of the store."""
    thread = opened.store.database._thread  # type: ignore[attr-defined]
    return thread.run(work, whole=True)  # type: ignore[no-any-return]


def pool_of(opened: Opened, most: int, wait_seconds: float = 5.0) -> Pool:
    connect = opened.store.database._connect  # type: ignore[attr-defined]
    return Pool(connect, most, wait_seconds)


async def test_a_connection_is_used_again(opened: Opened) -> None:
    async def work() -> bool:
        pool = pool_of(opened, 2)
        first = await pool.take()
        pool.give(first, good=True)
        again = await pool.take()
        pool.give(again, good=True)
        await pool.close()
        return again is first and first.is_closed()

    assert await on_loop(opened, work)


async def test_those_who_wait_get_it_in_their_order(opened: Opened) -> None:
    order: list[int] = []

    async def one(pool: Pool, number: int) -> None:
        connection = await pool.take()
        order.append(number)
        await connection.execute("SELECT 1")
        pool.give(connection, good=True)

    async def work() -> None:
        pool = pool_of(opened, 1)
        await asyncio.gather(*[one(pool, number) for number in range(5)])
        await pool.close()

    await on_loop(opened, work)
    assert order == list(range(5))


async def test_waiting_has_an_end(opened: Opened) -> None:
    async def work() -> None:
        pool = pool_of(opened, 1, wait_seconds=0.05)
        connection = await pool.take()
        try:
            await pool.take()
        finally:
            pool.give(connection, good=True)
            await pool.close()

    with pytest.raises(TemporaryFailure, match="in use"):
        await on_loop(opened, work)


@pytest.mark.parametrize("fault", ["closed", "in a transaction", "not good"])
async def test_a_connection_that_is_not_fit_is_replaced(opened: Opened, fault: str) -> None:
    async def spoil(connection: Connection) -> bool:
        if fault == "closed":
            await connection.close()
        elif fault == "in a transaction":
            await connection.execute("BEGIN")
        return fault != "not good"

    async def work() -> bool:
        pool = pool_of(opened, 1)
        first = await pool.take()
        pool.give(first, good=await spoil(first))
        second = await pool.take()
        alive = await second.fetchval("SELECT 1") == 1
        pool.give(second, good=True)
        await pool.close()
        return alive and second is not first

    assert await on_loop(opened, work)


async def test_a_failed_connect_gives_its_place_back(opened: Opened) -> None:
    async def fails() -> Connection:
        raise ConnectionRefusedError

    async def work() -> int:
        pool = Pool(fails, 1, 0.05)
        refused = 0
        for _ in range(3):
            try:
                await pool.take()
            except ConnectionRefusedError:
                refused += 1
        return refused

    assert await on_loop(opened, work) == 3
