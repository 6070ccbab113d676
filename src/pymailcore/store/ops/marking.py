r"""`\Deleted` and EXPUNGE of a whole stretch of a Mailbox by set statements.

Theory of operation. As in ops.stretch, SQL makes the sums that `Revision` makes Email by Email. A placement
with `\Deleted` does not exist for JMAP: marking is a removal there when it hides the last visible placement,
clearing the mark an arrival. An expunge of marked placements then changes nothing that JMAP sees; one of
others is a marking and an expunge under the same modseq. What loses its last placement is kept for undelete
(ops.kept) with one statement for all.

Marking needs that no Email is in the Mailbox twice (`is_plain`), an expunge of marked placements does not.

Standards: RFC 9051 sections 6.4.3 and 6.4.6, RFC 7162 section 3.1, RFC 8621 section 2.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

from typing import Final, cast

from pymailcore.store.ops.revision import (
    DELETED,
    MESSAGES,
    OCTETS,
    TOTAL_EMAILS,
    TOTAL_THREADS,
    UNREAD_EMAILS,
    UNREAD_THREADS,
    UNSEEN,
    Revision,
)
from pymailcore.store.ops.stretch import EXPUNGED, IN_STRETCH, LEAVE, Stretch
from pymailcore.store.types import Transaction

_TWICE: Final = (
    "SELECT 1 FROM placements p JOIN placements q ON q.email = p.email AND q.mailbox = p.mailbox"
    f" WHERE {IN_STRETCH} AND q.uid <> p.uid LIMIT 1"
)
_CHANGING: Final = f"SELECT p.email FROM placements p WHERE {IN_STRETCH} AND p.deleted = ?5"
_HIDE: Final = (
    "UPDATE emails SET changed_modseq = ?6, visible = CASE WHEN EXISTS (SELECT 1 FROM placements q"
    " WHERE q.email = emails.id AND q.mailbox <> ?1 AND q.deleted = 0) THEN 1 ELSE 0 END"
    f" WHERE id IN ({_CHANGING})"
)
_SHOW: Final = (
    "UPDATE emails SET changed_modseq = ?6, created_modseq = CASE WHEN visible = 0 THEN ?6"
    f" ELSE created_modseq END, visible = 1 WHERE id IN ({_CHANGING})"
)
_LOG_EMAILS: Final = (
    "INSERT INTO removed (account, kind, id, modseq, created, thread, gone_ms) SELECT e.account, 'email',"
    " e.id, ?6, e.created_modseq, e.thread, ?7 FROM placements p JOIN emails e ON e.id = p.email"
    f" WHERE {IN_STRETCH} AND p.deleted = ?5 AND e.visible = 0"
)
# Of each Thread: a Emails in this Mailbox, b that JMAP sees only here, c unread and outside of the trash only
# here, d unread. What is not visible elsewhere has visible 0: once it is hidden, or until it is shown.
_THREADS: Final = (
    "INSERT INTO thread_delta (thread, a, b, c, d) SELECT thread, count(*), count(*) FILTER (WHERE hidden),"
    " count(*) FILTER (WHERE unread AND only_here), count(*) FILTER (WHERE unread) FROM"
    " (SELECT e.thread AS thread, e.visible = 0 AS hidden, (e.flags & 9) = 0 AS unread,"
    " (e.visible = 0 OR NOT EXISTS (SELECT 1 FROM placements q WHERE q.email = p.email AND q.deleted = 0"
    " AND q.mailbox <> ?1 AND q.mailbox IS DISTINCT FROM ?6)) AS only_here"
    f" FROM placements p JOIN emails e ON e.id = p.email WHERE {IN_STRETCH} AND p.deleted = ?5) x"
    " GROUP BY thread"
)
_SUMS: Final = (
    "SELECT coalesce(sum(a), 0), coalesce(sum(d), 0), count(*) FILTER (WHERE b > 0) FROM thread_delta"
)
# {unread} and {change} are unread and c; where the Mailbox is the trash, unread_trash and d.
_LEAVING: Final = (
    "SELECT count(*) FILTER (WHERE tm.emails = d.a),"
    " count(*) FILTER (WHERE tm.emails > d.a AND t.{unread} - d.{change} > 0)"
    " - count(*) FILTER (WHERE t.{unread} > 0) FROM thread_delta d CROSS JOIN threads t ON t.id = d.thread"
    " CROSS JOIN thread_mailboxes tm ON tm.thread = d.thread AND tm.mailbox = ?1"
)
_COMING: Final = (
    "SELECT count(*) FILTER (WHERE tm.emails IS NULL), count(*) FILTER (WHERE t.{unread} + d.{change} > 0)"
    " - count(*) FILTER (WHERE tm.emails IS NOT NULL AND t.{unread} > 0)"
    " FROM thread_delta d CROSS JOIN threads t ON t.id = d.thread"
    " LEFT JOIN thread_mailboxes tm ON tm.thread = d.thread AND tm.mailbox = ?1"
)
_ELSEWHERE: Final = (
    "SELECT tm.mailbox, count(*) FILTER (WHERE t.unread + ?3 * d.c > 0)"
    " - count(*) FILTER (WHERE t.unread > 0) FROM thread_delta d"
    " CROSS JOIN threads t ON t.id = d.thread"
    " CROSS JOIN thread_mailboxes tm ON tm.thread = d.thread"
    " WHERE d.c > 0 AND tm.mailbox <> ?1 AND tm.mailbox IS DISTINCT FROM ?2 GROUP BY tm.mailbox"
)
_ARRIVE: Final = (
    "INSERT INTO thread_mailboxes (thread, mailbox, emails) SELECT thread, ?1, a FROM thread_delta"
    " WHERE a > 0 ON CONFLICT (thread, mailbox)"
    " DO UPDATE SET emails = thread_mailboxes.emails + excluded.emails"
)
_LOG_THREADS: Final = (
    "INSERT INTO removed (account, kind, id, modseq, created, thread, gone_ms) SELECT t.account, 'thread',"
    " t.id, ?1, t.created_modseq, NULL, ?2 FROM thread_delta d CROSS JOIN threads t ON t.id = d.thread"
    " WHERE d.b > 0 AND t.emails = d.b"
)
_COUNT: Final = (
    "UPDATE threads SET (emails, unread, unread_trash, changed_modseq, created_modseq) = (SELECT"
    " threads.emails + ?1 * d.b, threads.unread + ?1 * ?2 * d.c, threads.unread_trash + ?1 * ?3 * d.d,"
    " CASE WHEN d.b > 0 THEN ?4 ELSE threads.changed_modseq END,"
    " CASE WHEN ?1 > 0 AND d.b > 0 AND threads.emails = 0 THEN ?4 ELSE threads.created_modseq END"
    " FROM thread_delta d WHERE d.thread = threads.id) WHERE id IN (SELECT thread FROM thread_delta)"
)
_MARK: Final = (
    f"UPDATE placements AS p SET deleted = 1 - ?5, modseq = ?6 WHERE {IN_STRETCH} AND p.deleted = ?5"
)

_MARKED: Final = f"SELECT p.uid FROM placements p WHERE {IN_STRETCH} AND p.deleted = 1 ORDER BY p.uid"
_LEFT: Final = (
    "SELECT count(*), count(*) FILTER (WHERE (e.flags & 1) = 0), coalesce(sum(e.size_octets), 0)"
    f" FROM placements p JOIN emails e ON e.id = p.email WHERE {IN_STRETCH} AND p.deleted = 1"
)
_EXPUNGED: Final = f"{EXPUNGED} AND p.deleted = 1"
_REMOVE: Final = f"DELETE FROM placements AS p WHERE {IN_STRETCH} AND p.deleted = 1"
_GONE: Final = "(SELECT x.email FROM expunged x WHERE x.mailbox = ?1 AND x.modseq = ?2)"
_KEEP: Final = (
    "INSERT INTO kept_emails (id, account, mailbox, thread, flags, extra, size_octets, received_ms, sent_ms,"
    " sent_local_ms, has_attachment, gone_ms) SELECT e.id, e.account, ?1, e.thread, e.flags, e.extra,"
    " e.size_octets, e.received_ms, e.sent_ms, e.sent_local_ms, e.has_attachment, ?3 FROM emails e"
    f" WHERE e.id IN {_GONE} AND NOT EXISTS (SELECT 1 FROM placements q WHERE q.email = e.id)"
)
_STAY: Final = (
    f"UPDATE emails SET changed_modseq = ?2 WHERE id IN {_GONE}"
    " AND EXISTS (SELECT 1 FROM placements q WHERE q.email = emails.id)"
)
_MEMBERS: Final = (
    "INSERT INTO thread_delta (thread, a, b) SELECT k.thread, count(*), sum(k.size_octets) FROM kept_emails k"
    f" WHERE k.id IN {_GONE} GROUP BY k.thread"
)
_DROP: Final = f"DELETE FROM emails WHERE id IN {_GONE} AND id IN (SELECT k.id FROM kept_emails k)"
_LESS: Final = (
    "UPDATE threads SET members = members - (SELECT d.a FROM thread_delta d WHERE d.thread = threads.id)"
    " WHERE id IN (SELECT thread FROM thread_delta)"
)


async def is_plain(tx: Transaction, where: Stretch) -> bool:
    """Whether `mark` can do it."""
    return await tx.row(where.on(_TWICE), *where) is None


async def mark(tx: Transaction, revision: Revision, where: Stretch, deleted: int) -> bool:
    r"""Set or clear `\Deleted` of a plain stretch where it is not so already.

    Tells whether a Thread has other Emails now. The caller settles the revision.
    """
    mailbox = where.mailbox
    there = revision.counted(mailbox)
    await tx.run("DELETE FROM thread_delta")
    before = 1 - deleted
    if deleted:
        await tx.run(where.on(_HIDE), *where, before, revision.modseq)
        await tx.run(where.on(_LOG_EMAILS), *where, before, revision.modseq, revision.now_ms)
        await tx.run(where.on(_THREADS), *where, before, revision.trash)
    else:
        await tx.run(where.on(_THREADS), *where, before, revision.trash)
        await tx.run(where.on(_SHOW), *where, before, revision.modseq)
    emails, unread, listed = cast("tuple[int, int, int]", await tx.row(_SUMS))
    sign = -1 if deleted else 1
    there.touched = True
    there.counts[DELETED] -= sign * emails
    there.counts[TOTAL_EMAILS] += sign * emails
    there.counts[UNREAD_EMAILS] += sign * unread
    await _count_threads(tx, revision, mailbox, sign)
    await tx.run(where.on(_MARK), *where, before, revision.modseq)
    return listed > 0


async def _count_threads(tx: Transaction, revision: Revision, mailbox: int, sign: int) -> None:
    """Thread counters of all Mailboxes concerned, and the Threads themselves."""
    trash = mailbox == revision.trash
    names = {"unread": "unread_trash", "change": "d"} if trash else {"unread": "unread", "change": "c"}
    statement = (_LEAVING if sign < 0 else _COMING).format(**names)
    threads, unread = cast("tuple[int, int]", await tx.row(statement, mailbox))
    counts = revision.counted(mailbox).counts
    counts[TOTAL_THREADS] += sign * threads
    counts[UNREAD_THREADS] += unread
    if not trash:
        for other, flipped in await tx.rows(_ELSEWHERE, mailbox, revision.trash, sign):
            revision.counted(other).counts[UNREAD_THREADS] += flipped
    if sign < 0:
        await tx.run(_LOG_THREADS, revision.modseq, revision.now_ms)
        for leave in LEAVE:
            await tx.run(leave, mailbox)
    else:
        await tx.run(_ARRIVE, mailbox)
    await tx.run(_COUNT, sign, int(not trash), int(trash), revision.modseq)


async def marked(tx: Transaction, where: Stretch) -> list[int]:
    r"""UIDs of a stretch that have `\Deleted`, ascending."""
    return [row[0] for row in await tx.rows(where.on(_MARKED), *where)]


async def expunge(tx: Transaction, revision: Revision, where: Stretch) -> None:
    r"""Remove the placements of a stretch that have `\Deleted`; the caller settles the revision."""
    mailbox = where.mailbox
    there = revision.counted(mailbox)
    number, unseen, octets = cast("tuple[int, int, int]", await tx.row(where.on(_LEFT), *where))
    there.touched = True
    there.counts[MESSAGES] -= number
    there.counts[UNSEEN] -= unseen
    there.counts[DELETED] -= number
    there.counts[OCTETS] -= octets
    await tx.run(where.on(_EXPUNGED), *where, revision.modseq, revision.now_ms)
    await tx.run(where.on(_REMOVE), *where)
    await tx.run(_KEEP, mailbox, revision.modseq, revision.now_ms)
    await tx.run(_STAY, mailbox, revision.modseq)
    await tx.run("DELETE FROM thread_delta")
    await tx.run(_MEMBERS, mailbox, revision.modseq)
    await tx.run(_DROP, mailbox, revision.modseq)
    await tx.run(_LESS)
    await tx.run("DELETE FROM threads WHERE id IN (SELECT thread FROM thread_delta) AND members = 0")
    emails, octets = cast(
        "tuple[int, int]",
        await tx.row("SELECT coalesce(sum(a), 0), coalesce(sum(b), 0) FROM thread_delta"),
    )
    revision.emails -= emails
    revision.octets -= octets
    revision.kept_octets += octets
