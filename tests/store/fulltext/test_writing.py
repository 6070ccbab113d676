"""The index file: made, damaged, of another store, built beside."""

import random
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest
import trio
from tests.support.searching import index_all, scanned, some_message, writing
from tests.support.stores import Opened, opened_store

from pymailcore.base.errors import TemporaryFailure
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.store import compiling
from pymailcore.store import query as q
from pymailcore.store.backup.renewal import renew
from pymailcore.store.fulltext.documents import Part
from pymailcore.store.fulltext.job import IndexJob, index_folder, reindex
from pymailcore.store.fulltext.reader import DAMAGED

NODES: list[q.Filter] = [
    q.Contains(q.Field.TEXT, "lan"),
    q.Contains(q.Field.FROM, "ada"),
    q.Not(q.Contains(q.Field.BODY, "a b")),
    q.Matches(q.Field.TEXT, "ger", q.How.SUBSTRING),
    q.Contains(q.Field.SUBJECT, "会"),
    q.HeaderContains("X-Tag", "1"),
]


@pytest.fixture(autouse=True)
def asks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "SHORT", 0)
    monkeypatch.setattr(compiling, "FEW", 0)


async def answers(opened: Opened) -> list[Sequence[int]]:
    """What searches find, which is what scans find."""
    inbox = opened.mailbox("INBOX")
    found = [await opened.store.search(opened.account, inbox, node) for node in NODES]
    assert found == [await scanned(opened.store, opened, inbox, node) for node in NODES]
    return found


async def fill(opened: Opened, count: int = 20) -> None:
    for number in range(count):
        await opened.deliver(some_message(number))


async def test_a_removed_index_is_made_anew(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data") as opened:
        await fill(opened)
        await index_all(opened)
        before = await answers(opened)
        for path in index_folder(opened.store.engine).path.iterdir():
            path.unlink()
        assert await answers(opened) == before
        await index_all(opened)
        assert await answers(opened) == before


@pytest.mark.parametrize("seed", range(6))
async def test_garbled_files_do_not_change_answers(tmp_path: Path, seed: int) -> None:
    """K17: what SQLite finds damaged is done without, and made anew."""
    async with opened_store(tmp_path / "data") as opened:
        await fill(opened)
        await index_all(opened)
        before = await answers(opened)
    folder = index_folder(opened.store.engine)
    file = folder.current()
    assert file is not None
    octets = bytearray(file.read_bytes())
    source = random.Random(seed)  # noqa: S311
    pages = [0] if seed == 0 else range(1, len(octets) // 4096)
    for page in pages:
        octets[page * 4096 : page * 4096 + 200] = source.randbytes(200)
    file.write_bytes(octets)
    async with opened_store(tmp_path / "data") as opened:
        assert await answers(opened) == before
        index = writing(opened)
        for _ in range(3):  # damage may come to light while it is written
            try:
                await index_all(opened, index)
                break
            except TemporaryFailure:
                continue
        await index.close()
        assert await answers(opened) == before
        assert folder.current() != file
        assert not file.exists()


async def test_a_cut_off_file_is_made_anew(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data") as opened:
        await fill(opened)
        await index_all(opened)
        before = await answers(opened)
    file = index_folder(opened.store.engine).current()
    assert file is not None
    file.write_bytes(file.read_bytes()[:5000])
    async with opened_store(tmp_path / "data") as opened:
        assert await answers(opened) == before
        assert file.with_name(file.name + DAMAGED).exists()
        await index_all(opened)
        assert await answers(opened) == before
        assert index_folder(opened.store.engine).current() != file


async def test_a_restored_store_does_not_take_the_old_index(tmp_path: Path) -> None:
    """A backup brings back modseqs that mail which is gone had."""
    async with opened_store(tmp_path / "data") as opened:
        await fill(opened, 8)
        await index_all(opened)
        file = index_folder(opened.store.engine).current()
        await opened.store.database.write(lambda tx: renew(tx, now_ms=0, generation=b"another"))
    async with opened_store(tmp_path / "data") as opened:
        assert await opened.store.engine.reading(_attached) == [(0,)]
        await answers(opened)
        await index_all(opened)
        assert index_folder(opened.store.engine).current() != file
        assert await opened.store.engine.reading(_attached) == [(8,)]
        await answers(opened)


def _attached(_: object):  # type: ignore[no-untyped-def] # noqa: ANN202 - a reading
    rows = yield lambda tx: tx.rows("SELECT count(*) FROM idx.docs")
    return rows


async def test_an_index_of_another_format_is_made_anew(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data") as opened:
        await fill(opened, 5)
        await index_all(opened)
        file = index_folder(opened.store.engine).current()
        connection = apsw.Connection(str(file))
        connection.execute("UPDATE state SET value = 'another' WHERE name = 'format'")
        connection.close()
    async with opened_store(tmp_path / "data") as opened:
        await answers(opened)
        await index_all(opened)
        assert index_folder(opened.store.engine).current() != file


async def test_one_is_built_beside_while_the_other_answers_and_is_written(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data") as opened:
        engine = opened.store.engine
        await fill(opened, 10)
        index = writing(opened)
        await index_all(opened, index)
        old = index_folder(engine).current()
        told: list[float] = []
        new = await reindex(engine, tell=told.append)
        assert told[-1] == 1.0
        assert new is not None
        assert new != old
        assert [path.name for path in new.parent.iterdir() if path.suffix == ".sqlite3"] == [new.name]
        await opened.deliver(some_message(77))
        await answers(opened)
        await index_all(opened, index)  # goes over to the new one by itself
        assert (await index.statistics()).documents == 11
        await index.close()
        await answers(opened)


async def test_reindexing_twice_at_a_time_is_refused(tmp_path: Path) -> None:
    async with (
        opened_store(tmp_path / "data") as opened,
        opened.store.database.try_lock("reindex") as ours,
    ):
        assert ours
        with pytest.raises(TemporaryFailure):
            await reindex(opened.store.engine)


async def test_the_job_indexes_what_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = ChangeHub()
    async with opened_store(tmp_path / "data") as opened, trio.open_nursery() as nursery:
        await fill(opened, 3)
        metrics = Metrics()
        nursery.start_soon(IndexJob(opened.store.engine, hub, metrics).run)
        with trio.fail_after(20):
            while metrics.index_added._value.get() < 3:
                await trio.lowlevel.checkpoint()
            filed = await opened.deliver(some_message(50))
            begun = trio.current_time()
            hub.publish(opened.account, filed.modseq)
            while metrics.index_added._value.get() < 4:
                await trio.lowlevel.checkpoint()
        assert trio.current_time() - begun < 5
        await answers(opened)
        nursery.cancel_scope.cancel()


async def test_the_place_of_an_account_does_not_go_back(opened: Opened) -> None:
    """What is told late is no reason to look at mail again that is in the index."""
    await fill(opened, 1)
    await index_all(opened)
    index = writing(opened)
    await index.open()
    try:
        place = (await index.places())[opened.account]
        assert place > 1
        await index.write([Part(opened.account, (), (), place - 1)])
        assert (await index.places())[opened.account] == place
    finally:
        await index.close()
