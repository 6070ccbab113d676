"""Changing a selected Mailbox: STORE, COPY, MOVE, EXPUNGE, one slice at a time.

Standards: RFC 9051 sections 6.4.3, 6.4.6, 6.4.7 and 6.4.8, RFC 6851, RFC 7162 section 3.1.3 (UNCHANGEDSINCE).
"""

from collections.abc import Sequence

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.keywords import Keywords
from pymailcore.store.ops import fetch, mailboxes, stretch
from pymailcore.store.ops.footprint import Message, Placement
from pymailcore.store.ops.revision import Revision
from pymailcore.store.types import Copied, FetchRow, FlagChange, Transaction


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
) -> tuple[list[FetchRow], list[int]]:
    """One slice of STORE; see `Store.set_flags`."""
    revision = await Revision.begin(tx, account)
    await revision.mailbox(mailbox)
    where = stretch.stretch(mailbox, uids)
    if how is FlagChange.REPLACE:
        keywords_only = await stretch.all_deleted(tx, where, int(deleted))
    else:
        keywords_only = not deleted
    if unchanged_since is None and keywords_only:
        sets = await stretch.keyword_sets(tx, where)
        changed = {now: changed_keywords(now, how, keywords) for now in sets}
        if any(now != after for now, after in changed.items()):
            await stretch.set_keywords(tx, revision, where, changed)
        return await stretch.rows(tx, where), []
    rows = await stretch.rows(tx, where)
    late = []
    if unchanged_since is not None:
        late = [row.uid for row in rows if row.modseq > unchanged_since]
        rows = [row for row in rows if row.modseq <= unchanged_since]
    wanted = {
        now: changed_keywords(Keywords(*now), how, keywords) for now in {(row[2], row[3]) for row in rows}
    }
    concerned = [
        row.email
        for row in rows
        if wanted[row.flags, row.extra] != (row.flags, row.extra)
        or _deleted_after(row.deleted, how, deleted=deleted) != row.deleted
    ]
    if not concerned:
        return rows, late
    await revision.load(list(dict.fromkeys(concerned)))
    for row in rows:
        message = revision.messages.get(row.email)
        if message is None:
            continue
        revision.set_keywords(message, wanted[row.flags, row.extra])
        mark = _deleted_after(row.deleted, how, deleted=deleted)
        if mark != row.deleted:
            revision.mark(message, _placement(message, mailbox, row.uid), mark)
    await revision.finish()
    return [_after(row, revision, mailbox) for row in rows], late


def _deleted_after(now: int, how: FlagChange, *, deleted: bool) -> int:
    if how is FlagChange.REPLACE:
        return int(deleted)
    if not deleted:
        return now
    return int(how is FlagChange.ADD)


def _after(row: FetchRow, revision: Revision, mailbox: int) -> FetchRow:
    message = revision.messages.get(row.email)
    if message is None:
        return row
    placement = _placement(message, mailbox, row.uid)
    modseq = max(message.flags_modseq, placement.modseq)
    return FetchRow(row[0], row[1], message.flags, message.extra, placement.deleted, modseq, *row[6:9])


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
    tx: Transaction, account: AccountId, mailbox: MailboxId, ranges: Sequence[tuple[int, int]], to: MailboxId
) -> Copied:
    """COPY, whole."""
    return await _place(tx, account, mailbox, await fetch.uids_in(tx, mailbox, ranges), to, move=False)


async def move(
    tx: Transaction, account: AccountId, mailbox: MailboxId, uids: Sequence[int], to: MailboxId
) -> Copied:
    """One slice of MOVE."""
    return await _place(tx, account, mailbox, uids, to, move=True)


async def _place(
    tx: Transaction, account: AccountId, mailbox: MailboxId, uids: Sequence[int], to: MailboxId, *, move: bool
) -> Copied:
    revision = await Revision.begin(tx, account)
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
    tx: Transaction, account: AccountId, mailbox: MailboxId, uids: Sequence[int], *, marked_only: bool = True
) -> list[int]:
    r"""One slice of EXPUNGE: the placements of these UIDs that have `\Deleted`, or all of them."""
    revision = await Revision.begin(tx, account)
    await revision.mailbox(mailbox)
    rows = await stretch.rows(tx, stretch.stretch(mailbox, uids))
    rows = [row for row in rows if row.deleted or not marked_only]
    await revision.load(list(dict.fromkeys(row.email for row in rows)))
    for row in rows:
        message = revision.messages[row.email]
        revision.unplace(message, _placement(message, mailbox, row.uid))
    await revision.finish()
    return [row.uid for row in rows]
