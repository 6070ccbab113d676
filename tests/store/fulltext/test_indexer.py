"""Indexing: what is new is taken, nothing is missed, whatever happens in between."""

import functools
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import trio
from tests.support.searching import index_all, scanned, some_message, writing
from tests.support.stores import EnginePlace, Opened, a_message, add_account, opened_store

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, TenantId
from pymailcore.store import compiling, texts
from pymailcore.store import query as q
from pymailcore.store.fulltext import indexer as module
from pymailcore.store.fulltext.documents import IndexWriting, Part
from pymailcore.store.fulltext.indexer import Indexer
from pymailcore.store.keywords import keywords_of
from pymailcore.store.ops import accounts
from pymailcore.store.types import FlagChange, Target, Transaction

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def asks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "SHORT", 0)
    monkeypatch.setattr(compiling, "FEW", 0)


async def agree(opened: Opened) -> int:
    """Compare with a scan; gives how many messages there are."""
    inbox = opened.mailbox("INBOX")
    nodes: list[q.Filter] = [
        q.Contains(q.Field.TEXT, "lan"),
        q.Contains(q.Field.BODY, "会"),
        q.Contains(q.Field.FROM, "@example.org"),
        q.Not(q.Contains(q.Field.TEXT, "x-tag: ")),
    ]
    for node in nodes:
        found = await opened.store.search(opened.account, inbox, node)
        assert found == await scanned(opened.store, opened, inbox, node), node
    return len(await opened.store.search(opened.account, inbox, nodes[2]))


def failing(index: IndexWriting, left: int, *, behind: bool) -> Callable[[Sequence[Part]], Awaitable[None]]:
    """Stands for `write`; fails before or behind the n-th transaction."""
    write = index.write

    async def mortal(parts: Sequence[Part]) -> None:
        nonlocal left
        left -= 1
        if not left and not behind:
            raise TemporaryFailure("before")
        await write(parts)
        if not left:
            raise TemporaryFailure("behind")

    return mortal


@pytest.mark.parametrize("behind", [False, True])
async def test_indexing_goes_on_where_it_was_cut_off(
    opened: Opened, behind: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_DOCUMENTS", 5)
    monkeypatch.setattr(module, "_LISTED", 7)
    monkeypatch.setattr(texts, "MOST_MESSAGES", 2)
    for number in range(34):
        await opened.deliver(some_message(number))
    real = writing(opened)
    for left in (1, 2, 1):
        index = writing(opened)
        monkeypatch.setattr(index, "write", failing(index, left, behind=behind))
        with pytest.raises(TemporaryFailure):
            await index_all(opened, index)
        await index.close()
        assert await agree(opened) == 34
    await index_all(opened)
    await real.open()
    assert (await real.statistics()).documents == 34
    await real.close()
    assert await agree(opened) == 34


async def test_many_emails_of_one_modseq_and_changes_meanwhile(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COPY to another account gives many Emails one modseq; marks move Emails behind the others."""
    monkeypatch.setattr(module, "MOST_DOCUMENTS", 4)
    monkeypatch.setattr(module, "_LISTED", 5)
    monkeypatch.setattr(texts, "MOST_MESSAGES", 2)
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    for number in range(12):
        await opened.deliver(some_message(number))
    other = AccountId(2)
    await add_account(store, other, "carl@example.org")
    to = {mailbox.path: mailbox.id for mailbox in await store.mailboxes(other)}["INBOX"]
    await store.sharing.copy_across(account, inbox, [(1, 12)], other, to)
    index = writing(opened)
    count = 0

    class Busy(Indexer):
        async def _write(self, batch: module._Batch) -> None:
            nonlocal count
            count += 1
            if count <= 4:
                await store.set_flags(
                    account, inbox, [(count, 5)], FlagChange.ADD, keywords_of([f"k{count}"])
                )
            await super()._write(batch)
            await agree(opened)

    indexer = Busy(store.engine, index)
    await indexer.open()
    for _ in range(3):
        await indexer.index(await indexer.behind())
    assert await indexer.behind() == set()
    assert (await index.statistics()).documents == 24
    await index.close()


async def test_what_cannot_be_read_is_looked_at_by_every_search(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data") as opened:
        for number in range(3):
            await opened.deliver(some_message(number))
        rows = await opened.store.database.read(lambda tx: tx.rows("SELECT blob, octets FROM blob_octets"))
        packs = {path: path.read_bytes() for path in (opened.store.engine.settings.data / "packs").iterdir()}
        for path in packs:
            path.write_bytes(b"")
        index = writing(opened)
        await index_all(opened, index)
        found = await index.statistics()
        assert (found.documents, found.unread) == (0, 3)
        assert not rows
        assert await agree(opened) == 3  # From is a column of the row
        for path, octets in packs.items():
            path.write_bytes(octets)
        assert await agree(opened) == 3
        await index.close()


@pytest.mark.parametrize("column", ["recipe", "parts"])
async def test_damaged_rows_stop_neither_the_indexer_nor_a_scan(opened: Opened, column: str) -> None:
    """What is not what was written, wherever among others, is mail that cannot be read."""
    for number in range(4):
        await opened.deliver(a_message("letter", body=f"words {number}\r\n"))
    inbox = opened.mailbox("INBOX")
    sql = f"UPDATE email_data SET {column} = ?1 WHERE email = ?2"  # noqa: S608 - of this test
    (emails, *_) = await opened.store.query(opened.account, q.And(()), [], limit=10)
    for email in sorted(emails)[1::2]:
        await opened.store.database.write(functools.partial(_damage, sql, email))
    node = q.Contains(q.Field.BODY, "words")
    assert await scanned(opened.store, opened, inbox, node) == [1, 3]
    index = writing(opened)
    await index_all(opened, index)
    found = await index.statistics()
    assert (found.documents, found.unread) == (2, 2)
    assert await opened.store.search(opened.account, inbox, node) == [1, 3]
    await index.close()


async def _damage(sql: str, email: int, tx: Transaction) -> None:
    await tx.run(sql, b"\x01\xc1", email)


@pytest.mark.slow
async def test_killed_between_mail_and_index_no_hit_is_lost(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    source = random.Random(11)  # noqa: S311
    first = 0
    for _ in range(3):
        child = subprocess.Popen(  # noqa: ASYNC220 - it is killed
            [
                sys.executable,
                "-m",
                "tests.support.index_child",
                str(tmp_path / "data"),
                str(first),
                store_settings.get("metadata", ""),
            ],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert child.stdout is not None
        for _ in range(source.randint(3, 60)):
            line = await trio.to_thread.run_sync(child.stdout.readline)
            if line.startswith("filed "):
                first = int(line.split()[1]) + 1
        child.kill()
        await trio.to_thread.run_sync(child.wait)
        child.stdout.close()
        first += 1  # one more may be on disk
        async with opened_store(tmp_path / "data", **store_settings) as opened:
            assert await agree(opened) >= first - 3
    async with opened_store(tmp_path / "data", **store_settings) as opened:
        await index_all(opened)
        await agree(opened)


async def other_account(opened: Opened, account: AccountId, tenant: TenantId) -> AccountId:
    """A further account with one Email, in a tenant that may be new."""
    key = bytes([tenant]) * 32
    await opened.store.database.write(lambda tx: accounts.ensure_tenant(tx, tenant, key))
    await add_account(opened.store, account, f"{account}@example.org", tenant)
    inbox = {mailbox.path: mailbox.id for mailbox in await opened.store.mailboxes(account)}["INBOX"]
    prepared = await opened.store.prepare(some_message(account))
    await opened.store.deliver(prepared, [Target(account, inbox)], tenant=tenant, received_ms=0)
    return account


async def test_accounts_have_turns_by_tenants(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """T6: one that has much that is new holds up another tenant, which comes later, by a page."""
    monkeypatch.setattr(module, "_LISTED", 2)
    for number in range(20):
        await opened.deliver(some_message(number))
    late = [
        await other_account(opened, AccountId(70), DEFAULT_TENANT),
        await other_account(opened, AccountId(71), TenantId(77)),
    ]
    index = writing(opened)
    indexer = Indexer(opened.store.engine, index)
    await indexer.open()
    pages: list[AccountId] = []
    take = indexer._take_page

    async def noted(page: module._Page, batch: module._Batch) -> tuple[module._Page | None, module._Batch]:
        pages.append(page.account)
        return await take(page, batch)

    monkeypatch.setattr(indexer, "_take_page", noted)
    comes = iter([late])
    left = await indexer.index([opened.account], lambda: next(comes, ()))
    await index.close()
    same_tenant, other_tenant = late
    assert pages[1] == other_tenant
    assert pages.index(same_tenant) <= 3
    assert pages.count(opened.account) >= 10
    assert left == set()


@pytest.mark.parametrize("long", [True, False])
async def test_what_came_meanwhile_and_is_not_done_is_given_back(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    """The round ends with the accounts that it began with, so that the index is tended now and then."""
    if long:
        monkeypatch.setattr(module, "_LONG", 0)
    await opened.deliver(some_message(1))
    other = await other_account(opened, AccountId(70), DEFAULT_TENANT)
    index = writing(opened)
    indexer = Indexer(opened.store.engine, index)
    await indexer.open()
    assert await indexer.index([opened.account], lambda: [other]) == ({other} if long else set())
    assert await indexer.index([other]) == set()
    await index.close()
