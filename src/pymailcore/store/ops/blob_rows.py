"""Rows of blobs: where they lie, who needs them."""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.store.blobids import blob_numbers
from pymailcore.store.blobs import BlobGone
from pymailcore.store.packs import Location
from pymailcore.store.types import Row, Transaction

_INSERT: Final = (
    "INSERT INTO blobs (id, tenant, key, pack, position, stored_octets, size_octets, encoding, crc)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING RETURNING id"
)
_FIND: Final = "SELECT id FROM blobs WHERE id IN (?1, ?2) AND tenant = ?3 AND key = ?4"
_LOCATE: Final = (
    "SELECT pack, position, stored_octets, size_octets, encoding, crc FROM blobs"
    " WHERE id IN (?1, ?2) AND tenant = ?3 AND key = ?4"
)


async def claim(
    tx: Transaction, tenant: TenantId, keys: Sequence[bytes], locations: Mapping[bytes, Location]
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
            row = await _insert(tx, tenant, key, location)
        if row is None:
            row = await tx.row(_FIND, *blob_numbers(key), tenant, key)
        if row is None:
            raise BlobGone
        numbers.append(row[0])
    return numbers


async def _insert(tx: Transaction, tenant: TenantId, key: bytes, location: Location) -> Row | None:
    """Add a row under the first number that is free; None when the blob is there already."""
    for number in blob_numbers(key):
        row = await tx.row(_INSERT, number, tenant, key, *location)
        if row is not None:
            return row
        if await tx.row(_FIND, number, number, tenant, key) is not None:
            return None
    raise TemporaryFailure("two other blobs have the numbers of this one")


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
    row = await tx.row(_LOCATE, *blob_numbers(key), tenant, key)
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
