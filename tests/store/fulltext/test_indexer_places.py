"""What the index says it has, it has: places, words, the file that counts, after any transaction or fault.

Each test was seen to fail with a fault that the state machine does not meet in its short form.
"""

import contextlib
from collections.abc import Awaitable, Callable, Sequence

import apsw
import pytest
import trio
from tests.support.searching import index_all, scanned, writing
from tests.support.stores import Opened, a_message, add_account

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store import compiling, texts
from pymailcore.store import query as q
from pymailcore.store.evaluate import candidates_in
from pymailcore.store.fulltext import indexer as module
from pymailcore.store.fulltext.documents import IndexWriting, Part
from pymailcore.store.fulltext.indexer import Indexer
from pymailcore.store.fulltext.job import index_folder, reindex
from pymailcore.store.fulltext.reader import DAMAGED
from pymailcore.store.fulltext.writer import IndexWriter
from pymailcore.store.postgres import text_writing

OTHER = AccountId(2)
ALL = q.Contains(q.Field.BODY, "common")


@pytest.fixture(autouse=True)
def little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name, value in (
        (compiling, "SHORT", 0), (compiling, "FEW", 0), (module, "MOST_DOCUMENTS", 1),
        (module, "_LISTED", 3), (texts, "MOST_MESSAGES", 1),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, value)


async def deliver(opened: Opened, *words: str) -> None:
    for word in words:
        await opened.deliver(a_message("s", body=f"common {word}\r\n"))


async def found(opened: Opened, text: str, account: AccountId | None = None) -> Sequence[int]:
    """The UIDs in INBOX that have a part of a word."""
    account = account or opened.account
    inbox = {mailbox.path: mailbox.id for mailbox in await opened.store.mailboxes(account)}["INBOX"]
    return await opened.store.search(account, inbox, q.Contains(q.Field.BODY, text))


async def looked_at(opened: Opened, node: q.Filter = ALL) -> int:
    """How many messages the index leaves to be looked at."""
    engine = opened.store.engine
    plan = await engine.reading(
        lambda _: candidates_in(engine.text_index, opened.account, opened.mailbox("INBOX"), node)
    )
    return plan.total


def cut_off(index: IndexWriting, left: int) -> Callable[[Sequence[Part]], Awaitable[None]]:
    """Stands for `write`: behind the n-th transaction the writer is no more."""
    write = index.write

    async def mortal(parts: Sequence[Part]) -> None:
        nonlocal left
        await write(parts)
        left -= 1
        if not left:
            raise TemporaryFailure("killed")

    return mortal


async def of_one_modseq(opened: Opened, count: int) -> MailboxId:
    """So many Emails that another account got at once."""
    await deliver(opened, *[f"word{n}" for n in range(count)])
    await add_account(opened.store, OTHER, "carl@example.org")
    to = {mailbox.path: mailbox.id for mailbox in await opened.store.mailboxes(OTHER)}["INBOX"]
    await opened.store.sharing.copy_across(opened.account, opened.mailbox("INBOX"), [(1, count)], OTHER, to)
    return to


async def test_emails_of_one_modseq_are_not_passed_by_its_place(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two transactions, and after a writer that ended there."""
    await of_one_modseq(opened, 7)
    for left in (1, 2, 1, 1, 2):
        index = writing(opened)
        monkeypatch.setattr(index, "write", cut_off(index, left))
        with contextlib.suppress(TemporaryFailure):
            indexer = Indexer(opened.store.engine, index)
            await indexer.open()
            await indexer.index([OTHER])
        await index.close()
        assert await found(opened, "ommo", OTHER) == list(range(1, 8))
    await index_all(opened)
    assert await found(opened, "ommo", OTHER) == list(range(1, 8))


async def test_what_comes_next_is_behind_the_place(opened: Opened) -> None:
    for n in range(1, 4):
        await deliver(opened, f"word{n}")
        assert await found(opened, f"ord{n}") == [n]
        await index_all(opened)
        assert await looked_at(opened) == 0
        assert await found(opened, f"ord{n}") == [n]


async def lose(opened: Opened) -> None:
    if opened.store.database.kind == "sqlite":
        file = index_folder(opened.store.engine).current()
        assert file is not None
        file.with_name(file.name + DAMAGED).touch()
    else:
        sql = "UPDATE text_generations SET format = 'another'"
        await opened.store.database.write(lambda tx: tx.run(sql))


async def test_another_index_is_filled_from_its_own_places(opened: Opened) -> None:
    """Not from those of the one before, which the same indexer had filled."""
    await deliver(opened, "one", "two")
    index = writing(opened)
    indexer = Indexer(opened.store.engine, index)
    for number in (3, 4):
        await indexer.open()
        await indexer.index(await indexer.behind())
        assert (await index.statistics()).documents == number - 1
        await lose(opened)
        await deliver(opened, f"word{number}")
        await indexer.open()
        await indexer.index([opened.account])
        assert await found(opened, "ommo") == list(range(1, number + 1))
        assert await looked_at(opened) == 0
    await index.close()


async def test_words_that_came_before_stay_in_the_vocabulary(opened: Opened) -> None:
    """One by one they come into the chunk that is open, and out of it when it is full."""
    words = [f"{letter * 3}word{letter * 3}" for letter in "abcdefgh"]
    for n, word in enumerate(words, 1):
        await deliver(opened, word)
        await index_all(opened)
        for number, one in enumerate(words[:n], 1):
            assert await found(opened, one[1:-1]) == [number]
    assert await looked_at(opened) == 0


async def test_words_of_one_account_are_not_those_of_another(opened: Opened) -> None:
    await of_one_modseq(opened, 3)
    await index_all(opened)
    for account in (opened.account, OTHER):
        assert await found(opened, "ord1", account) == [2]


@pytest.fixture
def fails_once(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The first transaction of the index that has new words is not committed; gives the faults that were."""
    failed: list[str] = []
    if opened.store.database.kind == "sqlite":
        add = IndexWriter._add_words

        def once(writer: IndexWriter, no: int, next_chunk: int, words: list[str]) -> int:
            if not failed:
                failed.append("full")
                raise apsw.FullError("no room")
            return add(writer, no, next_chunk, words)

        monkeypatch.setattr(IndexWriter, "_add_words", once)
        return failed
    real = text_writing.add_words

    async def fail(*args: object) -> int:
        if not failed:
            failed.append("full")
            raise TemporaryFailure("no room")
        return await real(*args)  # type: ignore[arg-type]  # passed on as they are

    monkeypatch.setattr(text_writing, "add_words", fail)
    return failed


async def test_words_of_a_transaction_that_failed_are_new_again(
    opened: Opened, fails_once: list[str]
) -> None:
    await deliver(opened, "alpha")
    index = writing(opened)
    indexer = Indexer(opened.store.engine, index)
    await indexer.open()
    with pytest.raises(TemporaryFailure):
        await indexer.index([opened.account])
    assert fails_once
    assert await found(opened, "lph") == [1]
    await indexer.index([opened.account])
    assert await looked_at(opened) == 0
    assert await found(opened, "lph") == [1]
    await index.close()


async def test_all_threads_take_up_the_index_that_counts(opened: Opened) -> None:
    """A reader that stayed with the one before would look at all that came since."""
    await deliver(opened, "one")
    await index_all(opened)
    counts: list[int] = []

    async def look() -> None:
        counts.append(await looked_at(opened))

    for number in range(3):
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(look)
        await reindex(opened.store.engine)
        await deliver(opened, f"word{number}")
        await index_all(opened)
    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(look)
    assert counts == [0] * 24
    assert await scanned(opened.store, opened, opened.mailbox("INBOX"), ALL) == [1, 2, 3, 4]
