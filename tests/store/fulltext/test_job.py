"""The index's work in the back worker."""

from pathlib import Path

import pytest
import trio
from tests.support.house import hasty
from tests.support.searching import index_all, some_message, writing
from tests.support.stores import Opened, opened_store

from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.fulltext import job
from pymailcore.store.fulltext.indexer import Indexer
from pymailcore.store.fulltext.job import IndexJob, sweep
from pymailcore.store.fulltext.writing import SqliteWriting
from pymailcore.store.housekeeping import alarms


async def test_what_is_no_more_is_let_go_of(opened: Opened) -> None:
    ids = [(await opened.deliver(some_message(number))).email for number in range(6)]
    index = writing(opened)
    await index_all(opened, index)
    await opened.store.destroy_emails(opened.account, ids[:4])
    assert await sweep(hasty(opened), index, trio.Lock()) == 4
    found = await index.statistics()
    assert (found.documents, found.gone) == (2, 4)
    assert await sweep(hasty(opened), index, trio.Lock()) == 0
    await opened.store.database.write(lambda tx: tx.run("DELETE FROM accounts WHERE id = ?1", opened.account))
    await sweep(hasty(opened), index, trio.Lock())
    assert await index.places() == {}
    await index.close()


async def test_numbers_are_never_used_again(tmp_path: Path) -> None:
    """What FTS5 has of an account that is gone must not be found in another."""
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver(some_message(1))
        index = writing(opened)
        await index_all(opened, index)
        assert isinstance(index, SqliteWriting)

        async def number() -> int:
            rows = await index._with(lambda writer: writer._execute("SELECT no FROM accounts").fetchall())
            (found,) = [row[0] for row in rows if isinstance(row[0], int)]
            return found

        first = await number()
        await index.remove_account(opened.account)
        await index_all(opened, index)
        indexer = Indexer(opened.store.engine, index)
        indexer._places = {}
        await indexer.index([opened.account])
        assert await number() > first
        await index.close()


async def test_an_alarm_says_that_the_index_is_behind_until_it_is_not(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "WATCH_SECONDS", 0.001)
    monkeypatch.setattr(job, "BEHIND_SECONDS", 0.0)
    metrics = Metrics()
    work = IndexJob(opened.store.engine, ChangeHub(), metrics)

    async def kinds() -> list[tuple[str, str]]:
        return [alarm[:2] for alarm in await opened.store.database.read(alarms.read)]

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work._watch)
            while await kinds() != [(alarms.INDEX, "behind")]:
                await trio.lowlevel.checkpoint()
            monkeypatch.setattr(job, "BEHIND_SECONDS", 300.0)
            while await kinds():
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
