"""pool: few connections, in turns by parties, and none that is broken is given out."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from tests.support.stores import Opened

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.parties import Party, current_party, working_for
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


async def test_a_tenant_that_floods_holds_up_another_by_one_connection(opened: Opened) -> None:
    """T6: whose turn it is goes by tenants, and in a tenant by accounts."""
    order: list[Party] = []
    flood, same_tenant, calm = Party(8, 80), Party(8, 81), Party(9, 90)

    async def one(pool: Pool, party: Party) -> None:
        with working_for(party):
            connection = await pool.take()
            order.append(party)
            await connection.execute("SELECT 1")
            pool.give(connection, good=True)

    async def work() -> None:
        pool = pool_of(opened, 1)
        await asyncio.gather(*[one(pool, party) for party in [flood] * 50 + [same_tenant, calm]])
        await pool.close()

    await on_loop(opened, work)
    assert order[:4] == [flood, calm, same_tenant, flood]
    assert len(order) == 52


async def test_who_gives_up_waiting_is_in_nobodys_way(opened: Opened) -> None:
    """Also when the place comes at the moment in which he is cancelled."""

    async def work() -> None:
        pool = pool_of(opened, 1, wait_seconds=2.0)
        connection = await pool.take()
        first, second, third = (asyncio.create_task(pool.take()) for _ in range(3))
        await asyncio.sleep(0)
        try:
            second.cancel()
            first.cancel()
            pool.give(connection, good=True)  # to the first, who does not know yet that he is cancelled
            pool.give(await third, good=True)
            await asyncio.gather(first, second, return_exceptions=True)
            pool.give(await pool.take(), good=True)
        finally:
            await pool.close()

    await on_loop(opened, work)


async def test_operations_wait_for_whom_their_task_works(opened: Opened) -> None:
    """The party crosses into the thread of the database, for reads and for writes."""
    pool = opened.store.database._pool  # type: ignore[attr-defined]
    seen: list[Party] = []
    take = pool.take

    async def noted() -> Connection:
        seen.append(current_party())
        connection: Connection = await take()
        return connection

    pool.take = noted
    with working_for(Party(8, 80)):
        await opened.store.database.read(lambda tx: tx.row("SELECT 1"))
        await opened.store.database.write(lambda tx: tx.row("SELECT 1"))
    assert seen == [Party(8, 80)] * 2


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
