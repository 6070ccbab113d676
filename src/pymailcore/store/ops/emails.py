"""Emails as JMAP sees and changes them.

Standards: RFC 8621 sections 4.1.1, 4.2, 4.6 (Email/set), 4.3 (Email/changes is in changes.py).
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

from collections.abc import Sequence

import orjson

from pymailcore.base.errors import InvalidValue, NotFound, PermanentFailure, StateMismatch
from pymailcore.base.ids import AccountId
from pymailcore.store.blobids import email_blob
from pymailcore.store.columns import unpack_wanted
from pymailcore.store.keywords import MAX_KEYWORDS
from pymailcore.store.ops.footprint import Message
from pymailcore.store.ops.revision import Revision
from pymailcore.store.types import EmailRow, EmailUpdate, Transaction


async def read(
    tx: Transaction,
    account: AccountId,
    ids: Sequence[int],
    *,
    facts: bool,
    parts: bool,
    hidden: bool = False,
) -> list[EmailRow]:
    """Visible Emails by id, in the order asked for; also those that JMAP does not see, if `hidden`."""
    listed = orjson.dumps(list(ids)).decode()
    columns = f"{'d.facts' if facts else 'NULL'}, {'d.parts' if parts else 'NULL'}"
    join = " JOIN email_data d ON d.email = e.id" if facts or parts else ""
    rows = await tx.rows(
        f"SELECT e.id, e.thread, e.size_octets, e.received_ms, e.flags, e.extra, {columns}"
        f" FROM emails e{join} WHERE e.id IN (SELECT value FROM json_each(?2))"
        " AND +e.account = ?1 AND e.visible >= ?3",
        account,
        listed,
        int(not hidden),
    )
    places: dict[int, list[int]] = {}
    for email, mailbox in await tx.rows(
        "SELECT DISTINCT email, mailbox FROM placements WHERE email IN (SELECT value FROM json_each(?1))"
        " AND deleted = 0 ORDER BY mailbox",
        listed,
    ):
        places.setdefault(email, []).append(mailbox)
    found = {
        row[0]: EmailRow(
            row[0], row[1], email_blob(row[0]), row[2], row[3], row[4], row[5], tuple(places.get(row[0], ())),
            unpack_wanted(row[6]), unpack_wanted(row[7]),
        )
        for row in rows
    }  # fmt: skip
    return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]


def _require_state(revision: Revision, if_modseq: int | None) -> None:
    if if_modseq is not None and if_modseq != revision.email_modseq:
        raise StateMismatch("the Emails changed meanwhile")


async def update(
    tx: Transaction,
    account: AccountId,
    updates: Sequence[EmailUpdate],
    if_modseq: int | None,
    now_ms: int,
) -> dict[int, Exception]:
    """Change keywords and Mailboxes of Emails; see `Store.update_emails`."""
    revision = await Revision.begin(tx, account, now_ms)
    _require_state(revision, if_modseq)
    await revision.load([update.email for update in updates])
    refused: dict[int, Exception] = {}
    for update in updates:
        message = revision.messages.get(update.email)
        try:
            if message is None or not _visible(message):
                raise NotFound("no such Email")
            await _update_one(revision, message, update)
        except PermanentFailure as failure:
            refused[update.email] = failure
    await revision.finish()
    return refused


def _visible(message: Message) -> bool:
    return any(not placement.deleted for placement in message.placements)


async def _update_one(revision: Revision, message: Message, update: EmailUpdate) -> None:
    keywords = message.keywords if update.keywords is None else update.keywords
    keywords = (keywords | update.add).without(update.remove)
    if len(keywords.names) > MAX_KEYWORDS:
        raise InvalidValue("too many keywords")
    now = frozenset(placement.mailbox for placement in message.placements if not placement.deleted)
    wanted: frozenset[int] = now if update.mailboxes is None else update.mailboxes
    wanted = (wanted | update.add_mailboxes) - update.remove_mailboxes
    if not wanted:
        raise InvalidValue("an Email is in at least one Mailbox")
    for mailbox in wanted - now:
        await revision.mailbox(mailbox)
    revision.set_keywords(message, keywords)
    for mailbox in sorted(wanted - now):
        hidden = [placement for placement in message.placements if placement.mailbox == mailbox]
        if hidden:  # it is there with \Deleted: adding the Mailbox clears that
            revision.mark(message, hidden[0], 0)
        else:
            revision.place(message, mailbox)
    for placement in list(message.placements):
        if placement.mailbox in now and placement.mailbox not in wanted:
            revision.unplace(message, placement)


async def destroy(
    tx: Transaction,
    account: AccountId,
    ids: Sequence[int],
    if_modseq: int | None,
    now_ms: int,
    *,
    visible_only: bool = True,
) -> list[int]:
    """Remove Emails with all their placements, kept for undelete; gives those that were there."""
    revision = await Revision.begin(tx, account, now_ms)
    _require_state(revision, if_modseq)
    await revision.load(list(dict.fromkeys(ids)))
    gone = []
    for id_ in dict.fromkeys(ids):
        message = revision.messages.get(id_)
        if message is None or (visible_only and not _visible(message)):
            continue
        for placement in list(message.placements):
            revision.unplace(message, placement)
        gone.append(id_)
    await revision.finish()
    return gone
