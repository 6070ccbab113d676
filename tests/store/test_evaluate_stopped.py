"""I4: a search that is given up ends, at whatever statement it is, on either engine."""

import functools
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import pytest
import trio
from tests.support.searching import index_all
from tests.support.stores import Opened, a_message

from pymailcore.store import evaluate, texts
from pymailcore.store import query as q
from pymailcore.store.postgres.transaction import PostgresTransaction
from pymailcore.store.query import Sort, SortKey
from pymailcore.store.transaction import SqliteTransaction

ENDLESS: Final = (
    "SELECT count(*) FROM (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n"
    " WHERE x < 1000000000000) SELECT x FROM n) AS every"
)
FILTER: Final = q.And(
    (
        q.Contains(q.Field.TEXT, "words of"),  # a phrase
        q.HeaderContains("subject", "e"),
        q.Contains(q.Field.BODY, "le "),  # is looked at
    )
)
NEWEST: Final = [Sort(SortKey.RECEIVED, ascending=False)]


class Stopper:
    """Counts statements; before one of them it waits until its search is given up, which then has no end."""

    def __init__(self, at: int | None = None) -> None:
        self.count = 0
        self._at = at
        self.scope = trio.CancelScope()
        self._given_up = threading.Event()

    def give_up(self) -> None:
        """Give the search up; in trio's thread."""
        self.scope.cancel()
        self._given_up.set()

    def around(
        self, method: Callable[..., Awaitable[object]], token: trio.lowlevel.TrioToken
    ) -> Callable[..., Awaitable[object]]:
        """A method of a transaction that does so."""

        async def counted(tx: object, *args: object) -> object:
            self.count += 1
            if self._at is None or self.count <= self._at:
                return await method(tx, *args)
            token.run_sync_soon(self.give_up)
            assert self._given_up.wait(10)
            endless = (1, ENDLESS) if isinstance(args[0], int) else (ENDLESS,)
            return await method(tx, *endless)

        return counted


Search = Callable[[], Awaitable[Any]]


async def statements(opened: Opened, search: Search, at: int | None, patch: pytest.MonkeyPatch) -> Stopper:
    """Search with a stopper at a statement; gives it when the search has ended."""
    stopper = Stopper(at)
    token = trio.lowlevel.current_trio_token()
    kind = SqliteTransaction if opened.store.database.kind == "sqlite" else PostgresTransaction
    names = ["row", "rows"] if kind is PostgresTransaction else ["row", "rows", "numbers"]
    with patch.context() as here:
        for name in names:  # numbers are a row there
            here.setattr(kind, name, stopper.around(getattr(kind, name), token))
        with trio.fail_after(20), stopper.scope:
            await search()
    return stopper


async def some_mail(opened: Opened, patch: pytest.MonkeyPatch) -> None:
    """Indexed mail, and mail that is not; messages are looked at one by one."""
    for n in range(4):
        await opened.deliver(a_message(f"the {n}", body="some words of little use, a table of them\r\n"))
    await index_all(opened)
    await opened.deliver(a_message("the last", body="some words of little use\r\n"))
    patch.setattr(evaluate, "SLICE_SECONDS", 0.0)
    patch.setattr(texts, "MOST_MESSAGES", 1)


@pytest.mark.parametrize("how", ["in a Mailbox", "in the account"])
async def test_a_search_is_ended_at_each_of_its_statements(
    opened: Opened, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is given up between two statements does not go on to the next; what was searched is as before."""
    await some_mail(opened, monkeypatch)
    search: Search = functools.partial(opened.store.search, opened.account, opened.mailbox("INBOX"), FILTER)
    if how == "in the account":
        search = functools.partial(opened.store.query, opened.account, FILTER, NEWEST)
    found = await search()
    whole = await statements(opened, search, None, monkeypatch)
    assert not whole.scope.cancelled_caught
    assert whole.count > 6
    for at in range(whole.count):
        stopper = await statements(opened, search, at, monkeypatch)
        assert stopper.count == at + 1
        assert stopper.scope.cancelled_caught
    assert await search() == found


async def test_threads_are_of_use_after_a_search_was_ended(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt ends what it was meant for, and nothing behind it."""
    await some_mail(opened, monkeypatch)
    search = functools.partial(opened.store.search, opened.account, opened.mailbox("INBOX"), FILTER)
    for _ in range(8):
        await statements(opened, search, 1, monkeypatch)
    results: list[Sequence[int]] = []

    async def again() -> None:
        results.append(await search())

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(again)
    assert results == [[1, 2, 3, 4, 5]] * 8
