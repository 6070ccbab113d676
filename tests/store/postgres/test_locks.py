"""Locks whose connections are cut, by the server and by a network that says nothing."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from tests.support.postgres import cluster
from tests.support.stores import EnginePlace, Opened, opened_store, shared

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.postgres import locks
from pymailcore.store.types import Transaction

_ALONE = (
    " FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
CUT = "SELECT count(pg_terminate_backend(pid))" + _ALONE
HOLDERS = "SELECT pid" + _ALONE


async def hold_until_lost(opened: Opened, meanwhile: Callable[[], object]) -> None:
    """Hold a lock for ever, once something has happened."""
    async with opened.store.database.try_lock("house") as ours:
        assert ours
        meanwhile()
        await trio.sleep_forever()


async def test_what_runs_under_a_lock_ends_when_its_connection_is_cut(
    tmp_path: Path, opened: Opened, store_settings: EnginePlace
) -> None:
    cut = []
    async with opened_store(tmp_path / "other", **store_settings) as other:
        with trio.fail_after(5), pytest.raises(TemporaryFailure, match="'house' is lost"):
            await hold_until_lost(opened, lambda: cut.append(cluster().ask(CUT, shared())))
        assert cut == ["1"]
        async with other.store.database.try_lock("house") as theirs:
            assert theirs
            async with opened.store.database.try_lock("house") as ours:
                assert not ours
        async with opened.store.database.try_lock("house") as ours:
            assert ours


async def test_a_fault_under_a_lock_comes_out_and_the_lock_is_free(opened: Opened) -> None:
    with pytest.raises(ValueError, match="mine"):
        await hold_until_lost(opened, lambda: int("mine"))
    async with opened.store.database.try_lock("house") as ours:
        assert ours


async def test_a_holder_who_gets_no_answer_takes_the_lock_for_lost(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's process is stopped, so that nothing ends and nobody answers."""
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(locks, "ANSWER_SECONDS", 0.1)
    stopped: list[int] = []

    def stop() -> None:
        stopped.append(int(cluster().ask(HOLDERS, shared())))
        os.kill(stopped[0], signal.SIGSTOP)

    try:
        with trio.fail_after(5), pytest.raises(TemporaryFailure, match="is lost"):
            await hold_until_lost(opened, stop)
    finally:
        os.kill(stopped[0], signal.SIGCONT)


async def test_who_cannot_begin_what_others_would_share_keeps_nobody_waiting(
    tmp_path: Path, opened: Opened, store_settings: EnginePlace
) -> None:
    async def fail(tx: Transaction) -> None:
        raise TemporaryFailure("not now")

    async def begin(tx: Transaction) -> str:
        return "begun"

    with pytest.raises(TemporaryFailure):
        await opened.store.database.join("queue", fail)
    with trio.fail_after(5):
        async with opened_store(tmp_path / "other", **store_settings) as other:
            assert await other.store.database.join("queue", begin) == "begun"
            assert await opened.store.database.join("queue", begin) is None


async def test_who_comes_while_another_begins_waits_for_that(
    tmp_path: Path, opened: Opened, store_settings: EnginePlace, nursery: trio.Nursery
) -> None:
    order: list[str] = []

    async def begin(tx: Transaction) -> None:
        await tx.row("SELECT pg_sleep(0.2)")
        order.append("first")

    async def join_second() -> None:
        await other.store.database.join("queue", begin)
        order.append("second")

    async with opened_store(tmp_path / "other", **store_settings) as other:
        async with trio.open_nursery() as joining:
            joining.start_soon(opened.store.database.join, "queue", begin)
            while not cluster().ask(HOLDERS, shared()):
                await trio.lowlevel.checkpoint()
            joining.start_soon(join_second)
        assert order == ["first", "second"]
