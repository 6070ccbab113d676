"""Changing a selected Mailbox: STORE, COPY, MOVE, EXPUNGE, one slice at a time.

Standards: RFC 9051 sections 6.4.3, 6.4.6, 6.4.7 and 6.4.8, RFC 6851, RFC 7162 section 3.1.3 (UNCHANGEDSINCE).
"""

from collections.abc import Sequence
from typing import Final

import orjson

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.keywords import DRAFT, SEEN, Keywords
from pymailcore.store.ops import fetch, mailboxes
from pymailcore.store.ops.footprint import Message, Placement
from pymailcore.store.ops.revision import Revision
from pymailcore.store.types import Copied, FetchRow, FlagChange, Transaction

_COUNTED: Final = SEEN | DRAFT  # keywords that counters depend on

_IN_SLICE: Final = (
    "SELECT p.uid, p.email, e.flags, e.extra, p.deleted, max(e.flags_modseq, p.modseq), e.size_octets,"
    " e.received_ms, e.thread FROM placements p JOIN emails e ON e.id = p.email"
    " WHERE p.mailbox = ?1 AND p.uid BETWEEN ?2 AND ?3 AND p.uid IN (SELECT value FROM json_each(?4))"
    " ORDER BY p.uid"
)


async def _slice(tx: Transaction, mailbox: int, uids: Sequence[int]) -> list[FetchRow]:
    """Rows of these UIDs, which ascend."""
    if not uids:
        return []
    low, high = uids[0], uids[-1]
    if high - low + 1 == len(uids):
        sql = _IN_SLICE.replace(" AND p.uid IN (SELECT value FROM json_each(?4))", "")
        return [FetchRow(*row) for row in await tx.rows(sql, mailbox, low, high)]
    listed = orjson.dumps(list(uids)).decode()
    return [FetchRow(*row) for row in await tx.rows(_IN_SLICE, mailbox, low, high, listed)]


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
    rows = await _slice(tx, mailbox, uids)
    late = []
    if unchanged_since is not None:
        late = [row.uid for row in rows if row.modseq > unchanged_since]
        rows = [row for row in rows if row.modseq <= unchanged_since]
    wanted = {
        now: changed_keywords(Keywords(*now), how, keywords) for now in {(row[2], row[3]) for row in rows}
    }
    marking = deleted or how is FlagChange.REPLACE
    if not marking and not any((now[0] ^ after.flags) & _COUNTED for now, after in wanted.items()):
        return await _set_keywords(revision, rows, wanted), late
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


async def _set_keywords(
    revision: Revision, rows: list[FetchRow], wanted: dict[tuple[int, str], Keywords]
) -> list[FetchRow]:
    """Change keywords that no counter depends on."""
    groups: dict[Keywords, list[int]] = {}
    out = []
    modseq = revision.modseq
    for row in rows:
        uid, email, flags, extra, deleted, _, size_octets, received_ms, thread, *_ = row
        after = wanted[flags, extra]
        if after == (flags, extra):
            out.append(row)
            continue
        emails = groups.get(after)
        if emails is None:
            emails = groups[after] = []
        emails.append(email)
        out.append(
            FetchRow(uid, email, after.flags, after.extra, deleted, modseq, size_octets, received_ms, thread)
        )
    if groups:
        await revision.write_keywords(groups)
    return out


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


async def _loaded(tx: Transaction, revision: Revision, mailbox: int, uids: Sequence[int]) -> list[FetchRow]:
    rows = await _slice(tx, mailbox, uids)
    await revision.load(list(dict.fromkeys(row.email for row in rows)))
    return rows


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
    uids = await fetch.uids_in(tx, mailbox, ranges)
    revision = await Revision.begin(tx, account)
    await revision.mailbox(mailbox)
    validity = (await revision.mailbox(to)).uid_validity
    rows = await _loaded(tx, revision, mailbox, uids)
    placed = [revision.place(revision.messages[row.email], to).uid for row in rows]
    await revision.finish()
    return Copied(validity, tuple([row.uid for row in rows]), tuple(placed))


async def move(
    tx: Transaction, account: AccountId, mailbox: MailboxId, uids: Sequence[int], to: MailboxId
) -> Copied:
    """One slice of MOVE."""
    revision = await Revision.begin(tx, account)
    await revision.mailbox(mailbox)
    validity = (await revision.mailbox(to)).uid_validity
    rows = await _loaded(tx, revision, mailbox, uids)
    placed = []
    for row in rows:
        message = revision.messages[row.email]
        old = _placement(message, mailbox, row.uid)
        placed.append(revision.place(message, to).uid)
        revision.unplace(message, old)
    await revision.finish()
    return Copied(validity, tuple([row.uid for row in rows]), tuple(placed))


async def expunge(
    tx: Transaction, account: AccountId, mailbox: MailboxId, uids: Sequence[int], *, marked_only: bool = True
) -> list[int]:
    r"""One slice of EXPUNGE: the placements of these UIDs that have `\Deleted`, or all of them."""
    revision = await Revision.begin(tx, account)
    await revision.mailbox(mailbox)
    rows = [row for row in await _slice(tx, mailbox, uids) if row.deleted or not marked_only]
    await revision.load(list(dict.fromkeys(row.email for row in rows)))
    for row in rows:
        message = revision.messages[row.email]
        revision.unplace(message, _placement(message, mailbox, row.uid))
    await revision.finish()
    return [row.uid for row in rows]
