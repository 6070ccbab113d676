"""Rows of blobs: where they lie, who needs them."""

from collections.abc import Callable, Mapping, Sequence

import orjson

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.store.blobs import BlobGone
from pymailcore.store.packs import Location
from pymailcore.store.types import Transaction

_INSERT = (
    "INSERT INTO blobs (id, tenant, key, pack, position, stored_octets, size_octets, encoding, crc)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (tenant, key) DO NOTHING RETURNING id"
)
_FIND = "SELECT id FROM blobs WHERE tenant = ?1 AND key = ?2"
_LOCATE = (
    "SELECT pack, position, stored_octets, size_octets, encoding, crc FROM blobs"
    " WHERE tenant = ?1 AND key = ?2"
)


async def claim(
    tx: Transaction,
    tenant: TenantId,
    keys: Sequence[bytes],
    locations: Mapping[bytes, Location],
    new_id: Callable[[], int],
) -> list[int]:
    """Give the blobs' numbers, adding rows for what was just written.

    Raises:
        BlobGone: one is neither known nor just written.
    """
    numbers = []
    for key in keys:
        location = locations.get(key)
        row = None
        if location is not None:
            row = await tx.row(_INSERT, new_id(), tenant, key, *location)
        if row is None:
            row = await tx.row(_FIND, tenant, key)
        if row is None:
            raise BlobGone
        numbers.append(row[0])
    return numbers


async def refer(tx: Transaction, owner: int, tenant: TenantId, account: int, blobs: Sequence[int]) -> None:
    """Note that an owner needs blobs."""
    await tx.run_many(
        "INSERT INTO blob_refs (owner, blob, tenant, account) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (owner, blob) DO NOTHING",
        [(owner, blob, tenant, account) for blob in blobs],
    )


async def forget(tx: Transaction, owner: int) -> None:
    """Drop all that an owner needed."""
    await tx.run("DELETE FROM blob_refs WHERE owner = ?1", owner)


async def locate(tx: Transaction, tenant: TenantId, key: bytes) -> Location:
    """Where a blob lies.

    Raises:
        NotFound: nowhere.
    """
    row = await tx.row(_LOCATE, tenant, key)
    if row is None:
        raise NotFound("no such blob")
    return Location(*row)


async def expire_uploads(tx: Transaction, account: AccountId, now_ms: int) -> None:
    """Forget uploads whose time is over."""
    rows = await tx.rows(
        "DELETE FROM uploads WHERE account = ?1 AND expires_ms <= ?2 RETURNING id", account, now_ms
    )
    if rows:
        await tx.run(
            "DELETE FROM blob_refs WHERE owner IN (SELECT value FROM json_each(?1))",
            orjson.dumps([row[0] for row in rows]).decode(),
        )
