"""Octets out of the store: blobs, whole messages, parts."""

from collections.abc import Sequence

import orjson

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.message.split import join, part_leaf
from pymailcore.message.structure import Part, find, unpack
from pymailcore.message.text import decode_body
from pymailcore.store.blobids import EmailBlob, PartBlob, UploadBlob
from pymailcore.store.blobs import address_of
from pymailcore.store.ops.blob_rows import locate
from pymailcore.store.packs import DamagedBlob, PackReader
from pymailcore.store.recipes import DamagedMessage, Recipe, unpack_recipe
from pymailcore.store.types import Transaction


async def tenant_key(tx: Transaction, tenant: TenantId) -> bytes:
    """The key under which a tenant's blobs are addressed.

    Raises:
        NotFound: no such tenant.
    """
    row = await tx.row("SELECT value FROM secrets WHERE name = ?1", f"tenant:{tenant}")
    if row is None:
        raise NotFound("no such tenant")
    return bytes(row[0])


async def read_blob(tx: Transaction, packs: PackReader, tenant: TenantId, key: bytes) -> bytes:
    """Give the octets of an address; one that misses looks at the index once more.

    Raises:
        NotFound: nothing has this address.
        DamagedBlob: the octets are not what was stored.
    """
    location = await locate(tx, tenant, key)
    try:
        return packs.read(location)
    except DamagedBlob:
        again = await locate(tx, tenant, key)
        if again == location:
            raise
        return packs.read(again)


async def rebuild(tx: Transaction, packs: PackReader, tenant: TenantId, recipe: Recipe) -> bytes:
    """Give the exact octets of a stored message.

    Raises:
        DamagedMessage: the result is not what was stored.
    """
    blobs = [await read_blob(tx, packs, tenant, key) for key in recipe.keys]
    skeleton, leaves = recipe.pieces(blobs)
    octets = join(recipe.join, skeleton, leaves)
    if address_of(await tenant_key(tx, tenant), octets) != recipe.digest:
        raise DamagedMessage("a stored message differs from its digest")
    return octets


async def _data(
    tx: Transaction, email: int, account: AccountId | None
) -> tuple[bytes, Recipe, TenantId, int]:
    row = await tx.row(
        "SELECT d.parts, d.recipe, a.tenant, e.account FROM emails e JOIN email_data d ON d.email = e.id"
        " JOIN accounts a ON a.id = e.account WHERE e.id = ?1",
        email,
    )
    if row is None or (account is not None and row[3] != account):
        raise NotFound("no such Email")
    return row[0], unpack_recipe(row[1]), TenantId(row[2]), row[3]


async def read_message(
    tx: Transaction, packs: PackReader, email: int, account: AccountId | None = None
) -> tuple[bytes, bytes]:
    """Give the exact octets of an Email, and its packed part tree.

    Raises:
        NotFound: there is no such Email, or it is not the account's.
    """
    parts, recipe, tenant, _ = await _data(tx, email, account)
    return await rebuild(tx, packs, tenant, recipe), parts


async def read_messages(
    tx: Transaction, packs: PackReader, account: AccountId, ids: Sequence[int], most_octets: int
) -> list[tuple[int, bytes]]:
    """Give many messages; stops once more than `most_octets` are read, but gives at least one."""
    out: list[tuple[int, bytes]] = []
    octets = 0
    for id_ in ids:
        try:
            message, _ = await read_message(tx, packs, id_, account)
        except NotFound:
            continue
        out.append((id_, message))
        octets += len(message)
        if octets >= most_octets:
            break
    return out


async def read_headers(
    tx: Transaction, packs: PackReader, account: AccountId, ids: Sequence[int]
) -> list[tuple[int, bytes]]:
    """Give the header sections of many messages, with the empty line; reads no more than it must.

    The header of a message comes before the body of any part, so it begins the skeleton.
    """
    rows = await tx.rows(
        "SELECT e.id, d.parts, d.recipe, a.tenant FROM emails e JOIN email_data d ON d.email = e.id"
        " JOIN accounts a ON a.id = e.account WHERE e.id IN (SELECT value FROM json_each(?1))"
        " AND +e.account = ?2",
        orjson.dumps(list(ids)).decode(),
        account,
    )
    found = {}
    for id_, parts, recipe, tenant in rows:
        end = unpack(parts).body_start
        key = unpack_recipe(recipe).keys[0]
        location = await locate(tx, TenantId(tenant), key)
        try:
            found[id_] = packs.read_start(location, end)[:end]
        except DamagedBlob:
            found[id_] = (await read_blob(tx, packs, TenantId(tenant), key))[:end]
    return [(id_, found[id_]) for id_ in ids if id_ in found]


async def read_part(tx: Transaction, packs: PackReader, account: AccountId, email: int, path: str) -> bytes:
    """Give the decoded content of a part, from its own leaf where it has one."""
    parts, recipe, tenant, _ = await _data(tx, email, account)
    part: Part | None = find(unpack(parts), path)
    if part is None:
        raise NotFound("no such part")
    leaf = part_leaf(recipe.join, part)
    key = recipe.leaf_key(leaf.number) if leaf is not None and leaf.decoded else None
    if key is not None:
        return await read_blob(tx, packs, tenant, recipe.keys[key])
    return decode_body(await rebuild(tx, packs, tenant, recipe), part)


async def read_claimed(
    tx: Transaction,
    packs: PackReader,
    account: AccountId,
    blob: EmailBlob | PartBlob | UploadBlob | None,
) -> bytes:
    """Give a blob that this account may see.

    Raises:
        NotFound: no such blob, or the account has no claim to it.
    """
    if isinstance(blob, EmailBlob):
        return (await read_message(tx, packs, blob.email, account))[0]
    if isinstance(blob, PartBlob):
        return await read_part(tx, packs, account, blob.email, blob.path)
    if blob is None:
        raise NotFound("no such blob")
    row = await tx.row(
        "SELECT a.tenant FROM uploads u JOIN accounts a ON a.id = u.account"
        " WHERE u.account = ?1 AND u.key = ?2",
        account,
        blob.key,
    )
    if row is None:
        raise NotFound("no such blob")
    return await read_blob(tx, packs, TenantId(row[0]), blob.key)
