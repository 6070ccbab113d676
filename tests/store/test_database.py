import pytest
import trio
import trio.testing
from tests.support.stores import Opened, opened_store

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.store.database import SqliteDatabase
from pymailcore.store.types import Transaction


async def set_name(tx: Transaction, name: str) -> None:
    await tx.run("UPDATE accounts SET name = ?1", name)


async def name_of(tx: Transaction) -> str:
    row = await tx.row("SELECT name FROM accounts")
    assert row is not None
    return str(row[0])


async def test_what_was_written_is_read_by_all_ways(opened: Opened) -> None:
    database = opened.store.database
    assert isinstance(database, SqliteDatabase)
    await database.write(lambda tx: set_name(tx, "new"))
    assert await database.read(name_of) == "new"
    assert await database.look(name_of) == "new"
    assert await database.call(lambda side: side.snapshot(name_of)) == "new"


async def test_a_failure_undoes_its_own_operation_only(opened: Opened) -> None:
    database = opened.store.database

    async def fails(tx: Transaction) -> None:
        await set_name(tx, "wrong")
        raise ValueError("no")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.write, lambda tx: set_name(tx, "right"))
        with pytest.raises(ValueError, match="no"):
            await database.write(fails)
    assert await database.read(name_of) == "right"


async def test_slices_keep_their_order_and_those_that_succeed_stay(opened: Opened) -> None:
    database = opened.store.database

    async def fails(_: Transaction) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write_each([lambda tx: set_name(tx, "a"), fails, lambda tx: set_name(tx, "b")])
    assert await database.read(name_of) == "b"
    assert await database.write_each([]) == []


async def test_a_cancelled_caller_waits_for_the_outcome(opened: Opened) -> None:
    """DESIGN 4.1: did it commit? always has an answer."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(opened.store.database.write, lambda tx: set_name(tx, "late"))
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert await opened.store.database.look(name_of) == "late"


async def test_notices_come_after_the_commit(opened: Opened) -> None:
    async def work(tx: Transaction) -> None:
        await set_name(tx, "told")
        tx.announce(AccountId(1), 77)

    await opened.store.database.write(work)
    assert opened.told[-1] == (1, 77)


async def test_a_closed_database_is_a_temporary_failure(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with opened_store(tmp_path_factory.mktemp("closed") / "data") as opened:
        database = opened.store.database
    with pytest.raises(TemporaryFailure):
        await database.write(name_of)
