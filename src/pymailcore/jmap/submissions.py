"""The rows of EmailSubmissions.

Standards: RFC 8621 section 7. The table and the change log are in the store's schema.
"""

import json
from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.base.ids import AccountId
from pymailcore.store.types import Changes, Transaction

KIND: Final = "submission"

_COLUMNS: Final = "id, identity, email, thread, envelope, send_at_ms, undo_status, queue_message"


class SubmissionRow(NamedTuple):
    """One EmailSubmission; `envelope` is JSON as a client sees it.

    `queue_message` is its id in the queue, where it waits for its release; else None.
    """

    id: int
    identity: int
    email: int
    thread: int
    envelope: str
    send_at_ms: int
    undo_status: str
    queue_message: int | None = None


class SubmissionFilter(NamedTuple):
    """What a query asks for; None takes all."""

    identities: tuple[int, ...] | None = None
    emails: tuple[int, ...] | None = None
    threads: tuple[int, ...] | None = None
    undo_status: str | None = None
    before_ms: int | None = None
    after_ms: int | None = None

    def accepts(self, row: SubmissionRow) -> bool:
        """Whether a row is one of those asked for, as `select` decides it."""
        return (
            (self.identities is None or row.identity in self.identities)
            and (self.emails is None or row.email in self.emails)
            and (self.threads is None or row.thread in self.threads)
            and (self.undo_status is None or row.undo_status == self.undo_status)
            and (self.before_ms is None or row.send_at_ms < self.before_ms)
            and (self.after_ms is None or row.send_at_ms >= self.after_ms)
        )


async def insert(tx: Transaction, account: AccountId, row: SubmissionRow, modseq: int) -> None:
    """Add a row."""
    await tx.run(
        f"INSERT INTO submissions (account, {_COLUMNS}, created_modseq, changed_modseq)"  # noqa: S608 - fixed names
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)",
        account,
        *row,
        modseq,
    )


async def by_ids(
    tx: Transaction, account: AccountId, numbers: Sequence[int] | None, limit: int
) -> list[SubmissionRow]:
    """Rows by id; the newest `limit` of all when `numbers` is None."""
    if numbers is None:
        rows = await tx.rows(
            f"SELECT {_COLUMNS} FROM submissions WHERE account = ?1"  # noqa: S608
            " ORDER BY send_at_ms DESC, id DESC LIMIT ?2",
            account,
            limit,
        )
    else:
        rows = await tx.rows(
            f"SELECT {_COLUMNS} FROM submissions WHERE account = ?1"  # noqa: S608
            " AND id IN (SELECT value FROM json_each(?2))",
            account,
            json.dumps(list(numbers)),
        )
    return [SubmissionRow(*row) for row in rows]


async def set_undo_status(
    tx: Transaction, account: AccountId, numbers: Sequence[int], status: str, modseq: int
) -> None:
    """Say of some that are pending what became of them."""
    await tx.run(
        "UPDATE submissions SET undo_status = ?3, changed_modseq = ?4 WHERE account = ?1"
        " AND id IN (SELECT value FROM json_each(?2)) AND undo_status = 'pending'",
        account,
        json.dumps(list(numbers)),
        status,
        modseq,
    )


async def released(tx: Transaction, account: AccountId, now_ms: int) -> list[int]:
    """Those that are still called pending, and whose release has come."""
    rows = await tx.rows(
        "SELECT id FROM submissions WHERE account = ?1 AND undo_status = 'pending' AND send_at_ms <= ?2",
        account,
        now_ms,
    )
    return [row[0] for row in rows]


async def delete(
    tx: Transaction, account: AccountId, numbers: Sequence[int], modseq: int, now_ms: int
) -> list[int]:
    """Remove rows and note it in the change log; gives those that were there."""
    gone = []
    for number in numbers:
        row = await tx.row(
            "SELECT created_modseq FROM submissions WHERE account = ?1 AND id = ?2", account, number
        )
        if row is None:
            continue
        await tx.run("DELETE FROM submissions WHERE account = ?1 AND id = ?2", account, number)
        await tx.run(
            "INSERT INTO removed (account, kind, id, modseq, created, gone_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            account,
            KIND,
            number,
            modseq,
            row[0],
            now_ms,
        )
        gone.append(number)
    return gone


async def select(
    tx: Transaction, account: AccountId, condition: SubmissionFilter, limit: int
) -> list[SubmissionRow]:
    """Rows that a filter takes, at most `limit`, the newest first."""

    def listed(numbers: tuple[int, ...] | None) -> str | None:
        return None if numbers is None else json.dumps(numbers)

    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM submissions WHERE account = ?1"  # noqa: S608
        " AND (?2 IS NULL OR identity IN (SELECT value FROM json_each(?2)))"
        " AND (?3 IS NULL OR email IN (SELECT value FROM json_each(?3)))"
        " AND (?4 IS NULL OR thread IN (SELECT value FROM json_each(?4)))"
        " AND (?5 IS NULL OR undo_status = ?5)"
        " AND (?6 IS NULL OR send_at_ms < ?6) AND (?7 IS NULL OR send_at_ms >= ?7)"
        " ORDER BY send_at_ms DESC, id DESC LIMIT ?8",
        account,
        listed(condition.identities),
        listed(condition.emails),
        listed(condition.threads),
        condition.undo_status,
        condition.before_ms,
        condition.after_ms,
        limit,
    )
    return [SubmissionRow(*row) for row in rows]


async def changes(tx: Transaction, account: AccountId, since: int, limit: int) -> Changes | None:
    """What changed after a state; None when the change log does not reach back (RFC 8620 section 5.2)."""
    row = await tx.row("SELECT log_floor, submission_modseq FROM accounts WHERE id = ?1", account)
    if row is None or since < row[0] or since > row[1]:
        return None
    rows = await tx.rows(
        "SELECT changed_modseq, id, created_modseq, 0 FROM submissions"
        " WHERE account = ?1 AND changed_modseq > ?2"
        " UNION ALL SELECT modseq, id, created, 1 FROM removed"
        " WHERE account = ?1 AND kind = ?3 AND modseq > ?2"
        " ORDER BY 1, 2 LIMIT ?4",
        account,
        since,
        KIND,
        limit + 1,
    )
    more = len(rows) > limit
    if more:
        # A state stands between two modseqs: what shares the first one left out is left out too.
        cut = rows[limit][0]
        rows = [row for row in rows if row[0] < cut]
        if not rows:
            return None
    made = tuple(number for _, number, created, gone in rows if not gone and created > since)
    changed = tuple(number for _, number, created, gone in rows if not gone and created <= since)
    # What came and went since is told to nobody.
    destroyed = tuple(number for _, number, created, gone in rows if gone and created <= since)
    return Changes(since, rows[-1][0] if more else row[1], more, made, changed, destroyed)
