"""Accounts as the store sees them: their Mailboxes, their tenant's key, their uploads."""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

import secrets
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from pymailcore.base.errors import NotFound, OverQuota
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, TenantId
from pymailcore.store.ops import blob_rows, mailboxes
from pymailcore.store.settings import StoreSettings
from pymailcore.store.types import Database, Transaction

_KEY_OCTETS: Final = 32
_TABLES: Final = ("mailboxes", "threads", "uploads", "kept_mailboxes", "annotations", "imports")
_MANY: Final = (
    ("expunged", "mailbox, modseq, uid", "mailbox IN (SELECT id FROM mailboxes WHERE account = ?1)"),
    ("expunged", "mailbox, modseq, uid", "mailbox IN (SELECT id FROM kept_mailboxes WHERE account = ?1)"),
    ("removed", "account, kind, modseq, id", "account = ?1"),
    ("thread_keys", "account, key", "account = ?1"),
    ("restored_emails", "email", "account = ?1"),
    ("imported", "import, item", "import IN (SELECT id FROM imports WHERE account = ?1)"),
)
"""What an account may have very many of: table, key, which are its own."""


class Foundation(NamedTuple):
    """What a new account is made with, minted outside of the transaction.

    Attributes:
        ids: of its first Mailboxes.
        tenant_key: for its tenant, should that have none yet.
    """

    ids: tuple[int, ...]
    tenant_key: bytes
    now_ms: int


def new_foundation(new_id: Callable[[], int], now_ms: int) -> Foundation:
    """Mint what an account is made with."""
    return Foundation(tuple([new_id() for _ in mailboxes.DEFAULTS]), new_tenant_key(), now_ms)


def new_tenant_key() -> bytes:
    """Draw a key for a tenant."""
    return secrets.token_bytes(_KEY_OCTETS)


async def ensure_tenant(tx: Transaction, tenant: TenantId, key: bytes) -> None:
    """Give a tenant the key under which its blobs are addressed, once.

    Args:
        key: taken if it has none.
    """
    await tx.run(
        "INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
        f"tenant:{tenant}",
        key,
    )


async def ensure_first_tenant(database: Database) -> None:
    """Give a new store the key of its first tenant; one that has it, and may be frozen, is only read."""

    async def look(tx: Transaction) -> bool:
        return await tx.row("SELECT 1 FROM secrets WHERE name = ?1", f"tenant:{DEFAULT_TENANT}") is not None

    if not await database.look(look):
        key = new_tenant_key()
        await database.write(lambda tx: ensure_tenant(tx, DEFAULT_TENANT, key))


async def create(tx: Transaction, made: Sequence[tuple[AccountId, TenantId, Foundation]]) -> None:
    """Give new accounts, whose rows are there, their Mailboxes."""
    keys = {tenant: given for _, tenant, given in reversed(made)}
    for tenant, given in sorted(keys.items(), key=lambda pair: pair[0]):
        await ensure_tenant(tx, tenant, given.tenant_key)
    now_ms = max((given.now_ms for _, _, given in made), default=0)
    modseq = await mailboxes.create_defaults(tx, [(one, given.ids) for one, _, given in made], now_ms)
    for account, _, _ in made:
        tx.announce(account, modseq)


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


async def clear(tx: Transaction, account: AccountId, most: int) -> bool:
    """Remove what an account without Emails, there or kept, still has in the store; False: call it again.

    One call takes about `most` rows. Its own row is the directory's.
    """
    await tx.lock("accounts", (account,))
    for table in ("emails", "kept_emails"):
        if await tx.row(f"SELECT 1 FROM {table} WHERE account = ?1 LIMIT 1", account) is not None:
            return False  # it came meanwhile
    for table, key, mine in _MANY:
        some = f"(SELECT {key} FROM {table} WHERE {mine} LIMIT ?2)"
        if await tx.run(f"DELETE FROM {table} WHERE {mine} AND ({key}) IN {some}", account, most) >= most:
            return False
    for names in ("mailboxes", "kept_mailboxes"):
        mine = f"(SELECT id FROM {names} WHERE account = ?1)"
        await tx.run(f"DELETE FROM rights WHERE mailbox IN {mine}", account)
    await tx.run("DELETE FROM rights WHERE account = ?1", account)
    uploads = await tx.rows("SELECT id FROM uploads WHERE account = ?1", account)
    await blob_rows.let_go(tx, [row[0] for row in uploads])
    for table in _TABLES:
        await tx.run(f"DELETE FROM {table} WHERE account = ?1", account)
    await tx.run("UPDATE accounts SET used_mailboxes = 0 WHERE id = ?1", account)
    return True


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
    await tx.lock("accounts", (upload.account,))
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
