"""Copies into another account: over the same blobs inside a tenant, from the octets into another one.

Blobs are addressed, and at rest encrypted, under a key of the tenant: another tenant gets blobs of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pymailcore.base.errors import TooLarge
from pymailcore.base.ids import AccountId, EmailId, MailboxId, TenantId
from pymailcore.message.prepare import prepare
from pymailcore.runtime.threads import compute
from pymailcore.store import delivering, reading
from pymailcore.store.engine import Engine
from pymailcore.store.keywords import Keywords
from pymailcore.store.ops import accounts, across, emails, fetch, mailboxes
from pymailcore.store.types import Appended, Copied, Incoming, Target, Transaction

MOST_OCTETS: Final = 128 * 1024 * 1024
"""Of one copy into another tenant, which is in memory as a whole."""

Ranges = Sequence[tuple[int, int]]


class EmailCopy(NamedTuple):
    """An Email that is to be copied (RFC 8621 section 4.7); None keeps what it has."""

    email: EmailId
    mailboxes: tuple[MailboxId, ...]
    keywords: Keywords | None = None
    received_ms: int | None = None


async def copy_emails(
    engine: Engine, source: AccountId, to: AccountId, wanted: Sequence[EmailCopy]
) -> list[list[Appended]]:
    """Copy Emails; see `Store.copy_emails`."""

    async def tenants(tx: Transaction) -> tuple[TenantId, TenantId]:
        return await accounts.tenant_of(tx, source), await accounts.tenant_of(tx, to)

    theirs, ours = await engine.look(tenants)
    if theirs != ours:
        return await _store_again(engine, source, to, ours, wanted)
    engine.space.require()
    tenant_key = await engine.tenant_key(ours)
    limits = await engine.quotas.limits()
    now_ms = engine.now_ms()
    crossings = [
        across.Crossing(
            one.email, engine.ids.new(), engine.ids.new(), one.mailboxes, one.keywords, one.received_ms
        )
        for one in wanted
    ]
    return await engine.database.write(
        lambda tx: across.copy(tx, source, to, crossings, tenant_key, limits, now_ms)
    )


async def _store_again(
    engine: Engine, source: AccountId, to: AccountId, tenant: TenantId, wanted: Sequence[EmailCopy]
) -> list[list[Appended]]:
    """Read the messages and file them as if they had just come."""
    ids = [one.email for one in wanted]
    rows = {
        row.id: row
        for row in await engine.database.read(
            lambda tx: emails.read(tx, source, ids, facts=False, parts=False, hidden=True)
        )
    }
    if sum(row.size_octets for row in rows.values()) > MOST_OCTETS:
        raise TooLarge("too much for one copy into another tenant")
    octets = dict(
        await engine.reading(lambda blobs: reading.messages(blobs, source, list(rows), 2 * MOST_OCTETS))
    )
    there = [one for one in wanted if one.email in octets]
    incoming = []
    for one in there:
        row = rows[one.email]
        keywords = one.keywords or Keywords(row.flags, row.extra)
        received_ms = row.received_ms if one.received_ms is None else one.received_ms
        prepared = await compute(prepare, octets[one.email])
        targets = [Target(to, mailbox, keywords) for mailbox in one.mailboxes]
        incoming.append(Incoming(prepared, targets, received_ms))
    filed = iter(await delivering.deliver(engine, incoming, tenant)) if incoming else iter(())
    return [next(filed) if one.email in octets else [] for one in wanted]


async def copy(
    engine: Engine, account: AccountId, mailbox: MailboxId, ranges: Ranges, to: AccountId, into: MailboxId
) -> Copied:
    """COPY into a Mailbox of another account; see `Store.copy_across`."""

    async def look(tx: Transaction) -> tuple[list[tuple[int, int]], int]:
        await mailboxes.get(tx, account, mailbox)
        uids = await fetch.uids_in(tx, mailbox, ranges)
        validity = (await mailboxes.get(tx, to, into)).uid_validity
        return await fetch.emails_of(tx, mailbox, uids), validity

    placed, validity = await engine.database.read(look)
    by_email: dict[int, list[int]] = {}
    for uid, email in placed:
        by_email.setdefault(email, []).append(uid)
    wanted = [EmailCopy(EmailId(email), (into,) * len(uids)) for email, uids in by_email.items()]
    done = await copy_emails(engine, account, to, wanted) if wanted else []
    pairs = _paired(by_email, done)
    return Copied(validity, tuple([uid for uid, _ in pairs]), tuple([uid for _, uid in pairs]))


def _paired(by_email: Mapping[int, list[int]], done: Sequence[list[Appended]]) -> list[tuple[int, int]]:
    """UIDs there and here, by UID there; what was gone meanwhile is left out."""
    return sorted(
        (uid, one.uid)
        for uids, filed in zip(by_email.values(), done, strict=True)
        for uid, one in zip(uids, filed, strict=False)
    )
