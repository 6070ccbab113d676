"""The same changes of a store by set statements and Email by Email, and all rows that they leave."""

from collections.abc import Sequence

import pytest

from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.ops import marking, selected, stretch
from pymailcore.store.ops.revision import Revision
from pymailcore.store.types import Row, Transaction

TABLES = (
    "SELECT path, uid_next, highest_modseq, counts_modseq, messages, unseen, deleted, size_octets,"
    " total_emails, unread_emails, total_threads, unread_threads FROM mailboxes ORDER BY path",
    "SELECT id, thread, flags, extra, visible, flags_modseq, created_modseq, changed_modseq FROM emails"
    " ORDER BY id",
    "SELECT m.path, p.uid, p.email, p.deleted, p.arrived_modseq, p.modseq, p.saved_ms FROM placements p"
    " JOIN mailboxes m ON m.id = p.mailbox ORDER BY 1, 2",
    "SELECT id, members, emails, unread, unread_trash, created_modseq, changed_modseq FROM threads"
    " ORDER BY id",
    "SELECT tm.thread, m.path, tm.emails FROM thread_mailboxes tm JOIN mailboxes m ON m.id = tm.mailbox"
    " ORDER BY 1, 2",
    "SELECT modseq, email_modseq, mailbox_modseq, thread_modseq, used_octets, used_emails, kept_octets"
    " FROM accounts",
    "SELECT modseq, uid, arrived, email, saved_ms, gone_ms FROM expunged ORDER BY modseq, uid",
    "SELECT kind, modseq, created, CASE WHEN kind <> 'mailbox' THEN id END, thread, gone_ms FROM removed"
    " ORDER BY modseq, kind, id",
    "SELECT k.id, m.path, k.thread, k.flags, k.extra, k.size_octets, k.received_ms, k.sent_ms,"
    " k.has_attachment, k.gone_ms FROM kept_emails k LEFT JOIN mailboxes m ON m.id = k.mailbox ORDER BY k.id",
)


async def tables(tx: Transaction) -> list[list[Row]]:
    return [await tx.rows(sql) for sql in TABLES]


async def expunge_by_revision(
    tx: Transaction,
    account: AccountId,
    mailbox: MailboxId,
    uids: Sequence[int],
    now_ms: int,
    *,
    marked_only: bool = True,
) -> list[int]:
    """What `selected.expunge` does, in memory."""
    revision = await Revision.begin(tx, account, now_ms)
    rows = await stretch.rows(tx, stretch.stretch(mailbox, uids))
    rows = [row for row in rows if row.deleted or not marked_only]
    await revision.load(list({row.email for row in rows}))
    for row in rows:
        message = revision.messages[row.email]
        (placement,) = [p for p in message.placements if (p.mailbox, p.uid) == (mailbox, row.uid)]
        revision.unplace(message, placement)
    await revision.finish()
    return [row.uid for row in rows]


def only_revisions(patch: pytest.MonkeyPatch) -> None:
    """Let `Revision` do what set statements would do."""

    async def never(*_: object, **__: object) -> bool:
        return False

    patch.setattr(stretch, "is_plain", never)
    patch.setattr(marking, "is_plain", never)
    patch.setattr(selected, "expunge", expunge_by_revision)
