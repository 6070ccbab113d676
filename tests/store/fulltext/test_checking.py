"""An index that hides mail is noticed and made anew."""

import random

import pytest
import trio
from tests.support.searching import index_all, some_message, writing
from tests.support.stores import Opened

from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.store import compiling
from pymailcore.store import query as q
from pymailcore.store.fulltext.checking import check_index
from pymailcore.store.fulltext.documents import IndexWriting
from pymailcore.store.fulltext.job import CHECK_MS, CHECKED, IndexJob
from pymailcore.store.fulltext.writer import IndexWriter
from pymailcore.store.fulltext.writing import SqliteWriting
from pymailcore.store.housekeeping import alarms, chores
from pymailcore.store.verifying.verifier import repair_store, verify_store

COUNT = 12


async def filled(opened: Opened, index: IndexWriting) -> list[int]:
    emails = [(await opened.deliver(some_message(number))).email for number in range(COUNT)]
    await index_all(opened, index)
    return [int(email) for email in emails]


async def forget(opened: Opened, index: IndexWriting, emails: list[int]) -> None:
    """The index has some Emails no more, and does not know it."""
    marks = ", ".join(str(email) for email in emails)
    if isinstance(index, SqliteWriting):
        await damage(index, f"DELETE FROM docs WHERE email IN ({marks})")  # noqa: S608 - numbers
    else:
        sql = f"DELETE FROM text_documents WHERE email IN ({marks})"  # noqa: S608 - numbers
        await opened.store.database.write(lambda tx: tx.run(sql))


async def wipe(opened: Opened, index: IndexWriting) -> None:
    """The index has all Emails, and none of their words."""
    if isinstance(index, SqliteWriting):
        await damage(index, "INSERT INTO words (words) VALUES ('delete-all')")
    else:
        sql = "UPDATE text_documents SET texts = '', named = ''"
        await opened.store.database.write(lambda tx: tx.run(sql))


async def damage(index: SqliteWriting, sql: str) -> None:
    def run(writer: IndexWriter) -> None:
        writer._execute(sql)

    await index._with(run)


async def test_all_is_well(opened: Opened) -> None:
    index = writing(opened)
    await filled(opened, index)
    await opened.deliver(some_message(100))  # which is still to be indexed
    checked = await check_index(opened.store.engine, chance=random.Random(1))  # noqa: S311 - a seed
    assert (checked.emails, checked.lost) == (COUNT, [])
    assert checked.sampled > COUNT // 2
    assert await index.fault() == ""
    assert (await check_index(opened.store.engine, opened.account)).lost == []
    await index.close()


async def test_without_an_index_nothing_is_amiss(opened: Opened) -> None:
    await opened.deliver(some_message(1))
    assert await check_index(opened.store.engine) == (0, 0, [])


async def test_what_the_index_claims_to_have_and_has_not(opened: Opened) -> None:
    index = writing(opened)
    emails = await filled(opened, index)
    await forget(opened, index, emails[3:5])
    checked = await check_index(opened.store.engine)
    assert [(one.account, one.email) for one in checked.lost] == [(opened.account, e) for e in emails[3:5]]
    await index.close()


async def test_words_that_are_not_found(opened: Opened) -> None:
    index = writing(opened)
    emails = await filled(opened, index)
    await wipe(opened, index)
    checked = await check_index(opened.store.engine, opened.account, chance=random.Random(2))  # noqa: S311 - a seed
    assert {one.email for one in checked.lost} <= set(emails)
    assert all(one.needle for one in checked.lost)
    assert checked.sampled == len(checked.lost) > 0
    await index.close()


@pytest.mark.parametrize("how", ["forget", "wipe"])
async def test_a_damaged_index_is_made_anew_and_an_alarm_tells_of_it(
    opened: Opened, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "SHORT", 0)
    monkeypatch.setattr(compiling, "FEW", 0)
    engine = opened.store.engine
    metrics = Metrics()
    work = IndexJob(engine, ChangeHub(), metrics)
    emails = await filled(opened, work._index)
    await work._indexer.open()
    node = q.Contains(q.Field.FROM, "example")
    everything = await opened.store.search(opened.account, opened.mailbox("INBOX"), node)
    assert len(everything) == COUNT
    await (forget(opened, work._index, emails) if how == "forget" else wipe(opened, work._index))
    raised = []

    async def listen(kind: str, found: list[alarms.Alarm], *, prefix: str = "") -> None:
        raised.append((kind, prefix, len(found)))

    monkeypatch.setattr(work._house, "alarms", listen)
    await work._check()
    assert raised == [(alarms.INDEX, "damaged", 1), (alarms.INDEX, "damaged", 0)]
    assert metrics.index_lost._value.get() > 0
    assert await opened.store.search(opened.account, opened.mailbox("INBOX"), node) == everything
    assert (await check_index(engine)).lost == []
    noted = await engine.database.read(lambda tx: chores.load(tx, CHECKED))
    assert noted.place["documents"] == COUNT
    assert noted.place["lost"] > 0
    await work._index.close()


async def test_once_a_day(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ms = 1_700_000_000_000
    monkeypatch.setattr(opened.store.engine, "now_ms", lambda: now_ms)
    work = IndexJob(opened.store.engine, ChangeHub(), Metrics())
    emails = await filled(opened, work._index)
    await work._indexer.open()
    await work._check()
    await forget(opened, work._index, emails)
    await work._check()
    assert (await check_index(opened.store.engine)).lost
    now_ms += CHECK_MS
    await work._check()
    assert not (await check_index(opened.store.engine)).lost
    await work._index.close()


async def test_verify_finds_it_and_lets_the_server_make_another(opened: Opened) -> None:
    index = writing(opened)
    emails = await filled(opened, index)
    report = await verify_store(opened.store)
    assert report.faults == []
    assert report.looked["Emails in the index"] == COUNT
    await forget(opened, index, emails[:2])
    report = await verify_store(opened.store)
    assert [(fault.kind, fault.subject) for fault in report.faults] == [("index-lost", e) for e in emails[:2]]
    repaired = await repair_store(opened.store)
    assert repaired.last.total == 0
    assert {fault.kind for fault, _ in repaired.done} == {"index-lost"}
    await index_all(opened, index)
    assert (await index.statistics()).documents == COUNT
    await index.close()


async def test_sqlite_looks_through_its_file(opened: Opened) -> None:
    index = writing(opened)
    await filled(opened, index)
    if not isinstance(index, SqliteWriting):
        assert await index.fault() == ""
    else:
        await damage(index, "UPDATE words_data SET block = zeroblob(9) WHERE id > 10")
        assert await index.fault() != ""
    with trio.CancelScope(shield=True):
        await index.close()
