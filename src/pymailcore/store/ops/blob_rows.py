"""Rows of blobs: where they lie, who needs them.

Theory: references are rows, never counts. A blob that loses one becomes loose; the collector
(housekeeping.collector) deletes those that are loose from before its scan of all references until after it.
So whoever refers to a blob that was there already takes it out of the loose ones in the same transaction,
after a look at its row that on PostgreSQL waits for a collector that is just deleting it. And no row can come
to name a pack that is gone (housekeeping.sweeper), however long ago its octets were written there.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.store.blobids import blob_numbers
from pymailcore.store.blobs import BlobGone
from pymailcore.store.packs import Location
from pymailcore.store.types import Transaction

_INSERT: Final = (
    "INSERT INTO blobs (id, tenant, key, pack, position, stored_octets, size_octets, encoding, crc)"
    " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"
    " WHERE NOT EXISTS (SELECT 1 FROM packs p WHERE p.id = ?4 AND p.gone_ms IS NOT NULL)"
    " ON CONFLICT (id) DO NOTHING"
)
_GONE: Final = "SELECT 1 FROM packs WHERE id = ?1 AND gone_ms IS NOT NULL"
_INSERT_OCTETS: Final = "INSERT INTO blob_octets (blob, octets) VALUES (?1, ?2)"
_LOOSEN: Final = (
    "INSERT INTO loose_blobs (blob) SELECT DISTINCT blob FROM blob_refs"
    " WHERE owner IN (SELECT value FROM json_each(?1)) ORDER BY blob"
    " ON CONFLICT (blob) DO UPDATE SET pass = 0"
)
_FIND: Final = "SELECT id FROM blobs WHERE id IN (?1, ?2) AND tenant = ?3 AND key = ?4 /*share*/"
_LOCATE: Final = (
    "SELECT b.pack, b.position, b.stored_octets, b.size_octets, b.encoding, b.crc, o.octets FROM blobs b"
    " LEFT JOIN blob_octets o ON o.blob = b.id WHERE b.id IN (?1, ?2) AND b.tenant = ?3 AND b.key = ?4"
)


async def claim(
    tx: Transaction, tenant: TenantId, keys: Sequence[bytes], locations: Mapping[bytes, Location]
) -> list[int]:
    """Give the blobs' numbers, adding rows for what was just written.

    Raises:
        BlobGone: one is neither known nor just written.
    """
    numbers: list[int] = []
    for key in keys:
        location = locations.get(key)
        number = None
        if location is not None:
            number = await _insert(tx, tenant, key, location)
        if number is None:
            row = await tx.row(_FIND, *blob_numbers(key), tenant, key)
            if row is None:
                raise BlobGone
            number = int(row[0])
            await tx.run("DELETE FROM loose_blobs WHERE blob = ?1", number)
        numbers.append(number)
    return numbers


async def _insert(tx: Transaction, tenant: TenantId, key: bytes, location: Location) -> int | None:
    """Add a row under the first number that is free; None when the blob is there already.

    Raises:
        BlobGone: the pack is about to be removed, and the octets with it.
    """
    for number in blob_numbers(key):
        # The count of rows, since RETURNING costs SQLite a table of its own for each statement.
        if await tx.run(_INSERT, number, tenant, key, *location[:6]):
            if location.octets is not None:
                await tx.run_many(_INSERT_OCTETS, [(number, location.octets)])
            return number
        if await tx.row(_FIND, number, number, tenant, key) is not None:
            return None
    if await tx.row(_GONE, location.pack) is not None:
        raise BlobGone
    raise TemporaryFailure("two other blobs have the numbers of this one")


async def refer(tx: Transaction, owner: int, tenant: TenantId, account: int, blobs: Sequence[int]) -> None:
    """Note that an owner needs blobs."""
    await tx.run_many(
        "INSERT INTO blob_refs (owner, blob, tenant, account) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (owner, blob) DO NOTHING",
        [(owner, blob, tenant, account) for blob in blobs],
    )


async def take_up(tx: Transaction, blobs: Sequence[int]) -> None:
    """Note that blobs which were there already get one more owner; before their references are written."""
    listed = orjson.dumps(list(blobs)).decode()
    await tx.rows(
        "SELECT id FROM blobs WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id /*share*/", listed
    )
    await tx.run("DELETE FROM loose_blobs WHERE blob IN (SELECT value FROM json_each(?1))", listed)


async def forget(tx: Transaction, owner: int) -> None:
    """Drop all that an owner needed."""
    await let_go(tx, [owner])


async def let_go(tx: Transaction, owners: Sequence[int]) -> None:
    """Drop all that some owners needed; the collector looks whether anybody else needs it."""
    listed = orjson.dumps(list(owners)).decode()
    await tx.run(_LOOSEN, listed)
    await tx.run("DELETE FROM blob_refs WHERE owner IN (SELECT value FROM json_each(?1))", listed)


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
        await let_go(tx, [row[0] for row in rows])
