"""Accounts as the store sees them: their Mailboxes, their tenant's key, their uploads."""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pymailcore.base.errors import NotFound, OverQuota
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.store.ops import blob_rows, mailboxes
from pymailcore.store.settings import StoreSettings
from pymailcore.store.types import Transaction

_KEY_OCTETS = 32


async def ensure_tenant(tx: Transaction, tenant: TenantId) -> None:
    """Give a tenant the key under which its blobs are addressed, once."""
    await tx.run(
        "INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
        f"tenant:{tenant}",
        secrets.token_bytes(_KEY_OCTETS),
    )


async def create(
    tx: Transaction, account: AccountId, tenant: TenantId, new_id: Callable[[], int], now_ms: int
) -> None:
    """Give an account, whose row is there, its Mailboxes.

    Raises:
        NotFound: there is no such account row.
    """
    await ensure_tenant(tx, tenant)
    await mailboxes.create_defaults(tx, account, new_id, now_ms)
    row = await tx.row("SELECT modseq FROM accounts WHERE id = ?1", account)
    if row is not None:
        tx.announce(account, row[0])


async def tenant_of(tx: Transaction, account: AccountId) -> TenantId:
    """The tenant of an account.

    Raises:
        NotFound: no such account.
    """
    row = await tx.row("SELECT tenant FROM accounts WHERE id = ?1", account)
    if row is None:
        raise NotFound("no such account")
    return TenantId(row[0])


async def some_emails(tx: Transaction, account: AccountId, most: int) -> list[int]:
    """Some Emails of an account."""
    return [
        row[0] for row in await tx.rows("SELECT id FROM emails WHERE account = ?1 LIMIT ?2", account, most)
    ]


async def clear(tx: Transaction, account: AccountId) -> None:
    """Remove what an account without Emails still has in the store; its own row is the directory's."""
    await tx.run(
        "DELETE FROM expunged WHERE mailbox IN (SELECT id FROM mailboxes WHERE account = ?1)", account
    )
    await tx.run("DELETE FROM blob_refs WHERE owner IN (SELECT id FROM uploads WHERE account = ?1)", account)
    for table in ("mailboxes", "threads", "thread_keys", "uploads", "removed"):
        await tx.run(f"DELETE FROM {table} WHERE account = ?1", account)


class Upload(NamedTuple):
    """An upload on its way in."""

    account: AccountId
    tenant: TenantId
    key: bytes
    size_octets: int
    id: int
    now_ms: int


async def add_upload(tx: Transaction, upload: Upload, blobs: Sequence[int], settings: StoreSettings) -> None:
    """Note an upload, or prolong one of the same octets.

    Raises:
        OverQuota: the account holds too many.
    """
    await blob_rows.expire_uploads(tx, upload.account, upload.now_ms)
    expires_ms = upload.now_ms + int(settings.upload_hours * 3_600_000)
    again = await tx.run(
        "UPDATE uploads SET expires_ms = ?3 WHERE account = ?1 AND key = ?2",
        upload.account,
        upload.key,
        expires_ms,
    )
    if again:
        return
    row = await tx.row(
        "SELECT count(*), coalesce(sum(size_octets), 0) FROM uploads WHERE account = ?1", upload.account
    )
    count, octets = row or (0, 0)
    if (
        count >= settings.uploads_per_account
        or octets + upload.size_octets > settings.upload_octets_per_account
    ):
        raise OverQuota("the account holds too many uploads")
    await tx.run(
        "INSERT INTO uploads (id, account, key, size_octets, created_ms, expires_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        upload.id, upload.account, upload.key, upload.size_octets, upload.now_ms, expires_ms,
    )  # fmt: skip
    await blob_rows.refer(tx, upload.id, upload.tenant, upload.account, blobs)
