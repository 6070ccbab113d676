"""Filing messages: the rows of new Emails with their placements, one account at a time."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pymailcore.base.ids import AccountId, EmailId, MailboxId, ModSeq, ThreadId, Uid
from pymailcore.message.prepare import Prepared
from pymailcore.store.blobids import email_blob
from pymailcore.store.columns import Columns
from pymailcore.store.folding import HEADER_COLUMNS, HeaderValues
from pymailcore.store.keywords import Keywords
from pymailcore.store.ops import quota
from pymailcore.store.ops.footprint import Message
from pymailcore.store.ops.revision import Revision
from pymailcore.store.ops.threads import choose_thread
from pymailcore.store.types import Appended, Target, Transaction

_DATA: Final = (
    "INSERT INTO email_data (email, envelope, bodystructure, parts, facts, recipe)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
)
INSERT_HEADERS: Final = (
    f"INSERT INTO email_headers (email, {', '.join(HEADER_COLUMNS)})"  # noqa: S608 - names of columns
    f" VALUES ({', '.join(f'?{place}' for place in range(1, len(HEADER_COLUMNS) + 2))})"
)
"""Header text of an Email: its id, and `HeaderValues.columns`."""

_REFER: Final = (
    "INSERT INTO blob_refs (owner, blob, tenant, account) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (owner, blob) DO NOTHING"
)


class Stored(NamedTuple):
    """A message whose blobs are known; what its rows need."""

    prepared: Prepared
    header: HeaderValues
    columns: Columns  # of email_data
    recipe: bytes
    keys: list[int]  # for Threads
    blobs: tuple[bytes, ...]  # their addresses
    received_ms: int


class NewEmail(NamedTuple):
    """A message on its way into one account; the ids were minted outside of the transaction."""

    message: Stored
    email: int
    thread: int  # if it joins no other
    targets: tuple[Target, ...]


async def append(
    tx: Transaction,
    account: AccountId,
    new: Sequence[NewEmail],
    blobs: Mapping[bytes, int],
    limits: quota.Limits,
    now_ms: int,
    *,
    credit: tuple[int, int] = (0, 0),
) -> list[list[Appended]]:
    """File messages into Mailboxes of one account, each as one Email, all under one modseq.

    Args:
        blobs: the number of each blob.
        credit: octets and Emails that the account will lose in the same transaction.

    Raises:
        NotFound: the account or a Mailbox is gone.
        OverQuota: a limit of the account, its domain or its tenant is reached.
    """
    revision = await Revision.begin(tx, account, now_ms)
    octets = sum(one.message.prepared.size_octets for one in new)
    quota.require(revision, limits, octets - credit[0], len(new) - credit[1])
    filed = []
    for one in new:
        stored = one.message
        thread = await choose_thread(tx, account, stored.keys, one.thread, revision.begun)
        if thread == one.thread:
            revision.begun.add(thread)
        keywords = Keywords()
        for target in one.targets:
            keywords |= target.keywords
        prepared = stored.prepared
        message = Message(one.email, thread, prepared.size_octets, stored.received_ms, *keywords, 0, 0, 0)
        revision.add(message, (prepared.sent_ms, stored.header.sent_local_ms, int(prepared.has_attachment)))
        filed.append([await _file(revision, message, target) for target in one.targets])
    await revision.finish()
    await tx.run_many(
        _DATA,
        [
            (
                one.email, *one.message.columns, one.message.recipe,
            )
            for one in new
        ],
    )  # fmt: skip
    await tx.run_many(INSERT_HEADERS, [(one.email, *one.message.header.columns) for one in new])
    tenant = revision.tenant
    await tx.run_many(
        _REFER, [(one.email, blobs[key], tenant, account) for one in new for key in one.message.blobs]
    )
    return filed


async def _file(revision: Revision, message: Message, target: Target) -> Appended:
    if isinstance(target.mailbox, str):
        mailbox = await revision.mailbox_with_role(target.mailbox)
    else:
        mailbox = target.mailbox
    return await place(revision, message, mailbox, int(target.deleted))


async def place(revision: Revision, message: Message, mailbox: int, deleted: int = 0) -> Appended:
    """Add a placement of an Email that is new to the account, and give what its caller is told."""
    there = await revision.mailbox(mailbox)
    uid = revision.place(message, mailbox, deleted).uid
    return Appended(
        revision.account,
        EmailId(message.id),
        ThreadId(message.thread),
        email_blob(message.id),
        MailboxId(mailbox),
        there.uid_validity,
        Uid(uid),
        ModSeq(revision.modseq),
        message.size_octets,
    )
