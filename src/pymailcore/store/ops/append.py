"""Filing a message: the rows of one new Email with its placements."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.base.errors import NotFound, OverQuota
from pymailcore.base.ids import AccountId, EmailId, MailboxId, ModSeq, ThreadId, Uid
from pymailcore.message.prepare import Prepared
from pymailcore.store.blobids import email_blob
from pymailcore.store.folding import HeaderValues
from pymailcore.store.keywords import Keywords
from pymailcore.store.ops import blob_rows
from pymailcore.store.ops.footprint import Message
from pymailcore.store.ops.revision import Revision
from pymailcore.store.ops.threads import choose_thread
from pymailcore.store.types import Appended, Target, Transaction

_DATA: Final = (
    "INSERT INTO email_data (email, envelope, bodystructure, parts, facts, recipe)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
)
_HEADERS: Final = (
    "INSERT INTO email_headers (email, from_text, to_text, cc_text, bcc_text, subject_text, base_subject,"
    " from_sort, to_sort) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
)


class NewEmail(NamedTuple):
    """A message on its way into one account; the ids were minted outside of the transaction."""

    account: AccountId
    email: int
    thread: int  # if it joins no other
    targets: tuple[Target, ...]
    keys: list[int]  # for Threads


async def append(
    tx: Transaction,
    new: NewEmail,
    prepared: Prepared,
    header: HeaderValues,
    recipe: bytes,
    blobs: Sequence[int],
    received_ms: int,
) -> list[Appended]:
    """File a message into Mailboxes of one account, as one Email.

    Raises:
        NotFound: the account or a Mailbox is gone.
        OverQuota: the account is full.
    """
    revision = await Revision.begin(tx, new.account)
    size = prepared.size_octets
    if revision.quota_octets is not None and revision.used_octets + size > revision.quota_octets:
        raise OverQuota("the account is full")
    mailboxes = [await _resolve(tx, revision, target) for target in new.targets]
    thread = await choose_thread(tx, new.account, new.keys, new.thread)
    keywords = Keywords()
    for target in new.targets:
        keywords |= target.keywords
    message = Message(new.email, thread, size, received_ms, keywords.flags, keywords.extra, 0, 0, 0)
    revision.add(message, (prepared.sent_ms, header.sent_local_ms, int(prepared.has_attachment)))
    uids = []
    for mailbox in mailboxes:
        there = await revision.mailbox(mailbox)
        uids.append((there.uid_validity, revision.place(message, mailbox).uid))
    await revision.finish()
    await tx.run(
        _DATA, new.email, prepared.envelope, prepared.bodystructure, prepared.parts,
        prepared.facts, recipe,
    )  # fmt: skip
    await tx.run(_HEADERS, new.email, *header.columns)
    await blob_rows.refer(tx, new.email, revision.tenant, new.account, blobs)
    return [
        Appended(
            new.account,
            EmailId(new.email),
            ThreadId(thread),
            email_blob(new.email),
            MailboxId(mailbox),
            uid_validity,
            Uid(uid),
            ModSeq(revision.modseq),
            size,
        )
        for mailbox, (uid_validity, uid) in zip(mailboxes, uids, strict=True)
    ]


async def _resolve(tx: Transaction, revision: Revision, target: Target) -> int:
    if not isinstance(target.mailbox, str):
        return target.mailbox
    row = await tx.row(
        "SELECT id FROM mailboxes WHERE account = ?1 AND role = ?2", revision.account, target.mailbox
    )
    if row is None:
        raise NotFound("no Mailbox has this role")
    return int(row[0])
