"""The text index on PostgreSQL, as it is written: generations, words, accounts."""

import random
from collections.abc import Sequence

import pytest
import trio
from tests.support.searching import index_all, scanned, some_message, writing
from tests.support.stores import Opened, a_message

from pymailcore.base.errors import TemporaryFailure
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.store import compiling
from pymailcore.store import query as q
from pymailcore.store.backup.renewal import renew
from pymailcore.store.fulltext import job
from pymailcore.store.fulltext.documents import Document, Part
from pymailcore.store.fulltext.index_file import COLUMNS
from pymailcore.store.fulltext.job import IndexJob, reindex
from pymailcore.store.fulltext.remembered import Remembered
from pymailcore.store.fulltext.vocabulary import words_of
from pymailcore.store.postgres import text_writing
from pymailcore.store.postgres.text_writing import PostgresWriting
from pymailcore.store.types import Row, Transaction

NODES: list[q.Filter] = [
    q.Contains(q.Field.TEXT, "lan"),
    q.Contains(q.Field.FROM, "ada"),
    q.Not(q.Contains(q.Field.BODY, "a b")),
    q.Matches(q.Field.TEXT, "ger", q.How.SUBSTRING),
    q.HeaderContains("X-Tag", "1"),
]


@pytest.fixture(autouse=True)
def asks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "SHORT", 0)
    monkeypatch.setattr(compiling, "FEW", 0)


async def fill(opened: Opened, numbers: Sequence[int] = range(10)) -> None:
    for number in numbers:
        await opened.deliver(some_message(number))


async def agree(opened: Opened) -> None:
    """What searches find is what scans find."""
    inbox = opened.mailbox("INBOX")
    for node in NODES:
        found = await opened.store.search(opened.account, inbox, node)
        assert found == await scanned(opened.store, opened, inbox, node), node


async def rows(opened: Opened, sql: str, *args: object) -> list[Row]:
    async def work(tx):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - a reading
        return await tx.rows(sql, *args)

    return list(await opened.store.database.read(work))


async def generations(opened: Opened) -> list[tuple[int, int]]:
    return [(row[0], row[1]) for row in await rows(opened, "SELECT id, current FROM text_generations")]


def with_words(opened: Opened, number: int, words: Sequence[str]) -> Part:
    texts = (" ".join(words), *[""] * (len(COLUMNS) - 1))
    return Part(opened.account, [Document(100 + number, texts)], (), number)


def some_words(source: random.Random, count: int) -> list[str]:
    return ["".join(source.choices("abcäé", k=source.randint(1, 6))) for _ in range(count)]


async def vocabulary(opened: Opened) -> list[str]:
    """The vocabulary; words of all accounts."""
    chunks = await rows(opened, "SELECT words FROM text_terms")
    return sorted(word for (text,) in chunks for word in words_of(text))


@pytest.mark.parametrize("remembered", ["all", "some", "none", "after each restart"])
async def test_a_word_comes_into_the_vocabulary_once(
    opened: Opened, remembered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if remembered != "all":
        monkeypatch.setattr(text_writing, "FIRST_CHUNKS", -1 if remembered != "after each restart" else 1)
    index = PostgresWriting(opened.store.database)
    if remembered == "none":
        index._remembered = Remembered(most=0)
    await index.open()
    source = random.Random(4)  # noqa: S311
    there: set[str] = set()
    for turn in range(6):
        words = some_words(source, 60)
        there.update(words)
        await index.write([with_words(opened, turn, words)])
        if remembered == "after each restart":
            await index.close()
            index = PostgresWriting(opened.store.database)
            await index.open()
    assert await vocabulary(opened) == sorted(there)
    assert (await index.statistics()).documents == 6
    await index.write([with_words(opened, 0, words)._replace(unread=[7, 7], modseq=3)])
    assert (await index.statistics())[:3] == (6, 0, 1)
    assert await index.places() == {opened.account: 5}
    await index.close()


async def test_two_writers_at_a_time_bring_each_word_once(opened: Opened) -> None:
    """Each knows all words of the account until the other adds some: to the open chunk, and beyond it."""
    writers = [PostgresWriting(opened.store.database) for _ in range(2)]
    source = random.Random(7)  # noqa: S311
    there: set[str] = set()
    for index in writers:
        await index.open()
    for turn in range(8):
        words = some_words(source, 5 if turn < 4 else 60)
        there.update(words)
        async with trio.open_nursery() as nursery:
            for number, index in enumerate(writers):
                nursery.start_soon(index.write, [with_words(opened, 2 * turn + number, words)])
    assert await vocabulary(opened) == sorted(there)
    for index in writers:
        await index.close()


async def test_to_look_for_a_word_reads_no_chunk_that_lacks_it(opened: Opened) -> None:
    """However many words an account has, and however alike they are."""
    index = PostgresWriting(opened.store.database)
    await index.open()
    words = [f"alike{number:05}" for number in range(0, 6_000, 2)]
    await index.write([with_words(opened, 0, words)])
    await index.write([with_words(opened, 1, ["open", "chunk"])])
    ((no,),) = await rows(opened, "SELECT no FROM text_accounts")
    sought = [f"alike{number:05}" for number in range(20)] + ["open", "none"]
    read = "SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'text_terms'"

    async def work(tx: Transaction) -> tuple[list[Row], Row | None, Row | None]:
        before = await tx.row(read)
        some = "SELECT word FROM text_unknown_words(?1, string_to_array(?2, ' ')) AS word"
        return await tx.rows(some, no, " ".join(sought)), before, await tx.row(read)

    new, before, after = await opened.store.database.read(work)
    assert [word for (word,) in new] == [*sought[1:20:2], "none"]
    assert before is not None
    assert after is not None
    assert after[0] == before[0]
    assert after[1] - before[1] <= 10 + len(sought)  # of some their chunk, and the open one
    await index.close()


async def test_one_is_built_beside_while_the_other_answers(opened: Opened) -> None:
    await fill(opened)
    index = writing(opened)
    await index_all(opened, index)
    (old,) = await generations(opened)
    beside = PostgresWriting(opened.store.database, beside=True)
    await index_all(opened, beside)
    assert [current for _, current in await generations(opened)] == [1, 0]
    await agree(opened)
    await beside.take()
    ((new, current),) = await generations(opened)
    assert (new > old[0], current) == (True, 1)
    await agree(opened)
    with pytest.raises(TemporaryFailure):
        await index.write([Part(opened.account, (), (), 99)])
    await fill(opened, [77])
    await index_all(opened, index)  # goes over to the new one by itself
    assert (await index.statistics()).documents == 11
    await index.close()
    await agree(opened)
    numbers = await rows(opened, "SELECT no FROM text_accounts")
    for table in ("text_documents", "text_terms"):
        assert await rows(opened, f"SELECT DISTINCT no FROM {table}") == numbers  # noqa: S608


async def test_one_that_is_not_taken_is_removed(opened: Opened) -> None:
    await fill(opened)
    await index_all(opened)
    beside = PostgresWriting(opened.store.database, beside=True)
    await index_all(opened, beside)
    await beside.close()
    assert len(await generations(opened)) == 1
    killed = PostgresWriting(opened.store.database, beside=True)
    await index_all(opened, killed)
    assert len(await generations(opened)) == 2
    await index_all(opened)
    assert len(await generations(opened)) == 1
    assert len(await rows(opened, "SELECT 1 FROM text_documents")) == 10
    await agree(opened)


async def test_reindex_builds_it_anew_and_only_one_at_a_time(opened: Opened) -> None:
    await fill(opened)
    await index_all(opened)
    (old,) = await generations(opened)
    assert await reindex(opened.store.engine) is None
    ((new, current),) = await generations(opened)
    assert (new > old[0], current) == (True, 1)
    await agree(opened)
    async with opened.store.database.try_lock("reindex") as ours:
        assert ours
        with pytest.raises(TemporaryFailure):
            await reindex(opened.store.engine)


@pytest.mark.parametrize("what", ["restored", "another format"])
async def test_an_index_of_another_store_or_format_does_not_answer(opened: Opened, what: str) -> None:
    await fill(opened, range(6))
    await index_all(opened)
    store = opened.store
    if what == "restored":
        await store.database.write(lambda tx: renew(tx, now_ms=0, generation=b"another"))
    else:
        await store.database.write(lambda tx: tx.run("UPDATE text_generations SET format = 'another'"))
    spot = await store.database.read(lambda tx: store.engine.text_index.spot(tx, opened.account))
    assert spot == (0, 0)
    await agree(opened)
    await index_all(opened)
    assert len(await generations(opened)) == 1
    spot = await store.database.read(lambda tx: store.engine.text_index.spot(tx, opened.account))
    assert spot is not None
    assert spot.no
    await agree(opened)


async def test_one_node_indexes_and_another_goes_on(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "RETRY_SECONDS", 0.05)
    await fill(opened, range(3))
    hub = ChangeHub()
    first, second = Metrics(), Metrics()
    of_first = trio.CancelScope()

    async def keep_first() -> None:
        with of_first:
            await IndexJob(opened.store.engine, hub, first).run()

    async def until(metrics: Metrics, count: int) -> None:
        while metrics.index_added._value.get() < count:
            await trio.lowlevel.checkpoint()

    async def one_more(number: int) -> None:
        filed = await opened.deliver(a_message(body="one more plan\r\n", message_id=f"<{number}@x>"))
        hub.publish(opened.account, filed.modseq)

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_first)
            await until(first, 3)
            nursery.start_soon(IndexJob(opened.store.engine, hub, second).run)
            await one_more(1)
            await until(first, 4)
            assert second.index_added._value.get() == 0
            of_first.cancel()
            await one_more(2)
            await until(second, 1)
            await agree(opened)
            nursery.cancel_scope.cancel()
    assert first.index_added._value.get() == 4
