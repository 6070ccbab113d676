"""The list that every mail client shows: one Mailbox by time of arrival, read from an index in order.

Standards: RFC 8621 section 4.4.3 (collapseThreads), RFC 8620 section 5.5.

The general way of `evaluate.query` sorts all that matches; this one reads as far as the window needs, and
takes the total from the Mailbox's counters.
"""

from collections.abc import Sequence
from typing import Final

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId
from pymailcore.store import query as q
from pymailcore.store.types import Transaction

_CHUNK: Final = 256
MAX_REACH: Final = 10_000
"""Windows that end further down than this are for the general way."""

_PLAIN: Final = (
    "SELECT p.email, p.email FROM placements p WHERE p.mailbox = ?1 AND p.deleted = 0"
    " ORDER BY p.received_ms {0}, p.email {0} LIMIT ?2 OFFSET ?3"
)
_THREADS: Final = (
    "SELECT p.email, e.thread FROM placements p JOIN emails e ON e.id = p.email"
    " WHERE p.mailbox = ?1 AND p.deleted = 0 ORDER BY p.received_ms {0}, p.email {0} LIMIT ?2 OFFSET ?3"
)
_STATEMENTS: Final = {
    (collapse, ascending): sql.format("ASC" if ascending else "DESC")
    for collapse, sql in ((False, _PLAIN), (True, _THREADS))
    for ascending in (False, True)
}


def listed_mailbox(node: q.Filter, sort: Sequence[q.Sort]) -> int | None:
    """The Mailbox, when a query is for all of one in order of arrival; else None."""
    if len(sort) != 1 or sort[0].key is not q.SortKey.RECEIVED:
        return None
    if isinstance(node, q.And) and len(node.filters) == 1:
        return listed_mailbox(node.filters[0], sort)
    if isinstance(node, q.InMailbox) and len(node.mailboxes) == 1:
        return next(iter(node.mailboxes))
    return None


async def list_mailbox(
    tx: Transaction,
    account: AccountId,
    mailbox: int,
    *,
    ascending: bool,
    collapse_threads: bool,
    position: int,
    limit: int,
) -> tuple[list[int], int, int]:
    """Give a window of a Mailbox: ids, total, email state.

    Raises:
        NotFound: no such account.
    """
    row = await tx.row(
        "SELECT a.email_modseq, m.total_emails, m.total_threads FROM accounts a"
        " LEFT JOIN mailboxes m ON m.id = ?2 AND m.account = a.id WHERE a.id = ?1",
        account,
        mailbox,
    )
    if row is None:
        raise NotFound("no such account")
    state, emails, threads = row
    total = (threads if collapse_threads else emails) or 0
    end = min(position + limit, total)
    found: dict[int, int] = {}  # Email or Thread -> Email, in order
    sql = _STATEMENTS[collapse_threads, ascending]
    read = 0
    while len(found) < end:
        chunk = max(_CHUNK, end - len(found))
        rows = await tx.rows(sql, mailbox, chunk, read)
        for email, key in rows:
            found.setdefault(key, email)
        if len(rows) < chunk:
            break
        read += chunk
    return list(found.values())[position:end], total, state
