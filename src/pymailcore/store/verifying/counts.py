"""Counters of Mailboxes and accounts, counted anew.

A Mailbox or an account with very many messages is counted in slices, each a short read of its own; whether
it moved meanwhile is told by its modseqs, and then it is counted again.
"""

# ruff: noqa: S608 - statements are put together from constants of this module; values are always bound

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol, TypeVar, cast

import apsw

from pymailcore.base.ids import AccountId
from pymailcore.store.types import Row, Transaction
from pymailcore.store.verifying.checks import CHECKS, run_check
from pymailcore.store.verifying.faults import Fault

T = TypeVar("T")

WHOLE: Final = 50_000
"""Messages that are counted in one statement; more go in slices."""

_TRIES: Final = 5

_COLUMNS: Final = (
    "m.messages, m.unseen, m.deleted, m.size_octets, m.total_emails, m.unread_emails, m.total_threads,"
    " m.unread_threads"
)
_MAILBOX: Final = (
    f"SELECT m.account, m.path, m.role, m.highest_modseq, m.counts_modseq, {_COLUMNS} FROM mailboxes m"
    " WHERE m.id = ?1"
)
_UNREAD: Final = "(CASE WHEN ?2 = 1 THEN t.unread_trash ELSE t.unread END)"
_COUNT: Final = (
    "SELECT count(*), count(*) FILTER (WHERE (e.flags & 1) = 0), count(*) FILTER (WHERE p.deleted = 1),"
    " coalesce(sum(e.size_octets), 0), count(DISTINCT CASE WHEN p.deleted = 0 THEN p.email END),"
    " count(DISTINCT CASE WHEN p.deleted = 0 AND (e.flags & 9) = 0 THEN p.email END),"
    " count(DISTINCT CASE WHEN p.deleted = 0 THEN e.thread END),"
    f" count(DISTINCT CASE WHEN p.deleted = 0 AND {_UNREAD} > 0 THEN e.thread END),"
    " coalesce(max(p.modseq), 0), coalesce(max(e.flags_modseq), 0)"
    " FROM placements p JOIN emails e ON e.id = p.email LEFT JOIN threads t ON t.id = e.thread"
    " WHERE p.mailbox = ?1"
)
_ROWS: Final = (
    "SELECT p.uid, p.email, e.thread, p.deleted, e.flags, e.size_octets, p.modseq, e.flags_modseq,"
    f" coalesce({_UNREAD}, 0) FROM placements p JOIN emails e ON e.id = p.email"
    " LEFT JOIN threads t ON t.id = e.thread WHERE p.mailbox = ?1 AND p.uid > ?3 ORDER BY p.uid LIMIT ?4"
)
_SLICE: Final = 20_000
_SCRATCH: Final = (
    "PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA cache_size = -16384;"
    "CREATE TABLE emails (id INTEGER PRIMARY KEY, unread);"
    "CREATE TABLE threads (id INTEGER PRIMARY KEY, unread)"
)

_ACCOUNT: Final = (
    "SELECT a.modseq, a.name, a.used_octets, a.used_emails, a.used_mailboxes, a.kept_octets FROM accounts a"
    " WHERE a.id = ?1"
)
_USED: Final = "SELECT coalesce(sum(size_octets), 0), count(*) FROM emails WHERE account = ?1"
_USED_SLICE: Final = (
    "SELECT changed_modseq, size_octets FROM emails WHERE account = ?1 AND changed_modseq > ?2"
    " AND changed_modseq <= ?3"
)
_USED_END: Final = (
    "SELECT changed_modseq FROM emails WHERE account = ?1 AND changed_modseq > ?2 ORDER BY changed_modseq"
    " LIMIT 1 OFFSET ?3"
)
_KEPT_SLICE: Final = (
    "SELECT gone_ms, id, size_octets FROM kept_emails WHERE account = ?1"
    " AND (gone_ms > ?2 OR (gone_ms = ?2 AND id > ?3)) ORDER BY gone_ms, id LIMIT ?4"
)
_COUNT_MAILBOXES: Final = "SELECT count(*) FROM mailboxes WHERE account = ?1"
_OTHER: Final = (
    "SELECT (SELECT count(*) FROM mailboxes m WHERE m.account = ?1),"
    " (SELECT coalesce(sum(k.size_octets), 0) FROM kept_emails k WHERE k.account = ?1)"
)


class Reads(Protocol):
    """What counts in slices: each call is a snapshot of its own."""

    async def __call__(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation."""
        ...


class MailboxCounts(NamedTuple):
    """What a Mailbox says and what is in it; the counters in the order of the table's columns."""

    account: int
    path: str
    highest: int
    there: tuple[int, ...]
    counted: tuple[int, ...]
    newest: int  # modseq of a message in it

    def fault(self, mailbox: int) -> list[Fault]:
        """What of it is wrong."""
        faults = []
        if self.there != self.counted:
            detail = f"{self.path} counts {list(self.there)}, has {list(self.counted)}"
            faults.append(Fault("mailbox-counts", self.account, mailbox, detail))
        if self.newest > self.highest:
            detail = f"{self.path} has highest modseq {self.highest}, a message has {self.newest}"
            faults.append(Fault("mailbox-modseq", self.account, mailbox, detail))
        return faults


class AccountSums(NamedTuple):
    """What an account says and what it has: octets, Emails, Mailboxes, octets kept for undelete."""

    name: str
    there: tuple[int, ...]
    counted: tuple[int, ...]

    def fault(self, account: int) -> list[Fault]:
        """What of it is wrong."""
        if self.there == self.counted:
            return []
        detail = f"{self.name} says {list(self.there)}, has {list(self.counted)}"
        return [Fault("account-counts", account, account, detail)]


async def count_mailbox(tx: Transaction, mailbox: int) -> MailboxCounts | None:
    """Count a Mailbox in one go; None when it is gone."""
    row = await tx.row(_MAILBOX, mailbox)
    if row is None:
        return None
    found = cast("Row", await tx.row(_COUNT, mailbox, int(row[2] == "trash")))
    counted = tuple([int(number) for number in found[:8]])
    return MailboxCounts(row[0], row[1], row[3], tuple(row[5:13]), counted, max(found[8], found[9]))


async def count_large_mailbox(read: Reads, mailbox: int) -> MailboxCounts | None:
    """Count a Mailbox in slices.

    Raises:
        StillMoving: it never held still for as long.
    """
    for _ in range(_TRIES):
        before = await read(lambda tx: tx.row(_MAILBOX, mailbox))
        if before is None:
            return None
        counted, newest = await _count_slices(read, mailbox, int(before[2] == "trash"))
        if await read(lambda tx: tx.row(_MAILBOX, mailbox)) == before:
            return MailboxCounts(before[0], before[1], before[3], tuple(before[5:13]), counted, newest)
    raise StillMoving


class StillMoving(Exception):
    """What is to be counted never held still for as long as the counting takes."""


async def _count_slices(read: Reads, mailbox: int, trash: int) -> tuple[tuple[int, ...], int]:
    """Count what a large Mailbox has; what is to be counted once is told apart in a scratch database."""
    messages = unseen = deleted = octets = newest = last = 0
    scratch = apsw.Connection("")  # a temporary file of its own, so that memory stays small
    try:
        scratch.execute(_SCRATCH).fetchall()
        rows: list[Row] = []
        while not messages or len(rows) == _SLICE:

            async def some(tx: Transaction, last: int = last) -> list[Row]:
                return await tx.rows(_ROWS, mailbox, trash, last, _SLICE)

            rows = await read(some)
            if not rows:
                break
            for _, _, _, marked, flags, size, modseq, flags_modseq, _ in rows:
                unseen += not flags & 1
                deleted += marked
                octets += size
                newest = max(newest, modseq, flags_modseq)
            shown = [row for row in rows if not row[3]]
            with scratch:
                scratch.executemany(
                    "INSERT OR IGNORE INTO emails VALUES (?, ?)", [(row[1], not row[4] & 9) for row in shown]
                )
                scratch.executemany(
                    "INSERT OR IGNORE INTO threads VALUES (?, ?)", [(row[2], row[8] > 0) for row in shown]
                )
            messages += len(rows)
            last = rows[-1][0]
        distinct: list[int] = []
        for table in ("emails", "threads"):
            distinct += scratch.execute(f"SELECT count(*), total(unread) FROM {table}").fetchone() or ()
    finally:
        scratch.close()
    counted = (messages, unseen, deleted, octets, *(int(number) for number in distinct))
    return counted, newest


async def sum_account(tx: Transaction, account: int) -> AccountSums | None:
    """Sum an account up in one go; None when it is gone."""
    row = await tx.row(_ACCOUNT, account)
    if row is None:
        return None
    octets, emails = cast("Row", await tx.row(_USED, account))
    mailboxes, kept = cast("Row", await tx.row(_OTHER, account))
    return AccountSums(row[1], tuple(row[2:6]), (int(octets), int(emails), int(mailboxes), int(kept)))


async def sum_large_account(read: Reads, account: int) -> AccountSums | None:
    """Sum an account up in slices.

    Raises:
        StillMoving: it never held still for as long.
    """
    for _ in range(_TRIES):
        before = await read(lambda tx: tx.row(_ACCOUNT, account))
        if before is None:
            return None
        octets = emails = 0
        last: int | None = -1
        while last is not None:

            async def some(tx: Transaction, first: int = last) -> tuple[int | None, list[Row]]:
                row = await tx.row(_USED_END, account, first, _SLICE)
                end = None if row is None else int(row[0])
                return end, await tx.rows(_USED_SLICE, account, first, 2**63 - 1 if end is None else end)

            last, rows = await read(some)
            octets += sum(row[1] for row in rows)
            emails += len(rows)
        kept = await _sum_kept(read, account)
        (mailboxes,) = cast("Row", await read(lambda tx: tx.row(_COUNT_MAILBOXES, account)))
        if await read(lambda tx: tx.row(_ACCOUNT, account)) == before:
            return AccountSums(before[1], tuple(before[2:6]), (octets, emails, int(mailboxes), int(kept)))
    raise StillMoving


async def _sum_kept(read: Reads, account: int) -> int:
    """Octets that an account keeps for undelete, in slices."""
    octets = 0
    after = (-1, -1)
    while True:

        async def some(tx: Transaction, after: tuple[int, int] = after) -> list[Row]:
            return await tx.rows(_KEPT_SLICE, account, *after, _SLICE)

        rows = await read(some)
        octets += sum(int(row[2]) for row in rows)
        if len(rows) < _SLICE:
            return octets
        after = (rows[-1][0], rows[-1][1])


async def verify_counts(tx: Transaction) -> list[str]:
    """Give one line for each thing in the rows that contradicts another; none when all is well.

    All in one snapshot, however long that takes: for tests, and small stores that nobody uses.
    """
    faults: list[Fault] = []
    for check in CHECKS:
        faults += [fault for _, fault in await run_check(tx, check)]
    for (mailbox,) in await tx.rows("SELECT id FROM mailboxes ORDER BY id"):
        counts = await count_mailbox(tx, mailbox)
        faults += counts.fault(mailbox) if counts is not None else []
    for (account,) in await tx.rows("SELECT id FROM accounts ORDER BY id"):
        sums = await sum_account(tx, account)
        faults += sums.fault(account) if sums is not None else []
    return [fault.text for fault in faults]


async def verify_account(tx: Transaction, account: AccountId) -> list[str]:
    """The same for one account, found by the account: for the daily sample of housekeeping."""
    faults: list[Fault] = []
    for check in CHECKS:
        faults += [fault for _, fault in await run_check(tx, check, account=account, direct=True)]
    for (mailbox,) in await tx.rows("SELECT id FROM mailboxes WHERE account = ?1 ORDER BY id", account):
        counts = await count_mailbox(tx, mailbox)
        faults += counts.fault(mailbox) if counts is not None else []
    sums = await sum_account(tx, account)
    return [fault.text for fault in (*faults, *(sums.fault(account) if sums is not None else []))]
