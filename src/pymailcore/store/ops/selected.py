"""Changing a selected Mailbox: STORE, COPY, MOVE, EXPUNGE, one slice at a time.

Standards: RFC 9051 sections 6.4.3, 6.4.6, 6.4.7 and 6.4.8, RFC 6851, RFC 7162 section 3.1.3 (UNCHANGEDSINCE).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from pymailcore.base.errors import NotFound, OverQuota
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.keywords import Keywords
from pymailcore.store.ops import fetch, mailboxes, marking, stretch
from pymailcore.store.ops.footprint import Message, Placement
from pymailcore.store.ops.revision import Revision
from pymailcore.store.types import Copied, FetchRow, FlagChange, Replaced, Transaction

MOST_COPIES: Final = 16
FREE_COPIES: Final = 10_000
"""A COPY makes a Mailbox hold at most so many messages, or so many times the account's Emails: copied into
itself it doubles each time, no quota of Emails or octets counts that, and a COPY runs whole."""


def changed_keywords(now: Keywords, how: FlagChange, keywords: Keywords) -> Keywords:
    """Combine a set with the flags of a STORE."""
    if how is FlagChange.ADD:
        return now | keywords
    if how is FlagChange.REMOVE:
        return now.without(keywords)
    return keywords


async def set_flags(
    tx: Transaction,
    account: AccountId,
    mailbox: MailboxId,
    uids: Sequence[int],
    how: FlagChange,
    keywords: Keywords,
    *,
    deleted: bool,
    unchanged_since: int | None,
    now_ms: int,
) -> tuple[list[FetchRow], list[int]]:
    """One slice of STORE; see `Store.set_flags`."""
    revision = await Revision.begin(tx, account, now_ms)
    await revision.mailbox(mailbox)
    where = stretch.stretch(mailbox, uids)
    late: list[int] = []
    if unchanged_since is not None:
        rows = await stretch.rows(tx, where)
        late = [row.uid for row in rows if row.modseq > unchanged_since]
        uids = [row.uid for row in rows if row.modseq <= unchanged_since]
        if not uids:
            return [], late
        where = stretch.stretch(mailbox, uids)
    mark = _mark(how, deleted=deleted)
    if mark is not None and await stretch.all_deleted(tx, where, mark):
        mark = None
    sets = await stretch.keyword_sets(tx, where)
    changed = {now: changed_keywords(now, how, keywords) for now in sets}
    differ = any(now != after for now, after in changed.items())
    if mark is not None and not await marking.is_plain(tx, where):
        await _one_by_one(revision, mailbox, await stretch.rows(tx, where), changed, mark)
    elif differ or mark is not None:
        listed = False
        if differ:
            await stretch.set_keywords(tx, revision, where, changed)
        if mark is not None:
            listed = await marking.mark(tx, revision, where, mark)
        await revision.settle(listed=listed)
    return await stretch.rows(tx, where), late


def _mark(how: FlagChange, *, deleted: bool) -> int | None:
    r"""What becomes of `\Deleted`; None for as it is."""
    if how is FlagChange.REPLACE:
        return int(deleted)
    return int(how is FlagChange.ADD) if deleted else None


async def _one_by_one(
    revision: Revision,
    mailbox: int,
    rows: Sequence[FetchRow],
    changed: Mapping[Keywords, Keywords],
    mark: int,
) -> None:
    """Change messages in memory: some Email is in the Mailbox twice."""
    await revision.load(list(dict.fromkeys(row.email for row in rows)))
    for row in rows:
        message = revision.messages[row.email]
        revision.set_keywords(message, changed[Keywords(row.flags, row.extra)])
        revision.mark(message, _placement(message, mailbox, row.uid), mark)
    await revision.finish()


def _placement(message: Message, mailbox: int, uid: int) -> Placement:
    for placement in message.placements:
        if placement.uid == uid and placement.mailbox == mailbox:
            return placement
    raise NotFound("no such placement")


async def copied_nothing(tx: Transaction, account: AccountId, to: MailboxId) -> Copied:
    """The answer where no message was named.

    Raises:
        NotFound: the destination is gone.
    """
    return Copied((await mailboxes.get(tx, account, to)).uid_validity, (), ())


async def copy(
    tx: Transaction,
    account: AccountId,
    mailbox: MailboxId,
    ranges: Sequence[tuple[int, int]],
    to: MailboxId,
    now_ms: int,
) -> Copied:
    """COPY, whole.

    Raises:
        OverQuota: the Mailbox would hold the same Emails too many times.
    """
    uids = await fetch.uids_in(tx, mailbox, ranges)
    row = await tx.row(
        "SELECT m.messages, a.used_emails FROM mailboxes m JOIN accounts a ON a.id = m.account"
        " WHERE m.id = ?1 AND a.id = ?2",
        to,
        account,
    )
    if row is not None and row[0] + len(uids) > max(FREE_COPIES, MOST_COPIES * row[1]):
        raise OverQuota("the Mailbox holds the same messages too many times")
    return await _place(tx, account, mailbox, uids, to, now_ms, move=False)


async def move(
    tx: Transaction,
    account: AccountId,
    mailbox: MailboxId,
    uids: Sequence[int],
    to: MailboxId,
    now_ms: int,
) -> Copied:
    """One slice of MOVE."""
    return await _place(tx, account, mailbox, uids, to, now_ms, move=True)


async def _place(
    tx: Transaction,
    account: AccountId,
    mailbox: MailboxId,
    uids: Sequence[int],
    to: MailboxId,
    now_ms: int,
    *,
    move: bool,
) -> Copied:
    revision = await Revision.begin(tx, account, now_ms)
    await revision.mailbox(mailbox)
    validity = (await revision.mailbox(to)).uid_validity
    if not uids:
        return Copied(validity, (), ())
    where = stretch.stretch(mailbox, uids)
    if await stretch.is_plain(tx, revision, where, to, move=move):
        source, destination = await stretch.place(tx, revision, where, to, move=move)
        return Copied(validity, tuple(source), tuple(destination))
    rows = await stretch.rows(tx, where)
    await revision.load(list(dict.fromkeys(row.email for row in rows)))
    placed = []
    for row in rows:
        message = revision.messages[row.email]
        placed.append(revision.place(message, to).uid)
        if move:
            revision.unplace(message, _placement(message, mailbox, row.uid))
    await revision.finish()
    return Copied(validity, tuple([row.uid for row in rows]), tuple(placed))


async def expunge(
    tx: Transaction,
    account: AccountId,
    mailbox: MailboxId,
    uids: Sequence[int],
    now_ms: int,
    *,
    marked_only: bool = True,
) -> list[int]:
    r"""One slice of EXPUNGE: the placements of these UIDs that have `\Deleted`, or all of them."""
    revision = await Revision.begin(tx, account, now_ms)
    await revision.mailbox(mailbox)
    where = stretch.stretch(mailbox, uids)
    listed = False
    if not marked_only:
        if not await marking.is_plain(tx, where):
            return await _unplace(tx, revision, where)
        listed = await marking.mark(tx, revision, where, 1)
    gone = await marking.marked(tx, where)
    if gone:
        await marking.expunge(tx, revision, where)
        await revision.settle(listed=listed)
    return gone


async def _unplace(tx: Transaction, revision: Revision, where: stretch.Stretch) -> list[int]:
    """Take placements away one by one: some Email is in the Mailbox twice."""
    rows = await stretch.rows(tx, where)
    await revision.load(list(dict.fromkeys(row.email for row in rows)))
    for row in rows:
        message = revision.messages[row.email]
        revision.unplace(message, _placement(message, where.mailbox, row.uid))
    await revision.finish()
    return [row.uid for row in rows]


async def expunge_one(tx: Transaction, where: Replaced, now_ms: int) -> None:
    r"""Remove a placement, with or without `\Deleted`.

    Raises:
        NotFound: the Mailbox has no such UID.
    """
    if not await expunge(tx, where.account, where.mailbox, [where.uid], now_ms, marked_only=False):
        raise NotFound("no such message")


async def freed_by(tx: Transaction, where: Replaced) -> tuple[int, int]:
    """Octets and Emails that an account loses with a placement.

    Raises:
        NotFound: the Mailbox has no such UID.
    """
    row = await tx.row(
        "SELECT e.size_octets, (SELECT count(*) FROM placements q WHERE q.email = p.email) FROM placements p"
        " JOIN emails e ON e.id = p.email WHERE p.mailbox = ?1 AND p.uid = ?2 AND e.account = ?3",
        where.mailbox,
        where.uid,
        where.account,
    )
    if row is None:
        raise NotFound("no such message")
    return (row[0], 1) if row[1] == 1 else (0, 0)
