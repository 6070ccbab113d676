import apsw
import pytest
import trio

from pymailcore.base.errors import AlreadyExists
from pymailcore.base.ids import AccountId
from pymailcore.store.transaction import SqliteTransaction, Suspended, drive
from pymailcore.store.types import Transaction


def a_transaction() -> SqliteTransaction:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    return SqliteTransaction(connection)


def test_an_operation_runs_to_its_end_in_one_step() -> None:
    tx = a_transaction()

    async def work(tx: Transaction) -> list[object]:
        await tx.run_many("INSERT INTO t VALUES (?1, ?2)", [(1, "a"), (2, "b")])
        changed = await tx.run("UPDATE t SET v = 'c' WHERE id > ?1", 0)
        return [changed, await tx.row("SELECT v FROM t WHERE id = ?1", 2), await tx.rows("SELECT id FROM t")]

    assert drive(work, tx) == [2, ("c",), [(1,), (2,)]]


def test_a_row_that_is_not_there_is_none() -> None:
    async def work(tx: Transaction) -> object:
        return await tx.row("SELECT 1 FROM t")

    assert drive(work, a_transaction()) is None


@pytest.mark.parametrize("method", ["row", "rows", "run", "run_many"])
def test_a_broken_constraint_is_already_exists(method: str) -> None:
    async def work(tx: Transaction) -> None:
        for _ in range(2):
            if method == "run_many":
                await tx.run_many("INSERT INTO t VALUES (?1, 'x')", [(1,)])
            else:
                await getattr(tx, method)("INSERT INTO t VALUES (1, 'x') RETURNING id")

    with pytest.raises(AlreadyExists):
        drive(work, a_transaction())


def test_an_operation_that_suspends_is_a_fault_of_our_own() -> None:
    """DESIGN 4.1."""

    async def work(_: Transaction) -> None:
        await trio.lowlevel.checkpoint()

    with pytest.raises(Suspended):
        drive(work, a_transaction())


def test_announcements_keep_the_newest_of_each_account() -> None:
    tx = a_transaction()
    tx.announce(AccountId(1), 5)
    tx.announce(AccountId(2), 1)
    tx.announce(AccountId(1), 6)
    assert tx.moved == {1: 6, 2: 1}
