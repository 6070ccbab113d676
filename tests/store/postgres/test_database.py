"""database: reads, slices, time limits and locks between processes."""

import time
from pathlib import Path

import pytest
import trio
from tests.support.postgres import cluster
from tests.support.postgres_proxy import Proxy
from tests.support.stores import EnginePlace, Opened, opened_store, shared

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.store.types import Row, Transaction


async def add(tx: Transaction, name: str) -> str:
    await tx.run(
        "INSERT INTO domains (id, tenant, name, created_ms) VALUES (?1, 1, ?2, 0)", hash(name) % 2**40, name
    )
    return name


async def names(opened: Opened) -> list[str]:
    rows = await opened.store.database.read(lambda tx: tx.rows("SELECT name FROM domains ORDER BY name"))
    return [row[0] for row in rows]


async def test_slices_keep_their_order_and_those_that_succeed_stay(opened: Opened) -> None:
    database = opened.store.database

    async def fails(tx: Transaction) -> str:
        await add(tx, "no.example")
        raise NotFound("of the test")

    with pytest.raises(NotFound):
        await database.write_each([lambda tx: add(tx, "a"), fails, lambda tx: add(tx, "b")])
    assert await names(opened) == ["a", "b"]
    assert await database.write_each([lambda tx: add(tx, "c"), lambda tx: add(tx, "d")]) == ["c", "d"]
    assert await database.write_each([]) == []


async def test_a_read_is_one_snapshot_and_cannot_write(opened: Opened) -> None:
    begun, written = trio.Event(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    async def twice(tx: Transaction) -> tuple[Row | None, Row | None]:
        first = await tx.row("SELECT count(*) FROM domains")
        trio.from_thread.run_sync(begun.set, trio_token=token)
        while not written.is_set():
            await tx.row("SELECT pg_sleep(0.005)")
        return first, await tx.row("SELECT count(*) FROM domains")

    found = []

    async def read() -> None:
        found.append(await opened.store.database.read(twice))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await begun.wait()
        await opened.store.database.write(lambda tx: add(tx, "a"))
        written.set()
    assert found == [((0,), (0,))]
    with pytest.raises(TemporaryFailure):
        await opened.store.database.read(lambda tx: add(tx, "b"))
    assert await names(opened) == ["a"]


async def test_a_cancelled_read_is_cut_and_a_cancelled_write_is_not(opened: Opened) -> None:
    """DESIGN 4.1: did it commit? always has an answer."""
    database = opened.store.database
    began = time.monotonic()
    with trio.move_on_after(0.1) as scope:
        await database.read(lambda tx: tx.row("SELECT pg_sleep(20)"))
    assert scope.cancelled_caught
    assert time.monotonic() - began < 5

    async def slow(tx: Transaction) -> str:
        await tx.row("SELECT pg_sleep(0.3)")
        return await add(tx, "late")

    with trio.move_on_after(0.05):
        assert await database.write(slow) == "late"
    assert await names(opened) == ["late"]


async def test_a_statement_that_takes_too_long_fails_for_now(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_store(tmp_path / "data", **store_settings, statement_seconds=0.2) as opened:
        for call in (opened.store.database.read, opened.store.database.write):
            with pytest.raises(TemporaryFailure):
                await call(lambda tx: tx.row("SELECT pg_sleep(5)"))
        assert await opened.store.database.read_long(lambda tx: tx.row("SELECT 1, pg_sleep(0.4) IS NULL"))
        assert await names(opened) == []


async def test_few_connections_serve_many_callers(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_store(tmp_path / "data", **store_settings, connections=3) as opened:
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(
                    opened.store.database.write, lambda tx, number=number: add(tx, f"{number:02}")
                )
        assert await names(opened) == [f"{number:02}" for number in range(40)]
        count = cluster().ask(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pymailcore'", shared()
        )
        assert int(count) <= 4  # and one for notices


async def test_connections_that_the_server_ends_are_replaced(opened: Opened) -> None:
    await names(opened)
    cluster().ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pymailcore'",
        shared(),
    )
    with trio.fail_after(5):
        assert await opened.store.database.write(lambda tx: add(tx, "a")) == "a"
        assert await names(opened) == ["a"]


async def test_one_process_at_a_time_has_a_lock(
    tmp_path: Path, opened: Opened, store_settings: EnginePlace
) -> None:
    async with opened_store(tmp_path / "other", **store_settings) as other:
        async with opened.store.database.try_lock("house") as ours:
            assert ours
            async with other.store.database.try_lock("house") as theirs:
                assert not theirs
            async with other.store.database.try_lock("another") as theirs:
                assert theirs
        async with other.store.database.try_lock("house") as theirs:
            assert theirs


async def test_only_the_first_of_those_who_do_something_begins_it(
    tmp_path: Path, opened: Opened, store_settings: EnginePlace
) -> None:
    async with opened_store(tmp_path / "other", **store_settings) as other:
        assert await opened.store.database.join("queue", lambda tx: add(tx, "a")) == "a"
        assert await other.store.database.join("queue", lambda tx: add(tx, "b")) is None
    async with opened_store(tmp_path / "third", **store_settings) as third:
        assert await third.store.database.join("queue", lambda tx: add(tx, "c")) is None
    assert await names(opened) == ["a"]


async def test_those_who_do_something_are_counted_after_their_connections_were_lost(
    tmp_path: Path, opened: Opened, store_settings: EnginePlace
) -> None:
    holders = (
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert await opened.store.database.join("queue", lambda tx: add(tx, "a")) == "a"
    (before,) = cluster().ask(holders, shared()).split()
    cluster().ask(f"SELECT pg_terminate_backend({before})", shared())
    with trio.fail_after(5):
        while cluster().ask(holders, shared()) in ("", before):
            await trio.lowlevel.checkpoint()
    async with opened_store(tmp_path / "other", **store_settings) as other:
        assert await other.store.database.join("queue", lambda tx: add(tx, "b")) is None


async def test_settling_waits_for_writes_that_have_begun(opened: Opened) -> None:
    database = opened.store.database
    begun = trio.Event()
    token = trio.lowlevel.current_trio_token()
    order = []

    async def slow(tx: Transaction) -> None:
        await add(tx, "slow")
        trio.from_thread.run_sync(begun.set, trio_token=token)
        await tx.row("SELECT pg_sleep(0.2)")
        order.append("written")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.write, slow)
        await begun.wait()
        await database.settle()
        order.append("settled")
    assert order == ["written", "settled"]
    assert await names(opened) == ["slow"]


async def test_while_frozen_nothing_is_committed_and_all_can_be_read(
    tmp_path: Path, opened: Opened, store_settings: EnginePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pymailcore.store.postgres.database.LOCK_SECONDS", 0.2)
    async with opened_store(tmp_path / "other", **store_settings) as other:
        async with opened.store.database.freeze():
            with pytest.raises(TemporaryFailure):
                await other.store.database.write(lambda tx: add(tx, "a"))
            assert await names(other) == []
        await other.store.database.write(lambda tx: add(tx, "b"))
    assert await names(opened) == ["b"]


async def test_rows_of_old_operations_go(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymailcore.store.postgres.database.KEEP_MS", -10_000)
    await opened.store.database.write(lambda tx: add(tx, "a"))
    done = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def also() -> None:
        trio.from_thread.run_sync(done.set, trio_token=token)

    await opened.store.database.keep_house(also)  # type: ignore[attr-defined]
    await done.wait()
    with trio.fail_after(5):
        while True:
            row = await opened.store.database.read(lambda tx: tx.row("SELECT count(*) FROM operations"))
            if row == (1,):  # its own
                return


async def test_a_closed_store_says_so(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_store(tmp_path / "data", **store_settings) as opened:
        pass
    with pytest.raises(TemporaryFailure):
        await names(opened)
    with pytest.raises(TemporaryFailure):
        await opened.store.database.write(lambda tx: add(tx, "a"))


async def test_a_store_that_cannot_be_reached_does_not_open(proxy: Proxy, tmp_path: Path) -> None:
    proxy.closed = True
    with pytest.raises(TemporaryFailure):
        async with opened_store(tmp_path / "data", metadata=proxy.url):
            pass
