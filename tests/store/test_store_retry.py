"""Every operation may run twice: one that was lost is run again with the same arguments (DESIGN 4.1)."""

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from tests.support.revisions import tables
from tests.support.stores import EnginePlace, Opened, a_message, add_account, opened_store

from pymailcore.base.ids import DEFAULT_TENANT, AccountId, EmailId
from pymailcore.store import writer
from pymailcore.store.across import EmailCopy
from pymailcore.store.keywords import keywords_of
from pymailcore.store.transaction import SqliteTransaction, drive
from pymailcore.store.types import (
    EmailUpdate,
    FlagChange,
    Incoming,
    Quota,
    Row,
    Target,
    Transaction,
    Want,
)

T = TypeVar("T")
ALL = ((1, 2**32 - 1),)
ADA = AccountId(2)
MORE = (
    "SELECT path, role, subscribed, sort_order, created_modseq, changed_modseq FROM mailboxes"
    " ORDER BY account, path",
    "SELECT id, modseq, log_floor, used_mailboxes, quota_octets FROM accounts ORDER BY id",
    "SELECT path, role, gone_ms, became IS NULL FROM kept_mailboxes ORDER BY path",
    "SELECT email, became, restored_ms FROM restored_emails ORDER BY email",
    "SELECT owner, account FROM blob_refs ORDER BY owner, blob",
    "SELECT identifier, rights FROM rights ORDER BY identifier",
    "SELECT owner, entry, value FROM annotations ORDER BY owner, entry",
    "SELECT id, size_octets, expires_ms FROM uploads ORDER BY id",
    "SELECT scope, id, limit_octets, used_octets FROM quotas ORDER BY scope, id",
)


def lost_once(work: Callable[[Transaction], Awaitable[T]], tx: Transaction) -> T:
    """Run an operation, take back what it did, and run it again."""
    assert isinstance(tx, SqliteTransaction)
    execute = tx._connection.execute
    execute("SAVEPOINT lost")
    try:
        drive(work, tx)
    finally:
        execute("ROLLBACK TO lost")
        execute("RELEASE lost")
    return drive(work, tx)


async def all_rows(tx: Transaction) -> list[list[Row]]:
    return [*await tables(tx), *[await tx.rows(sql) for sql in MORE]]


async def life(opened: Opened) -> None:
    """Every operation of the store at least once."""
    store, account = opened.store, opened.account
    inbox, archive, trash = (opened.mailbox(path) for path in ("INBOX", "Archive", "Trash"))
    prepared = [await store.prepare(a_message(f"s{n}", in_reply_to="<root@x>")) for n in range(6)]
    incoming = [Incoming(one, [Target(account, inbox), Target(ADA, "inbox")], 5) for one in prepared]
    filed = [some[0] for some in await store.append_many(incoming, tenant=DEFAULT_TENANT)]
    await opened.deliver(a_message("alone"), keywords=keywords_of(["$seen"]))
    await store.replace(account, inbox, 2, incoming[0], tenant=DEFAULT_TENANT)
    work = await store.create_mailbox(account, "Work/Plans/Old", role="memos")
    await store.update_mailbox(account, work.id, path="Work/New/Old", sort_order=3)
    await store.copy(account, inbox, [(1, 3)], work.id)
    await store.move(account, inbox, [(3, 3)], archive)
    await store.set_flags(account, inbox, ALL, FlagChange.ADD, keywords_of(["x"]), deleted=False)
    await store.set_flags(account, inbox, [(4, 5)], FlagChange.ADD, keywords_of([]), deleted=True)
    await store.expunge(account, inbox, None)
    update = EmailUpdate(filed[0].email, add=keywords_of(["$flagged"]), add_mailboxes=frozenset([trash]))
    await store.update_emails(account, [update])
    await store.destroy_emails(account, [filed[5].email])
    await store.remove_mailbox(account, work.id, with_emails=True)
    await store.sharing.set_rights(account, inbox, "ada@example.org", "lr")
    await store.sharing.set_annotations(account, inbox, account, {"/private/a": b"1", "/shared/b": b"2"})
    await store.quotas.set_account(account, Quota(octets=10**9))
    await store.quotas.set_shared("tenant", DEFAULT_TENANT, Quota(octets=10**10))
    await store.upload(account, b"octets", now_ms=9)
    there = (await store.mailboxes(ADA))[0].id
    await store.sharing.copy_emails(account, ADA, [EmailCopy(filed[0].email, (there,), keywords_of(["y"]))])
    await store.undelete.restore(account, at_ms=opened.store.engine.now_ms() - 1)
    rows = await store.undelete.listed(account)
    await store.undelete.restore_emails(account, [EmailId(row.email) for row in rows[:1]], to=archive)
    await store.destroy_emails(
        account, [row.email for row in await store.fetch(account, inbox, ALL, Want.NONE)]
    )
    await store.undelete.purge(account, everything=True)
    await store.remove_account(ADA)
    await store.database.write(lambda tx: tx.run("DELETE FROM accounts WHERE id = ?1", ADA))


async def test_an_operation_that_was_lost_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for how in (drive, lost_once):
        monkeypatch.setattr(writer, "drive", how)
        async with opened_store(tmp_path / how.__name__) as opened:
            await add_account(opened.store, ADA, "ada@example.org")
            opened.store.engine.now_ms = itertools.count(1_900_000_000_000).__next__
            await life(opened)
            await opened.check()
            found.append(await opened.store.database.read(all_rows))
    plain, again = found
    for ours, theirs in zip(plain, again, strict=True):
        assert ours == theirs


async def test_every_operation_leaves_the_same_rows_on_both_engines(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    found = []
    places: tuple[EnginePlace, ...] = ({}, store_settings)
    for number, place in enumerate(places):
        async with opened_store(tmp_path / str(number), **place) as opened:
            await add_account(opened.store, ADA, "ada@example.org")
            opened.store.engine.now_ms = itertools.count(1_900_000_000_000).__next__
            await life(opened)
            await opened.check()
            found.append(await opened.store.database.read(all_rows))
    sqlite, here = found
    for ours, theirs in zip(sqlite, here, strict=True):
        assert sorted(ours, key=repr) == sorted(theirs, key=repr)
