r"""Accounts and states on a real store: what the model in tests/properties does not look at."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.support.stores import RECEIVED_MS, Opened, a_message, add_account

from pymailcore.base.errors import (
    NotFound,
)
from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.store import bulk
from pymailcore.store.keywords import keywords_of
from pymailcore.store.ops import accounts
from pymailcore.store.types import ROLES, EmailUpdate, FlagChange, Target, Transaction

ALL = ((1, 2**32 - 1),)
SEEN = keywords_of(["$seen"])


async def test_an_account_begins_with_the_mailboxes_of_its_roles(opened: Opened) -> None:
    """RFC 8621 section 2; RFC 6154."""
    mailboxes = await opened.store.mailboxes(opened.account)
    assert {mailbox.role for mailbox in mailboxes} == set(ROLES)
    assert mailboxes[0].path == "INBOX"
    assert len({mailbox.uid_validity for mailbox in mailboxes}) == len(mailboxes)
    assert all(mailbox.subscribed and mailbox.uid_next == 1 for mailbox in mailboxes)


async def test_states_of_nobody_are_not_found(opened: Opened) -> None:
    with pytest.raises(NotFound):
        await opened.store.states(AccountId(99))
    assert await opened.store.mailboxes(AccountId(99)) == []


async def test_a_removed_account_leaves_nothing_and_its_neighbour_alone(opened: Opened) -> None:
    store, other = opened.store, AccountId(2)
    await add_account(store, other, "eve@example.org")
    prepared = await store.prepare(a_message())
    for _ in range(3):
        await store.deliver(
            prepared,
            [Target(opened.account, "inbox"), Target(other, "inbox")],
            tenant=DEFAULT_TENANT,
            received_ms=RECEIVED_MS,
        )
    await store.upload(other, b"x", now_ms=0)
    await store.remove_account(other)
    assert await store.mailboxes(other) == []
    await store.database.write(lambda tx: tx.run("DELETE FROM accounts WHERE id = ?1", other))
    await opened.check()
    assert (await opened.counters("INBOX")).messages == 3
    owned = await store.database.read(
        lambda tx: tx.row("SELECT count(*) FROM blob_refs WHERE account = ?1", other)
    )
    assert owned == (0,)


async def test_what_comes_while_an_account_is_removed_goes_too_and_its_logs_go_in_slices(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that has looked the account up before may still file something."""
    for number in range(7):
        await opened.deliver(a_message(f"{number}", message_id=f"<{number}@example.org>"))
    monkeypatch.setattr(bulk, "SLICE_SET", 2)
    clear, calls = accounts.clear, []

    async def late(tx: Transaction, account: AccountId, most: int) -> bool:
        calls.append(await clear(tx, account, most))
        return calls[-1]

    monkeypatch.setattr(accounts, "clear", late)
    database = opened.store.database
    write = database.write

    async def filed_before(work: Callable[[Transaction], Awaitable[Any]]) -> Any:  # noqa: ANN401 - as it is
        if work.__code__.co_names and "clear" in work.__code__.co_names:
            monkeypatch.setattr(database, "write", write)
            await opened.deliver()
        return await write(work)

    monkeypatch.setattr(database, "write", filed_before)
    await opened.store.remove_account(opened.account)
    assert calls[0] is False
    assert len(calls) > 4
    for table in ("emails", "email_data", "blob_refs", "placements", "expunged", "removed", "thread_keys"):
        sql = f"SELECT count(*) FROM {table}"  # noqa: S608 - constants
        rows = await database.read(lambda tx, sql=sql: tx.row(sql))  # type: ignore[misc]
        assert rows == (0,), table


async def test_a_write_that_changes_nothing_takes_no_modseq(opened: Opened) -> None:
    """RFC 7162 section 3.1."""
    store, account = opened.store, opened.account
    filed = await opened.deliver(keywords=SEEN)
    before = await store.states(account)
    told = list(opened.told)
    inbox = opened.mailbox("INBOX")
    await store.set_flags(account, inbox, ALL, FlagChange.ADD, SEEN)
    await store.expunge(account, inbox, None)
    await store.update_emails(account, [EmailUpdate(filed.email, add=SEEN)])
    await store.destroy_emails(account, [12345])
    await store.update_mailbox(account, inbox, sort_order=1)
    assert await store.states(account) == before
    assert opened.told == told
