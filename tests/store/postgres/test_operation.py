"""operation: whatever happens to a connection, a write is done once or not at all, and its caller knows."""

import asyncio
from pathlib import Path

import pytest
import trio
from tests.support.postgres import Cluster
from tests.support.postgres_proxy import CUT_AND_SEND_LATER, DROP, PASS, SEND_AND_CUT, Proxy
from tests.support.stores import Opened, opened_store

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.store.postgres import connection, database, operation
from pymailcore.store.types import Transaction


async def names(opened: Opened) -> list[str]:
    rows = await opened.store.database.read(lambda tx: tx.rows("SELECT name FROM domains ORDER BY name"))
    return [row[0] for row in rows]


async def add(tx: Transaction, name: str, runs: list[int]) -> str:
    runs.append(1)
    row = await tx.row("SELECT count(*) FROM domains")
    assert row is not None
    await tx.run(
        "INSERT INTO domains (id, tenant, name, created_ms) VALUES (?1, 1, ?2, 0)", 100 + row[0], name
    )
    tx.announce(AccountId(1), 77)
    return f"{name} {len(runs)}"


class Once:
    """Decides about the first COMMIT only."""

    def __init__(self, verdict: str) -> None:
        self.verdict = verdict
        self.seen = 0

    def __call__(self, octets: bytes) -> str:
        if b"; COMMIT" in octets and b"INSERT INTO operations" in octets:
            self.seen += 1
            if self.seen == 1:
                return self.verdict
        return PASS


async def test_a_commit_whose_answer_is_lost_is_done_once_and_gives_its_result(
    cuttable: Opened, proxy: Proxy
) -> None:
    """DESIGN 4.1: the connection is cut after the server got the COMMIT."""
    runs: list[int] = []
    proxy.watch = watch = Once(SEND_AND_CUT)
    assert await cuttable.store.database.write(lambda tx: add(tx, "a.example", runs)) == "a.example 1"
    assert watch.seen == 1
    assert runs == [1]
    assert await names(cuttable) == ["a.example"]
    assert cuttable.told[-1] == (1, 77)


async def test_a_commit_that_never_came_is_done_again(cuttable: Opened, proxy: Proxy) -> None:
    runs: list[int] = []
    proxy.watch = Once(DROP)
    assert await cuttable.store.database.write(lambda tx: add(tx, "a.example", runs)) == "a.example 2"
    assert runs == [1, 1]
    assert await names(cuttable) == ["a.example"]


async def test_a_commit_that_comes_late_breaks_on_the_fence(cuttable: Opened, proxy: Proxy) -> None:
    """The old transaction is open, and its COMMIT on its way, while the next attempt runs."""
    runs: list[int] = []
    proxy.watch = Once(CUT_AND_SEND_LATER)

    async def work(tx: Transaction) -> str:
        if len(runs) == 1:
            trio.from_thread.run_sync(proxy.later.set, trio_token=token)
        return await add(tx, "a.example", runs)

    token = trio.lowlevel.current_trio_token()
    result = await cuttable.store.database.write(work)
    assert await names(cuttable) == ["a.example"]
    assert result == "a.example 2"


async def test_a_connection_that_is_lost_before_the_commit_is_another_attempt(
    cuttable: Opened, proxy: Proxy
) -> None:
    runs: list[int] = []
    proxy.watch = lambda octets: DROP if b"INSERT INTO domains" in octets and len(runs) == 1 else PASS
    assert await cuttable.store.database.write(lambda tx: add(tx, "a.example", runs)) == "a.example 2"
    assert await names(cuttable) == ["a.example"]


async def test_service_is_back_within_five_seconds_of_an_outage(
    cuttable: Opened, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No restart: what fails meanwhile fails for now."""
    for module in (operation, database):
        monkeypatch.setattr(module, "RETRY_SECONDS", 0.2)
    proxy.closed = True
    proxy.cut()
    with pytest.raises(TemporaryFailure):
        await cuttable.store.database.write(lambda tx: add(tx, "a.example", []))
    with pytest.raises(TemporaryFailure):
        await cuttable.store.database.read(lambda tx: tx.rows("SELECT 1"))
    proxy.closed = False
    with trio.fail_after(5):
        await cuttable.store.database.write(lambda tx: add(tx, "b.example", []))
        assert await names(cuttable) == ["b.example"]


async def test_a_deadlock_is_tried_again_until_both_are_done(opened: Opened) -> None:
    """Two operations that lock two rows in opposite order: the server ends one of them."""
    await opened.store.database.write(lambda tx: add(tx, "a.example", []))
    await opened.store.database.write(lambda tx: add(tx, "b.example", []))
    at_two = [asyncio.Event(), asyncio.Event()]
    runs: list[int] = []

    async def work(tx: Transaction, order: list[str], place: int) -> None:
        runs.append(place)
        for step, name in enumerate(order):
            await tx.run("UPDATE domains SET tenant = tenant + 1 WHERE name = ?1", name)
            if step == 0:
                at_two[place].set()
                await at_two[1 - place].wait()

    order = ["a.example", "b.example"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened.store.database.write, lambda tx: work(tx, order, 0))
        nursery.start_soon(opened.store.database.write, lambda tx: work(tx, order[::-1], 1))
    rows = await opened.store.database.read(lambda tx: tx.rows("SELECT tenant FROM domains"))
    assert rows == [(3,), (3,)]
    assert len(runs) == 3


async def test_what_always_conflicts_fails_for_now(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "MOST_CONFLICTS", 3)
    runs: list[int] = []

    async def work(tx: Transaction) -> None:
        runs.append(1)
        await tx.run("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    with pytest.raises(TemporaryFailure):
        await opened.store.database.write(work)
    assert len(runs) == 3


async def test_what_the_operation_raises_leaves_nothing_behind(opened: Opened) -> None:
    async def work(tx: Transaction) -> None:
        await add(tx, "a.example", [])
        raise NotFound("of the test")

    with pytest.raises(NotFound):
        await opened.store.database.write(work)
    assert await names(opened) == []
    rows = await opened.store.database.read(lambda tx: tx.rows("SELECT count(*) FROM operations"))
    assert rows[0][0] <= 1  # that of opening the store


async def test_an_operation_that_only_reads_leaves_no_row(opened: Opened) -> None:
    async def count() -> int:
        row = await opened.store.database.read(lambda tx: tx.row("SELECT count(*) FROM operations"))
        assert row is not None
        return int(row[0])

    before = await count()
    await opened.store.database.write(lambda tx: tx.row("SELECT 1"))
    assert await count() == before


async def test_a_commit_that_no_standby_has_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait for the standby is cut: the rows can be seen here and would be lost with this server."""
    monkeypatch.setattr(operation, "SETTLE_SECONDS", 1.0)
    monkeypatch.setattr(connection, "_ANSWER_SECONDS", 0.0)
    server = Cluster("wal_level = replica\nmax_wal_senders = 2")
    try:
        url = server.url(server.new_database())
        async with opened_store(tmp_path / "data", metadata=url, statement_seconds=1.0) as opened:
            for sql in ("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()"):
                server.sql(sql)
            with trio.move_on_after(30) as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_keep_cutting, server)
                    with pytest.raises(TemporaryFailure):
                        await opened.store.database.write(lambda tx: add(tx, "a.example", []))
                    nursery.cancel_scope.cancel()
            assert not scope.cancelled_caught
            for sql in ("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()"):
                server.sql(sql)
    finally:
        server.close()


async def _keep_cutting(server: Cluster) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    while True:
        await trio.to_thread.run_sync(server.sql, cut)
