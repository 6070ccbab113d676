r"""Changes of a whole stretch of a Mailbox by set statements: keywords, COPY, MOVE.

Theory of operation. `Revision` can do everything, Email by Email in memory. Here SQL makes the same
sums, at a fraction of the cost. Keywords are done for any stretch. COPY and MOVE are where they leave alone
what Emails exist for JMAP: nothing in the stretch has `\Deleted`, no Email is in its Mailbox twice, and
the trash is at most where a MOVE goes to; else they are not plain and `Revision` does it.

`thread_delta` is a temporary table of the connection, filled and read inside of one operation.

Standards: RFC 9051 sections 6.4.6 to 6.4.8, RFC 7162 section 3.1, RFC 8621 section 2.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple, cast

import orjson

from pymailcore.store.keywords import DRAFT, SEEN, Keywords
from pymailcore.store.ops.revision import (
    MESSAGES,
    OCTETS,
    TOTAL_EMAILS,
    TOTAL_THREADS,
    UNREAD_EMAILS,
    UNREAD_THREADS,
    UNSEEN,
    MailboxDelta,
    Revision,
)
from pymailcore.store.types import FetchRow, Row, Transaction

IN_STRETCH: Final = "p.mailbox = ?1 AND p.uid BETWEEN ?2 AND ?3 AND ?4 IS NULL"
"""Of a stretch that is a range; `Stretch.on` puts `_IN_LIST` there where it is a list."""

# The plus keeps SQLite from walking from the first UID to the last, which may be all of the Mailbox.
_IN_LIST: Final = "p.mailbox = ?1 AND +p.uid BETWEEN ?2 AND ?3 AND p.uid IN (SELECT value FROM json_each(?4))"
_ROWS: Final = (
    "SELECT p.uid, p.email, e.flags, e.extra, p.deleted, max(e.flags_modseq, p.modseq), e.size_octets,"
    " e.received_ms, e.thread, NULL, NULL, NULL, NULL, 0 FROM placements p JOIN emails e ON e.id = p.email"
    f" WHERE {IN_STRETCH} ORDER BY p.uid"
)
_BOUNDS: Final = (
    "SELECT min(e.flags), max(e.flags), min(e.extra), max(e.extra) FROM placements p"
    f" JOIN emails e ON e.id = p.email WHERE {IN_STRETCH}"
)
_GROUPS: Final = (
    f"SELECT DISTINCT e.flags, e.extra FROM placements p JOIN emails e ON e.id = p.email WHERE {IN_STRETCH}"
)
_EMAILS: Final = f"SELECT p.email FROM placements p WHERE {IN_STRETCH}"
_GROUP: Final = (  # those with the keywords ?5 and ?6
    f"SELECT p.email FROM placements p JOIN emails e ON e.id = p.email WHERE {IN_STRETCH}"
    " AND e.flags = ?5 AND e.extra = ?6"
)
_ALL: Final = f"{_EMAILS} AND ?5 IS NOT NULL AND ?6 IS NOT NULL"  # the same where all have them
_HOLDERS: Final = "SELECT DISTINCT mailbox FROM placements WHERE email IN ({group})"
_SHARES: Final = (
    "SELECT mailbox, sum(number), sum(shown) FROM (SELECT mailbox, count(*) AS number,"
    " CASE WHEN min(deleted) = 0 THEN 1 ELSE 0 END AS shown FROM placements WHERE email IN ({group})"
    " GROUP BY email, mailbox) x GROUP BY mailbox"
)
_UNREAD: Final = (
    "INSERT INTO thread_delta (thread, a, b) SELECT e.thread, sum(x.outside), sum(x.inside) FROM"
    " (SELECT email, max(CASE WHEN deleted = 0 AND mailbox IS DISTINCT FROM ?7 THEN 1 ELSE 0 END) AS outside,"
    " max(CASE WHEN deleted = 0 AND mailbox IS NOT DISTINCT FROM ?7 THEN 1 ELSE 0 END) AS inside"
    " FROM placements WHERE email IN ({group}) GROUP BY email) x CROSS JOIN emails e ON e.id = x.email"
    " GROUP BY e.thread"
)
_UPDATE: Final = (
    "UPDATE emails SET flags = ?7, extra = ?8, flags_modseq = ?9, changed_modseq = ?9 WHERE id IN ({group})"
)
# CROSS JOIN keeps SQLite from scanning a large table for the few rows of thread_delta.
_FLIPPED: Final = (
    "SELECT tm.mailbox, sum(CASE WHEN tm.mailbox IS NOT DISTINCT FROM ?1"
    " THEN CASE WHEN t.unread_trash + ?2 * d.b > 0 THEN 1 ELSE 0 END"
    " - CASE WHEN t.unread_trash > 0 THEN 1 ELSE 0 END"
    " ELSE CASE WHEN t.unread + ?2 * d.a > 0 THEN 1 ELSE 0 END"
    " - CASE WHEN t.unread > 0 THEN 1 ELSE 0 END END) FROM thread_delta d"
    " CROSS JOIN threads t ON t.id = d.thread CROSS JOIN thread_mailboxes tm ON tm.thread = d.thread"
    " GROUP BY tm.mailbox"
)
_COUNT: Final = (
    "UPDATE threads SET (unread, unread_trash) = (SELECT unread + ?1 * d.a, unread_trash + ?1 * d.b"
    " FROM thread_delta d WHERE d.thread = threads.id) WHERE id IN (SELECT thread FROM thread_delta)"
)
_TO_TRASH: Final = (
    "INSERT INTO thread_delta (thread, a, b, c, d) SELECT thread, count(*), count(*) FILTER (WHERE fresh),"
    " count(*) FILTER (WHERE unread AND final), count(*) FILTER (WHERE unread AND fresh) FROM"
    " (SELECT e.thread AS thread, (e.flags & 9) = 0 AS unread, NOT EXISTS (SELECT 1 FROM"
    " placements q WHERE q.email = p.email AND q.mailbox = ?5 AND q.deleted = 0) AS fresh, NOT EXISTS"
    " (SELECT 1 FROM placements q WHERE q.email = p.email AND q.mailbox NOT IN (?1, ?5) AND q.deleted = 0)"
    f" AS final FROM placements p JOIN emails e ON e.id = p.email WHERE {IN_STRETCH}) x GROUP BY thread"
)
_TRASHED: Final = (
    "SELECT tm.mailbox, sum(CASE WHEN tm.emails - CASE WHEN tm.mailbox = ?1 THEN d.a ELSE 0 END > 0"
    " AND t.unread - d.c > 0 THEN 1 ELSE 0 END - CASE WHEN t.unread > 0 THEN 1 ELSE 0 END)"
    " FROM thread_delta d CROSS JOIN threads t ON t.id = d.thread"
    " CROSS JOIN thread_mailboxes tm ON tm.thread = d.thread WHERE tm.mailbox <> ?2 GROUP BY tm.mailbox"
)
_IN_TRASH: Final = (
    "SELECT count(*) FILTER (WHERE tm.emails IS NULL), count(*) FILTER (WHERE t.unread_trash + d.d > 0)"
    " - count(*) FILTER (WHERE tm.emails IS NOT NULL AND t.unread_trash > 0)"
    " FROM thread_delta d CROSS JOIN threads t ON t.id = d.thread"
    " LEFT JOIN thread_mailboxes tm ON tm.thread = d.thread AND tm.mailbox = ?1"
)
_COUNT_TRASH: Final = (
    "UPDATE threads SET (unread, unread_trash) = (SELECT unread - d.c, unread_trash + d.d"
    " FROM thread_delta d WHERE d.thread = threads.id) WHERE id IN (SELECT thread FROM thread_delta"
    " WHERE c > 0 OR d > 0)"
)
_PLAIN: Final = (
    "SELECT count(*), coalesce(sum(p.deleted), 0), (SELECT count(*) FROM placements p JOIN placements q"
    f" ON q.email = p.email AND q.mailbox = p.mailbox WHERE {IN_STRETCH})"
    f" FROM placements p WHERE {IN_STRETCH}"
)
_SUMS: Final = (
    "SELECT count(*), count(*) FILTER (WHERE (e.flags & 1) = 0), count(*) FILTER (WHERE (e.flags & 9) = 0),"
    " coalesce(sum(e.size_octets), 0), count(*) FILTER (WHERE x.fresh),"
    " count(*) FILTER (WHERE x.fresh AND (e.flags & 9) = 0) FROM"
    " (SELECT p.email AS email, NOT EXISTS (SELECT 1 FROM placements q"
    " WHERE q.email = p.email AND q.mailbox = ?5 AND q.deleted = 0) AS fresh"
    f" FROM placements p WHERE {IN_STRETCH}) x"
    " JOIN emails e ON e.id = x.email"
)
_MOVED: Final = (
    "INSERT INTO thread_delta (thread, a, b) SELECT e.thread, count(*), sum(CASE WHEN EXISTS (SELECT 1 FROM"
    " placements q WHERE q.email = p.email AND q.mailbox = ?5 AND q.deleted = 0) THEN 0 ELSE 1 END)"
    f" FROM placements p JOIN emails e ON e.id = p.email WHERE {IN_STRETCH} GROUP BY e.thread"
)
_GAINED: Final = (
    "SELECT count(*), count(*) FILTER (WHERE t.unread > 0) FROM thread_delta d"
    " CROSS JOIN threads t ON t.id = d.thread WHERE d.b > 0"
    " AND NOT EXISTS (SELECT 1 FROM thread_mailboxes tm WHERE tm.thread = d.thread AND tm.mailbox = ?1)"
)
_LOST: Final = (
    "SELECT count(*), count(*) FILTER (WHERE t.unread > 0) FROM thread_delta d"
    " CROSS JOIN threads t ON t.id = d.thread CROSS JOIN thread_mailboxes tm ON tm.thread = d.thread"
    " AND tm.mailbox = ?1 WHERE tm.emails = d.a"
)
LEAVE: Final = (  # in this order: what is left after the first has other Emails there, too
    "DELETE FROM thread_mailboxes WHERE mailbox = ?1 AND thread IN (SELECT thread FROM thread_delta)"
    " AND emails = (SELECT a FROM thread_delta d WHERE d.thread = thread_mailboxes.thread)",
    "UPDATE thread_mailboxes SET emails = emails - (SELECT a FROM thread_delta d WHERE d.thread ="
    " thread_mailboxes.thread) WHERE mailbox = ?1 AND thread IN (SELECT thread FROM thread_delta)",
)


EXPUNGED: Final = (
    "INSERT INTO expunged (mailbox, modseq, uid, arrived, email, saved_ms, gone_ms)"
    " SELECT p.mailbox, ?5, p.uid, p.arrived_modseq, p.email, p.saved_ms, ?6"
    f" FROM placements p WHERE {IN_STRETCH}"
)
_PLACE: Final = (
    "INSERT INTO placements (mailbox, uid, email, deleted, arrived_modseq, modseq, received_ms, saved_ms)"
    " SELECT ?5, ?6 + row_number() OVER (ORDER BY p.uid), p.email, 0, ?7, ?7, p.received_ms, ?8"
    f" FROM placements p WHERE {IN_STRETCH} ORDER BY p.uid"
)
_TOUCH: Final = f"UPDATE emails SET changed_modseq = ?5 WHERE id IN ({_EMAILS})"
_TAKE_AWAY: Final = f"DELETE FROM placements AS p WHERE {IN_STRETCH}"
_UIDS: Final = (
    f"SELECT json_group_array(uid) FROM (SELECT uid FROM placements p WHERE {IN_STRETCH} ORDER BY uid) x"
)
_UNLIKE: Final = f"SELECT 1 FROM placements p WHERE {IN_STRETCH} AND p.deleted <> ?5 LIMIT 1"


class Stretch(NamedTuple):
    """Placements of one Mailbox: those of a range of UIDs, or those of a list in it."""

    mailbox: int
    low: int
    high: int
    listed: str | None  # JSON; None for all of the range

    def on(self, statement: str) -> str:
        """Give a statement with `IN_STRETCH` the form that this stretch needs."""
        return statement if self.listed is None else _for_list(statement)


@lru_cache(maxsize=256)
def _for_list(statement: str) -> str:
    return statement.replace(IN_STRETCH, _IN_LIST)


def stretch(mailbox: int, uids: Sequence[int]) -> Stretch:
    """Name UIDs, which ascend and are at least one."""
    low, high = uids[0], uids[-1]
    listed = None if high - low + 1 == len(uids) else orjson.dumps(list(uids)).decode()
    return Stretch(mailbox, low, high, listed)


async def rows(tx: Transaction, where: Stretch) -> list[FetchRow]:
    """The rows of a stretch, by UID."""
    return [FetchRow(*row) for row in await tx.rows(where.on(_ROWS), *where)]


async def all_deleted(tx: Transaction, where: Stretch, deleted: int) -> bool:
    r"""Whether `\Deleted` is everywhere as given."""
    return await tx.row(where.on(_UNLIKE), *where, deleted) is None


async def keyword_sets(tx: Transaction, where: Stretch) -> list[Keywords]:
    """The different sets of keywords in a stretch."""
    low, high, first, last = cast("Row", await tx.row(where.on(_BOUNDS), *where))
    if low is None:
        return []
    if low == high and first == last:
        return [Keywords(low, first)]
    return [Keywords(*row) for row in await tx.rows(where.on(_GROUPS), *where)]


async def set_keywords(
    tx: Transaction, revision: Revision, where: Stretch, wanted: dict[Keywords, Keywords]
) -> None:
    """Give the Emails of a stretch new keywords; what `wanted` maps to itself stays as it is.

    The caller settles the revision.

    Args:
        wanted: for all of `keyword_sets`; what it maps to, it maps to itself, or Emails would be taken twice.
    """
    group = where.on(_ALL if len(wanted) == 1 else _GROUP)
    for before, after in wanted.items():
        if before != after:
            await _set_group(tx, revision, (*where, *before), group, before, after)


async def _set_group(
    tx: Transaction,
    revision: Revision,
    args: tuple[object, ...],
    group: str,
    before: Keywords,
    after: Keywords,
) -> None:
    unseen = _lacks(after, SEEN) - _lacks(before, SEEN)
    unread = _lacks(after, SEEN | DRAFT) - _lacks(before, SEEN | DRAFT)
    if unseen or unread:
        for mailbox, number, shown in await tx.rows(_SHARES.format(group=group), *args):
            there = revision.counted(mailbox)
            there.touched = True
            there.counts[UNSEEN] += unseen * number
            there.counts[UNREAD_EMAILS] += unread * shown
    else:
        for (mailbox,) in await tx.rows(_HOLDERS.format(group=group), *args):
            revision.counted(mailbox).touched = True
    if unread:
        await tx.run("DELETE FROM thread_delta")
        await tx.run(_UNREAD.format(group=group), *args, revision.trash)
        for mailbox, flipped in await tx.rows(_FLIPPED, revision.trash, unread):
            revision.counted(mailbox).counts[UNREAD_THREADS] += flipped
        await tx.run(_COUNT, unread)
    await tx.run(_UPDATE.format(group=group), *args, *after, revision.modseq)


def _lacks(keywords: Keywords, bits: int) -> int:
    return 0 if keywords.flags & bits else 1


async def is_plain(tx: Transaction, revision: Revision, where: Stretch, to: int, *, move: bool) -> bool:
    """Whether `place` can do it."""
    if where.mailbox in (to, revision.trash) or (to == revision.trash and not move):
        return False
    number, deleted, here = cast("tuple[int, int, int]", await tx.row(where.on(_PLAIN), *where))
    return number == here and not deleted


async def place(
    tx: Transaction, revision: Revision, where: Stretch, to: int, *, move: bool
) -> tuple[list[int], range]:
    """COPY or MOVE a plain stretch to a Mailbox that was loaded; gives the UIDs there and here."""
    there = await revision.mailbox(to)
    row = await tx.row(where.on(_UIDS), *where)
    source: list[int] = orjson.loads(row[0]) if row else []
    first = there.uid_next
    if not source:
        return source, range(first, first)
    sums = [int(number) for number in cast("Row", await tx.row(where.on(_SUMS), *where, to))]
    messages, unseen, unread, octets, fresh, fresh_unread = sums
    _add(there, messages, unseen, octets, fresh, fresh_unread)
    if move:
        _add(revision.counted(where.mailbox), -messages, -unseen, -octets, -messages, -unread)
    await tx.run("DELETE FROM thread_delta")
    if to == revision.trash:
        await _count_trashed(tx, revision, where, to)
    else:
        await _count_threads(tx, revision, where, to, move=move)
    await tx.run(
        "INSERT INTO thread_mailboxes (thread, mailbox, emails) SELECT thread, ?1, b FROM thread_delta"
        " WHERE b > 0 ON CONFLICT (thread, mailbox) DO UPDATE"
        " SET emails = thread_mailboxes.emails + excluded.emails",
        to,
    )
    if move:
        for statement in LEAVE:
            await tx.run(statement, where.mailbox)
    await tx.run(where.on(_TOUCH), *where, revision.modseq)
    await tx.run(
        where.on(_PLACE),
        *where,
        to,
        first - 1,
        revision.modseq,
        revision.now_ms,
    )
    there.uid_next = first + len(source)
    if move:
        await tx.run(
            where.on(EXPUNGED),
            *where,
            revision.modseq,
            revision.now_ms,
        )
        await tx.run(where.on(_TAKE_AWAY), *where)
    await revision.settle()
    return source, range(first, first + len(source))


def _add(mailbox: MailboxDelta, messages: int, unseen: int, octets: int, emails: int, unread: int) -> None:
    mailbox.touched = True
    counts = mailbox.counts
    counts[MESSAGES] += messages
    counts[UNSEEN] += unseen
    counts[OCTETS] += octets
    counts[TOTAL_EMAILS] += emails
    counts[UNREAD_EMAILS] += unread


async def _count_threads(tx: Transaction, revision: Revision, where: Stretch, to: int, *, move: bool) -> None:
    """Thread counters of both Mailboxes; what Threads have unread stays as it is."""
    await tx.run(where.on(_MOVED), *where, to)
    gained, unread = cast("tuple[int, int]", await tx.row(_GAINED, to))
    counts = revision.counted(to).counts
    counts[TOTAL_THREADS] += gained
    counts[UNREAD_THREADS] += int(unread)
    if move:
        lost, unread = cast("tuple[int, int]", await tx.row(_LOST, where.mailbox))
        counts = revision.counted(where.mailbox).counts
        counts[TOTAL_THREADS] -= lost
        counts[UNREAD_THREADS] -= int(unread)


async def _count_trashed(tx: Transaction, revision: Revision, where: Stretch, trash: int) -> None:
    """The same for a MOVE to the trash, where what is unread goes from outside to inside of it."""
    await tx.run(where.on(_TO_TRASH), *where, trash)
    gained, unread = cast("tuple[int, int]", await tx.row(_IN_TRASH, trash))
    counts = revision.counted(trash).counts
    counts[TOTAL_THREADS] += int(gained)
    counts[UNREAD_THREADS] += int(unread)
    lost, _ = cast("tuple[int, int]", await tx.row(_LOST, where.mailbox))
    revision.counted(where.mailbox).counts[TOTAL_THREADS] -= lost
    for mailbox, flipped in await tx.rows(_TRASHED, where.mailbox, trash):
        revision.counted(mailbox).counts[UNREAD_THREADS] += flipped
    await tx.run(_COUNT_TRASH)
