"""Copies of Emails in another account of the same tenant: new Emails over the same blobs.

Standards: RFC 9051 section 6.4.7 (COPY keeps flags and internal date), RFC 8621 section 4.7 (Email/copy).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from pymailcore.base.ids import AccountId
from pymailcore.store.folding import HEADER_COLUMNS
from pymailcore.store.keywords import Keywords
from pymailcore.store.ops import append, blob_rows, quota
from pymailcore.store.ops.footprint import Message
from pymailcore.store.ops.revision import Revision
from pymailcore.store.ops.threads import choose_thread, keys_of_facts
from pymailcore.store.types import Appended, Transaction

_SOURCE: Final = (
    "SELECT e.id, e.size_octets, e.received_ms, e.flags, e.extra, e.sent_ms, e.sent_local_ms,"
    " e.has_attachment,"
    " d.facts FROM emails e JOIN email_data d ON d.email = e.id"
    " WHERE e.id IN (SELECT value FROM json_each(?1))"
    " AND +e.account = ?2"
)
_DATA: Final = (
    "INSERT INTO email_data (email, envelope, bodystructure, parts, facts, recipe)"
    " SELECT ?2, envelope, bodystructure, parts, facts, recipe FROM email_data WHERE email = ?1"
)
_COLUMNS: Final = ", ".join(HEADER_COLUMNS)
_HEADERS: Final = (
    f"INSERT INTO email_headers (email, {_COLUMNS})"  # noqa: S608 - names of columns
    f" SELECT ?2, {_COLUMNS} FROM email_headers WHERE email = ?1"
)
_REFS: Final = (
    "INSERT INTO blob_refs (owner, blob, tenant, account) SELECT ?2, blob, tenant, ?3 FROM blob_refs"
    " WHERE owner = ?1"
)


class Crossing(NamedTuple):
    """An Email that is to be copied; the ids were minted outside of the transaction."""

    email: int
    new_email: int
    new_thread: int  # if it joins no other
    mailboxes: tuple[int, ...]  # of the other account; twice is two placements
    keywords: Keywords | None = None  # None for those that it has
    received_ms: int | None = None


async def copy(
    tx: Transaction,
    source: AccountId,
    to: AccountId,
    wanted: Sequence[Crossing],
    tenant_key: bytes,
    limits: quota.Limits,
    now_ms: int,
) -> list[list[Appended]]:
    """Copy Emails, all or none; for each what it became, nothing where the source has it no more.

    Raises:
        NotFound: the other account or a Mailbox is gone.
        OverQuota: they do not all fit.
    """
    await tx.lock("accounts", sorted({source, to}))
    ids = orjson.dumps([one.email for one in wanted]).decode()
    rows = {row[0]: row for row in await tx.rows(_SOURCE, ids, source)}
    there = [one for one in wanted if one.email in rows]
    if not there:
        return [[] for _ in wanted]
    revision = await Revision.begin(tx, to, now_ms)
    quota.require(revision, limits, sum(rows[one.email][1] for one in there), len(there))
    made: dict[int, list[Appended]] = {}
    for one in there:
        _, size, received_ms, flags, extra, *fixed, facts = rows[one.email]
        keys = keys_of_facts(tenant_key, facts)
        thread = await choose_thread(tx, to, keys, one.new_thread, revision.begun)
        if thread == one.new_thread:
            revision.begun.add(thread)
        keywords = one.keywords or Keywords(flags, extra)
        if one.received_ms is not None:
            received_ms = one.received_ms
        message = Message(one.new_email, thread, size, received_ms, *keywords, 0, 0, 0)
        revision.add(message, (fixed[0], fixed[1], fixed[2]))
        made[one.new_email] = [await append.place(revision, message, mailbox) for mailbox in one.mailboxes]
    blobs = await tx.rows(
        "SELECT DISTINCT blob FROM blob_refs WHERE owner IN (SELECT value FROM json_each(?1))", ids
    )
    await blob_rows.take_up(tx, [row[0] for row in blobs])
    pairs = [(one.email, one.new_email) for one in there]
    await tx.run_many(_DATA, pairs)
    await tx.run_many(_HEADERS, pairs)
    await tx.run_many(_REFS, [(*pair, to) for pair in pairs])
    await revision.finish()
    return [made.get(one.new_email, []) for one in wanted]
