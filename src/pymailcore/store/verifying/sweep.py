"""Goes through tables in slices, each a short read of its own, and looks twice at what seems wrong.

A slice grows and shrinks so that it takes about a tenth of a second: no snapshot is held for long, so the
log of the database can be written back while a store of any size is looked at.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from pymailcore.store.types import Transaction
from pymailcore.store.verifying.checks import CHECKS, FIRST, LAST, Check, run_check
from pymailcore.store.verifying.counts import (
    WHOLE,
    AccountSums,
    MailboxCounts,
    StillMoving,
    count_large_mailbox,
    count_mailbox,
    sum_account,
    sum_large_account,
)
from pymailcore.store.verifying.faults import Fault, Report

T = TypeVar("T")

SLICE: Final = 1_000
_SMALLEST: Final = 50
LARGEST: Final = 20_000
_SLOW_SECONDS: Final = 0.25
_FAST_SECONDS: Final = 0.08


_KEPT: Final = "SELECT count(*) FROM (SELECT 1 FROM kept_emails WHERE account = ?1 LIMIT ?2) AS stretch"
_MANY_IN_EACH: Final = {"mailboxes": 100, "accounts": 500}
"""Rows of a stretch at most, where a row has much behind it, and the next one may have more."""


class Database(Protocol):
    """What is read from."""

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation on a snapshot of its own."""
        ...


class Progress(Protocol):
    """Is told how far the work is."""

    def begin(self, what: str) -> None:
        """Something new begins."""
        ...

    def at(self, share: float) -> None:
        """So much of it is done, from 0 to 1."""
        ...


class Silent:
    """Tells nobody."""

    def begin(self, what: str) -> None:
        """Nothing."""

    def at(self, share: float) -> None:
        """Nothing."""


class Slice(NamedTuple):
    """A stretch of keys (first, last], and what was read there."""

    first: int
    last: int
    result: Any


async def slices(
    database: Database,
    table: str,
    column: str,
    work: Callable[[Transaction, int, int], Awaitable[Any]],
    progress: Progress,
    *,
    size: int = 0,
    largest: int = 0,
) -> AsyncIterator[Slice]:
    """Read a whole table in stretches of a column; `work` gets both ends, the first not in it.

    Args:
        size: rows of the first stretch; 0 for the usual.
        largest: rows that a stretch grows to; 0 for the usual.
    """
    size = size or SLICE
    largest = largest or LARGEST
    bounds = f"SELECT min({column}), max({column}) FROM {table}"
    end_of = f"SELECT {column} FROM {table} WHERE {column} > ?1 ORDER BY {column} LIMIT 1 OFFSET ?2"
    row = await database.read(lambda tx: tx.row(bounds))
    low, high = row if row is not None and row[0] is not None else (0, 0)
    first = FIRST
    while first < LAST:

        async def some(tx: Transaction, first: int = first, size: int = size) -> tuple[int, Any]:
            row = await tx.row(end_of, first, size - 1)
            end = LAST if row is None else int(row[0])
            return end, await work(tx, first, end)

        begun = time.perf_counter()
        end, result = await database.read(some)
        yield Slice(first, end, result)
        took = time.perf_counter() - begun
        if took > _SLOW_SECONDS:
            size = max(_SMALLEST, size // 2)
        elif took < _FAST_SECONDS:
            size = min(largest, size * 2)
        first = end
        progress.at(min(1.0, (first - low) / (high - low)) if high > low else 1.0)


async def sweep_rows(database: Database, report: Report, progress: Progress, account: int = 0) -> None:
    """Make all checks of one statement."""
    for (table, column), group in itertools.groupby(CHECKS, lambda check: (check.table, check.column)):
        checks = tuple(check for check in group if not account or check.sliced is not None)
        if not checks:
            continue
        progress.begin(table.replace("_", " "))

        async def work(
            tx: Transaction, first: int, last: int, checks: tuple[Check, ...] = checks
        ) -> list[tuple[Check, int, Fault]]:
            return [
                (check, key, fault)
                for check in checks
                for key, fault in await run_check(tx, check, first, last, account)
            ]

        most = _MANY_IN_EACH.get(table, 0)
        async for slice_ in slices(database, table, column, work, progress, size=most, largest=most):
            for check, key, fault in slice_.result:

                async def again(tx: Transaction, check: Check = check, key: int = key) -> list[Fault]:
                    return [fault for _, fault in await run_check(tx, check, key - 1, key, account)]

                found = [one for one in await database.read(again) if one.subject == fault.subject]
                if found:
                    report.add(fault if fault in found else found[0])


async def sweep_mailboxes(database: Database, report: Report, progress: Progress, account: int = 0) -> None:
    """Count every Mailbox."""
    progress.begin("Mailbox counters")

    async def work(tx: Transaction, first: int, last: int) -> list[tuple[int, MailboxCounts | None]]:
        rows = await tx.rows(
            "SELECT id, messages FROM mailboxes WHERE id > ?1 AND id <= ?2 AND (account = ?3 OR ?3 = 0)"
            " ORDER BY id",
            first,
            last,
            account,
        )
        left = WHOLE
        counted: list[tuple[int, MailboxCounts | None]] = []
        for mailbox, messages in rows:
            left -= messages
            counted.append((mailbox, await count_mailbox(tx, mailbox) if left >= 0 else None))
        return counted

    async for slice_ in slices(database, "mailboxes", "id", work, progress, size=16, largest=1_000):
        for mailbox, counts in slice_.result:
            report.saw("Mailboxes")
            for look in ("first", "second"):
                if look == "second" or counts is None:
                    counts = await _count(database, report, mailbox)
                if counts is None or not counts.fault(mailbox):
                    break
            else:
                for fault in counts.fault(mailbox):
                    report.add(fault)


async def _count(database: Database, report: Report, mailbox: int) -> MailboxCounts | None:
    async def small(tx: Transaction) -> bool:
        row = await tx.row(
            "SELECT uid FROM placements WHERE mailbox = ?1 ORDER BY uid LIMIT 1 OFFSET ?2", mailbox, WHOLE
        )
        return row is None

    if await database.read(small):
        return await database.read(lambda tx: count_mailbox(tx, mailbox))
    try:
        return await count_large_mailbox(database.read, mailbox)
    except StillMoving:
        report.notes.append(f"Mailbox {mailbox} changed all the time and could not be counted; try again")
        return None


async def sweep_accounts(database: Database, report: Report, progress: Progress, account: int = 0) -> None:
    """Sum every account up."""
    progress.begin("sums of accounts")

    async def work(tx: Transaction, first: int, last: int) -> list[tuple[int, AccountSums | None]]:
        rows = await tx.rows(
            "SELECT id, used_emails FROM accounts WHERE id > ?1 AND id <= ?2 AND (id = ?3 OR ?3 = 0)"
            " ORDER BY id",
            first,
            last,
            account,
        )
        left = WHOLE
        summed: list[tuple[int, AccountSums | None]] = []
        for id_, used in rows:
            left -= used
            if left >= 0:  # how many are kept no counter says
                row = await tx.row(_KEPT, id_, left + 1)
                left -= 0 if row is None else int(row[0])
            summed.append((id_, await sum_account(tx, id_) if left >= 0 else None))
        return summed

    async for slice_ in slices(database, "accounts", "id", work, progress, size=16, largest=1_000):
        for id_, sums in slice_.result:
            report.saw("accounts")
            try:
                if sums is None:
                    sums = await sum_large_account(database.read, id_)
                if sums is not None and sums.fault(id_):
                    sums = await sum_large_account(database.read, id_)
            except StillMoving:
                report.notes.append(f"account {id_} changed all the time and could not be summed; try again")
                continue
            for fault in sums.fault(id_) if sums is not None else ():
                report.add(fault)
