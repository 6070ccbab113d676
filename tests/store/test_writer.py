"""Group commit: isolation of operations, lost transactions, cancelled callers."""

import fcntl
import functools
import os
import threading
from collections import Counter
from pathlib import Path

import apsw
import pytest
import trio
import trio.lowlevel
import trio.testing
from tests.support.stores import Opened

from pymailcore.base.errors import AlreadyExists, InsufficientStorage, NotFound, TemporaryFailure
from pymailcore.base.parties import Party, working_for
from pymailcore.store.database import SqliteDatabase
from pymailcore.store.transaction import Suspended
from pymailcore.store.types import Transaction
from pymailcore.store.writer import CAREFUL_BATCHES, LEAST_SHARE, Job


async def put(tx: Transaction, name: str) -> None:
    await tx.run("INSERT INTO secrets (name, value) VALUES (?1, ?2)", name, b"x")


async def names(opened: Opened) -> list[str]:
    rows = await opened.store.database.read(
        lambda tx: tx.rows(
            "SELECT name FROM secrets WHERE name LIKE 't%' AND name NOT LIKE 'tenant:%' ORDER BY 1"
        )
    )
    return [row[0] for row in rows]


async def test_one_that_raises_takes_only_its_own_changes_along(opened: Opened) -> None:
    outcomes: dict[str, str] = {}

    async def one(name: str) -> None:
        async def work(tx: Transaction) -> str:
            await put(tx, name)
            if name == "t3":
                raise NotFound("of the test")
            return name

        try:
            outcomes[name] = await opened.store.database.write(work)
        except NotFound:
            outcomes[name] = "failed"

    async with trio.open_nursery() as nursery:
        for n in range(6):
            nursery.start_soon(one, f"t{n}")
    assert outcomes == {f"t{n}": "failed" if n == 3 else f"t{n}" for n in range(6)}
    assert await names(opened) == ["t0", "t1", "t2", "t4", "t5"]


async def test_when_the_transaction_is_lost_each_runs_again_alone(opened: Opened) -> None:
    database = opened.store.database
    assert isinstance(database, SqliteDatabase)
    runs: dict[str, int] = {}
    raised: list[str] = []

    async def one(name: str) -> None:
        async def work(tx: Transaction) -> None:
            runs[name] = runs.get(name, 0) + 1
            await put(tx, name)
            if name == "t2":  # as a full disk does
                database.writer._connection.execute("ROLLBACK")
                raise apsw.FullError("of the test")

        try:
            await database.write(work)
        except InsufficientStorage:
            raised.append(name)

    async def hold(tx: Transaction) -> None:
        """Keeps the writer until the others have queued."""
        await tx.row("SELECT 1")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.write, hold)
        for n in range(4):
            nursery.start_soon(one, f"t{n}")
    assert raised == ["t2"]
    assert await names(opened) == ["t0", "t1", "t3"]
    assert runs["t2"] == 2
    await database.write(lambda tx: put(tx, "t9"))


async def test_an_input_output_error_gets_a_new_connection(opened: Opened) -> None:
    database = opened.store.database
    assert isinstance(database, SqliteDatabase)
    before = database.writer._connection

    async def work(tx: Transaction) -> None:
        database.writer._connection.execute("ROLLBACK")
        raise apsw.IOError("of the test")

    with pytest.raises(TemporaryFailure):
        await database.write(work)
    assert database.writer._connection is not before
    await database.write(lambda tx: put(tx, "t1"))
    assert await names(opened) == ["t1"]


async def test_a_cancelled_caller_waits_for_the_outcome(opened: Opened) -> None:
    with trio.CancelScope() as scope:

        async def work(tx: Transaction) -> str:
            await put(tx, "t1")
            return "done"

        async with trio.open_nursery() as nursery:
            results: list[str] = []

            begun = trio.Event()

            async def caller() -> None:
                begun.set()
                results.append(await opened.store.database.write(work))

            nursery.start_soon(caller)
            await begun.wait()
            scope.cancel()
    assert results == ["done"]
    assert await names(opened) == ["t1"]


async def test_a_caller_that_is_cancelled_already_begins_nothing(opened: Opened) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await opened.store.database.write(lambda tx: put(tx, "t1"))
    assert scope.cancelled_caught
    assert await names(opened) == []


async def test_an_operation_that_waits_for_something_else_is_a_fault(opened: Opened) -> None:
    async def work(tx: Transaction) -> None:
        await put(tx, "t1")
        await trio.lowlevel.checkpoint()

    with pytest.raises(Suspended):
        await opened.store.database.write(work)
    assert await names(opened) == []


async def test_a_broken_constraint_is_already_exists(opened: Opened) -> None:
    await opened.store.database.write(lambda tx: put(tx, "t1"))
    with pytest.raises(AlreadyExists):
        await opened.store.database.write(lambda tx: put(tx, "t1"))


async def test_slices_stay_in_order_and_the_first_failure_is_raised(opened: Opened) -> None:
    database = opened.store.database
    order: list[int] = []

    def work_of(n: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
        async def work(tx: Transaction) -> int:
            order.append(n)
            await put(tx, f"t{n}")
            if n == 1:
                raise NotFound("of the test")
            return n

        return work

    assert await database.write_each([]) == []
    assert await database.write_each([work_of(0), work_of(2)]) == [0, 2]
    with pytest.raises(NotFound):
        await database.write_each([work_of(3), work_of(1), work_of(4)])
    assert await names(opened) == ["t0", "t2", "t3", "t4"]
    assert order == [0, 2, 3, 1, 3, 1, 4]  # the batch with the failure ran again from its beginning


async def test_after_a_failure_batches_run_with_savepoints_for_a_while(opened: Opened) -> None:
    """Who makes operations fail on purpose has each batch run once, not twice."""
    database = opened.store.database
    assert isinstance(database, SqliteDatabase)
    runs: list[str] = []

    async def work(tx: Transaction, name: str) -> None:
        runs.append(name)
        await put(tx, name)
        if name.startswith("tx"):
            raise NotFound("of the test")

    async def one(name: str) -> None:
        await database.write(lambda tx: work(tx, name))

    for name in ("tx1", "tx2"):
        with pytest.raises(NotFound):
            await one(name)
    assert runs == ["tx1", "tx1", "tx2"]
    for n in range(CAREFUL_BATCHES):
        await one(f"t{n}")
    runs.clear()
    with pytest.raises(NotFound):
        await one("tx3")
    assert runs == ["tx3", "tx3"]
    assert await names(opened) == sorted(f"t{n}" for n in range(CAREFUL_BATCHES))


async def test_a_batch_without_a_failure_runs_once_and_together(opened: Opened) -> None:
    database = opened.store.database
    assert isinstance(database, SqliteDatabase)
    connection = database.writer._connection
    seen: list[str] = []
    connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: seen.append(event["sql"]))
    await database.write_each([lambda tx, n=n: put(tx, f"t{n}") for n in range(3)])  # type: ignore[misc]
    connection.trace_v2(0, None)
    assert [sql.split()[0] for sql in seen] == ["BEGIN", "INSERT", "INSERT", "INSERT", "COMMIT"]


async def test_readers_see_one_snapshot_and_cannot_write(opened: Opened) -> None:
    with pytest.raises(TemporaryFailure):
        await opened.store.database.read(lambda tx: put(tx, "t1"))
    with pytest.raises(TemporaryFailure):
        await opened.store.database.look(lambda tx: put(tx, "t1"))
    assert await names(opened) == []


async def test_listeners_are_told_after_the_commit_and_not_of_failures(opened: Opened) -> None:
    opened.told.clear()

    async def work(tx: Transaction, *, fail: bool) -> int:
        modseq = await opened.store.bump(tx, opened.account, "identity")
        if fail:
            raise NotFound("of the test")
        return modseq

    modseq = await opened.store.database.write(lambda tx: work(tx, fail=False))
    assert opened.told == [(opened.account, modseq)]
    with pytest.raises(NotFound):
        await opened.store.database.write(lambda tx: work(tx, fail=True))
    assert opened.told == [(opened.account, modseq)]
    assert (await opened.store.states(opened.account)).identity == modseq


async def test_operations_have_their_turn_by_tenants_and_accounts(opened: Opened) -> None:
    """T6: a thousand hold up another tenant, and another account, by a few; each account's are in order."""
    database = opened.store.database
    assert isinstance(database, SqliteDatabase)
    held, go, ran = threading.Event(), threading.Event(), list[tuple[Party, int]]()

    async def hold(tx: Transaction) -> None:
        held.set()
        go.wait(10)

    async def leave(party: Party, count: int) -> None:
        async def work(tx: Transaction, number: int) -> None:
            ran.append((party, number))
            await tx.row("SELECT 1")

        with working_for(party):
            await database.write_each([functools.partial(work, number=number) for number in range(count)])

    flood, same_tenant, calm = Party(8, 80), Party(8, 81), Party(9, 90)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.write, hold)
        await trio.to_thread.run_sync(held.wait)
        for party, count in ((flood, 1_000), (same_tenant, 2), (calm, 3)):
            nursery.start_soon(leave, party, count)
            await trio.testing.wait_all_tasks_blocked()
        go.set()
    assert [party for party, _ in ran[:7]].count(calm) == 3
    assert [party for party, _ in ran[:8]].count(same_tenant) == 2
    for party in (flood, same_tenant, calm):
        numbers = [number for one, number in ran if one == party]
        assert numbers == list(range(len(numbers)))
    assert len(ran) == 1_005


async def test_a_tenant_has_a_bounded_part_of_a_batch_that_it_shares(opened: Opened) -> None:
    """Who left one operation does not wait until a batch is full of another tenant's."""
    database = opened.store.database
    assert isinstance(database, SqliteDatabase)
    held, go, batches = threading.Event(), threading.Event(), list[Counter[int]]()
    deliver = database.writer._deliver

    def note(jobs: list[Job]) -> None:
        batches.append(Counter(job.party.tenant for job in jobs))
        deliver(jobs)

    async def hold(tx: Transaction) -> None:
        held.set()
        go.wait(10)

    async def leave(tenant: int, count: int) -> None:
        with working_for(Party(tenant, tenant)):
            await database.write_each([lambda tx: tx.row("SELECT 1")] * count)

    database.writer._deliver = note
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.write, hold)
        await trio.to_thread.run_sync(held.wait)
        for tenant, count in ((8, 400), (9, 1)):
            nursery.start_soon(leave, tenant, count)
            await trio.testing.wait_all_tasks_blocked()
        go.set()
    (shared,) = [batch for batch in batches if batch[9]]
    assert shared[8] <= LEAST_SHARE
    assert sum(batch[8] for batch in batches) == 400


async def test_what_comes_while_the_lock_is_waited_for_shares_the_commit(
    opened: Opened, tmp_path: Path
) -> None:
    """Another process has the lock; what needs nothing on disk first does not wait for one batch more."""
    database = opened.store.database
    assert isinstance(database, SqliteDatabase)
    writer, batches = database.writer, list[int]()
    deliver = writer._deliver

    def note(jobs: list[Job]) -> None:
        batches.append(len(jobs))
        deliver(jobs)

    writer._deliver = note
    lock = os.open(tmp_path / "data" / "locks" / "write", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(database.write, lambda tx: put(tx, "t1"))
            with trio.fail_after(10):
                while not len(writer._waiting):
                    await trio.lowlevel.checkpoint()
            nursery.start_soon(database.write, lambda tx: put(tx, "t2"))
            await trio.testing.wait_all_tasks_blocked()
            fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)
    assert batches == [2]
    assert await names(opened) == ["t1", "t2"]
