"""Slices cover everything, are short, and do not take mail that moves for damage."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import trio
from tests.support.stores import Opened, a_message, opened_store

from pymailcore.store.keywords import Keywords, keywords_of
from pymailcore.store.types import FlagChange, Row, Transaction
from pymailcore.store.verifying import counts, sweep
from pymailcore.store.verifying.checks import Check
from pymailcore.store.verifying.faults import Fault, Report
from pymailcore.store.verifying.sweep import Silent, slices, sweep_rows
from pymailcore.store.verifying.verifier import verify_store

T = TypeVar("T")


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_every_key_is_in_one_slice(opened: Opened, size: int) -> None:
    """Also where one Email has several placements."""
    for number in range(7):
        filed = await opened.deliver(a_message(f"number {number}"))
    inbox = opened.mailbox("INBOX")
    await opened.store.copy(opened.account, inbox, [(2, 5)], inbox)
    await opened.store.copy(opened.account, inbox, [(filed.uid, filed.uid)], opened.mailbox("Sent"))

    async def work(tx: Transaction, first: int, last: int) -> list[Row]:
        return await tx.rows(
            "SELECT mailbox, uid FROM placements WHERE email > ?1 AND email <= ?2", first, last
        )

    shares: list[float] = []

    class Told(Silent):
        """Keeps what it is told."""

        def at(self, share: float) -> None:
            shares.append(share)

    found: list[Row] = []
    async for slice_ in slices(
        opened.store.database, "placements", "email", work, Told(), size=size, largest=size
    ):
        found += slice_.result
    assert len(found) == len(set(found)) == 12
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


async def test_an_empty_table_is_one_slice(opened: Opened) -> None:
    async def work(_tx: Transaction, first: int, last: int) -> tuple[int, int]:
        return first, last

    found = [slice_.result async for slice_ in slices(opened.store.database, "uploads", "id", work, Silent())]
    assert len(found) == 1


async def test_mail_that_moves_is_no_damage(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """With slices of a few rows each, everything moves between them."""
    monkeypatch.setattr(sweep, "SLICE", 2)
    monkeypatch.setattr(sweep, "LARGEST", 4)
    inbox, sent = opened.mailbox("INBOX"), opened.mailbox("Sent")
    for number in range(12):
        await opened.deliver(a_message(f"number {number % 3}", message_id=f"<{number}@x>"))
    moved = 0

    async def move(task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        nonlocal moved
        store, account = opened.store, opened.account
        with trio.CancelScope() as scope:
            task_status.started(scope)
            while True:
                filed = await opened.deliver(a_message("more", in_reply_to="<1@x>"))
                await store.set_flags(
                    account, inbox, [(1, 2**32 - 1)], FlagChange.ADD, keywords_of(["$seen"])
                )
                await store.move(account, inbox, [(filed.uid - 3, filed.uid)], sent)
                await store.set_flags(
                    account, sent, [(1, 2**32 - 1)], FlagChange.ADD, Keywords(), deleted=True
                )
                await store.expunge(account, sent, None)
                moved += 1

    async with trio.open_nursery() as nursery:
        scope = await nursery.start(move)
        while moved < 4:
            report = await verify_store(opened.store, messages=True)
            assert report.faults == []
        scope.cancel()
    await opened.check()


async def test_what_is_gone_at_the_second_look_is_not_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened_store(tmp_path / "data") as opened:
        await opened.deliver()
        calls = 0

        async def once(
            _tx: Transaction, check: Check, first: int, last: int, account: int = 0
        ) -> list[tuple[int, Fault]]:
            nonlocal calls
            if check.kind != "email-visible" or last - first < 1 or account:
                return []
            calls += 1
            return [(5, Fault("email-visible", 1, 5))] if calls == 1 else []

        monkeypatch.setattr(sweep, "run_check", once)
        report = Report()
        await sweep_rows(opened.store.database, report, Silent())
        assert calls > 1
        assert report.faults == []


async def test_no_read_lasts_long(opened: Opened) -> None:
    """Every look is a snapshot of its own; nothing is read in one go that grows with the store."""
    for number in range(30):
        await opened.deliver(a_message(f"number {number}"))
    most = 0

    class Counting:
        """Counts the rows of each read."""

        async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
            nonlocal most
            result = await opened.store.database.read(work)
            if isinstance(result, tuple) and isinstance(result[1], list):
                most = max(most, len(result[1]))
            return result

    async def work(tx: Transaction, first: int, last: int) -> list[Row]:
        return await tx.rows("SELECT id FROM emails WHERE id > ?1 AND id <= ?2", first, last)

    found = [
        row
        async for slice_ in slices(Counting(), "emails", "id", work, Silent(), size=4, largest=8)
        for row in slice_.result
    ]
    assert len(found) == 30
    assert most <= 8


@pytest.mark.parametrize("whole", [1, 3, 7, 100])
async def test_a_read_counts_only_so_many_messages_however_many_mailboxes_and_accounts(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    """What does not fit is counted in slices, and the outcome is the same."""
    for number in range(9):
        filed = await opened.deliver(a_message(f"number {number}"), ("inbox", "archive", "sent")[number % 3])
    await opened.store.destroy_emails(opened.account, [filed.email])
    monkeypatch.setattr(sweep, "WHOLE", whole)
    monkeypatch.setattr(counts, "_SLICE", 2)
    in_one_read = [0]
    count = counts.count_mailbox

    class Reading:
        """Notes where a read begins."""

        async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
            in_one_read.append(0)
            return await opened.store.database.read(work)

    async def some(tx: Transaction, mailbox: int) -> counts.MailboxCounts | None:
        found = await count(tx, mailbox)
        in_one_read[-1] += found.counted[0] if found is not None else 0
        return found

    monkeypatch.setattr(sweep, "count_mailbox", some)
    report = Report()
    await sweep.sweep_mailboxes(Reading(), report, Silent())
    await sweep.sweep_accounts(Reading(), report, Silent())
    assert report.faults == []
    assert max(in_one_read) <= whole
    await opened.store.database.write(lambda tx: tx.run("UPDATE accounts SET kept_octets = kept_octets + 1"))
    await opened.store.database.write(lambda tx: tx.run("UPDATE mailboxes SET messages = messages + 1"))
    await sweep.sweep_mailboxes(Reading(), report, Silent())
    await sweep.sweep_accounts(Reading(), report, Silent())
    assert report.counts["account-counts"] == 1
    assert report.counts["mailbox-counts"] == len(await opened.store.mailboxes(opened.account))
