"""Two housekeepers on one database: whose connection is cut stops, and both can take over."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from tests.store.postgres.test_locks import CUT
from tests.support.postgres import cluster
from tests.support.stores import EnginePlace, Opened, opened_store, shared

from pymailcore.base.errors import TemporaryFailure
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.housekeeping import keeper
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.keeper import Job, Keeper
from pymailcore.store.housekeeping.terms import TermOver


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "TICK_SECONDS", 0.001)
    monkeypatch.setattr(keeper, "LOCK_SECONDS", 0.05)
    for name in ("FIRST_SECONDS", "QUICK_FIRST_SECONDS"):
        monkeypatch.setattr(keeper, name, 0.0)


@pytest.fixture
async def other(tmp_path: Path, opened: Opened, store_settings: EnginePlace) -> AsyncIterator[Opened]:
    """The same store on another node."""
    async with opened_store(tmp_path / "other", **store_settings) as other:
        yield other


def holder() -> str:
    """Which connection has the lock."""
    return cluster().ask(CUT.replace("count(pg_terminate_backend(pid))", "pid"), shared())


async def test_the_lock_is_taken_again_after_its_connection_was_cut(
    opened: Opened, hasty: None, nursery: trio.Nursery
) -> None:
    terms: list[str | None] = []

    async def run(house: House) -> None:
        if house.term not in terms:
            terms.append(house.term)

    nursery.start_soon(Keeper(opened.store.engine, Metrics(), [Job("job", 0.0, run)]).run)
    with trio.fail_after(10):
        for number in range(1, 4):
            while len(terms) < number:
                await trio.lowlevel.checkpoint()
            assert cluster().ask(CUT, shared()) == "1"
    assert None not in terms


async def test_a_housekeeper_without_the_lock_removes_nothing_more(
    opened: Opened, other: Opened, hasty: None, nursery: trio.Nursery
) -> None:
    """The first one is deaf when it loses the lock, and goes on when another one keeps house already."""
    deaf, goes_on, told = trio.Event(), trio.Event(), trio.Event()
    refused: list[str] = []

    async def remove(house: House) -> None:
        with trio.CancelScope(shield=True):
            deaf.set()
            await goes_on.wait()
            try:
                await house.can_remove()
            except TermOver as fault:
                refused.append(str(fault))
            try:
                await house.write(lambda tx: tx.run("DELETE FROM packs"))
            except TermOver as fault:
                refused.append(str(fault))
            told.set()

    async def put(house: House) -> None:
        if not goes_on.is_set():
            await house.write(
                lambda tx: tx.run(
                    "INSERT INTO packs (id, octets, live_octets, looked_ms) VALUES (7, 0, 0, 0)"
                )
            )
            goes_on.set()

    with trio.fail_after(10):
        nursery.start_soon(Keeper(opened.store.engine, Metrics(), [Job("remove", 0.0, remove)]).run)
        await deaf.wait()
        assert cluster().ask(CUT, shared()) == "1"
        nursery.start_soon(Keeper(other.store.engine, Metrics(), [Job("put", 0.0, put)]).run)
        await told.wait()
    assert len(refused) == 2
    assert cluster().ask("SELECT id FROM packs", shared()) == "7"


async def test_each_node_looks_after_its_own_disk(
    opened: Opened, other: Opened, hasty: None, nursery: trio.Nursery
) -> None:
    metrics = Metrics(), Metrics()
    for one, store in zip(metrics, (opened, other), strict=True):
        nursery.start_soon(Keeper(store.store.engine, one, []).run)
    with trio.fail_after(10):
        while not all(one.store_free_octets._value.get() for one in metrics):
            await trio.lowlevel.checkpoint()


async def test_no_database_is_no_end_of_housekeeping(
    opened: Opened, hasty: None, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = trio.Event()
    kept = Keeper(opened.store.engine, Metrics(), [])
    begin, failures = kept.house.begin_term, [TemporaryFailure("away")]

    async def run(house: House) -> None:
        ran.set()

    async def begin_later() -> None:
        if failures:
            raise failures.pop()
        await begin()

    kept._slow = [Job("job", 0.0, run)]
    monkeypatch.setattr(kept.house, "begin_term", begin_later)
    nursery.start_soon(kept.run)
    with trio.fail_after(10):
        await ran.wait()
    assert not failures
