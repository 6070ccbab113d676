"""Filing messages: blobs first, then the rows of all accounts in one transaction."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from pymailcore.base.errors import AlreadyExists
from pymailcore.base.ids import AccountId, BlobId, TenantId
from pymailcore.message import facts as message_facts
from pymailcore.message.prepare import Prepared
from pymailcore.store.blobids import upload_blob
from pymailcore.store.blobs import Piece, address_of
from pymailcore.store.engine import Engine
from pymailcore.store.folding import header_values
from pymailcore.store.ops import accounts, append, blob_rows, threads
from pymailcore.store.packs import Location
from pymailcore.store.recipes import address_message, pack_recipe
from pymailcore.store.types import Appended, StoredMessage, Target, Transaction

_MINT_ATTEMPTS: Final = 3
_HASH_INLINE_OCTETS: Final = 256 * 1024


async def deliver(
    engine: Engine,
    prepared: Prepared,
    targets: Sequence[Target],
    tenant: TenantId,
    received_ms: int,
    also: Callable[[Transaction, StoredMessage], Awaitable[None]] | None,
) -> list[Appended]:
    """File a message; see `Store.deliver`."""
    if targets or also is not None:
        engine.space.require()
    tenant_key = engine.tenant_key(tenant)
    if prepared.size_octets <= _HASH_INLINE_OCTETS:
        recipe, pieces = address_message(tenant_key, prepared)
    else:
        recipe, pieces = await trio.to_thread.run_sync(address_message, tenant_key, prepared)
    packed = pack_recipe(recipe)
    header = header_values(message_facts.unpack(prepared.facts), prepared.base_subject)
    keys = threads.thread_keys(
        tenant_key, (*prepared.message_ids, *prepared.references), prepared.base_subject
    )
    by_account: dict[AccountId, list[Target]] = {}
    for target in targets:
        by_account.setdefault(target.account, []).append(target)
    message = StoredMessage(tenant, recipe.digest, prepared.size_octets, packed, recipe.keys)
    addresses = [piece.key for piece in pieces]
    locations: dict[bytes, Location] = {}
    new: list[append.NewEmail] = []

    async def work(tx: Transaction) -> list[Appended]:
        blobs = await blob_rows.claim(tx, tenant, addresses, locations)
        filed: list[Appended] = []
        for one in new:
            filed += await append.append(tx, one, prepared, header, packed, blobs, received_ms)
        if also is not None:
            await also(tx, message)
        return filed

    for attempt in range(_MINT_ATTEMPTS):
        new[:] = [
            append.NewEmail(account, engine.ids.new(), engine.ids.new(), tuple(mine), keys)
            for account, mine in sorted(by_account.items())
        ]
        try:
            return await engine.write_blobs(tenant, pieces, locations, work)
        except AlreadyExists:  # an id that another process has minted, too
            if attempt == _MINT_ATTEMPTS - 1:
                raise
    raise AssertionError("not reached")


async def upload(engine: Engine, account: AccountId, octets: bytes, now_ms: int) -> BlobId:
    """Keep octets for a client; see `Store.upload`."""
    engine.space.require()
    tenant = engine.database.peek(lambda tx: accounts.tenant_of(tx, account))
    tenant_key = engine.tenant_key(tenant)
    if len(octets) <= _HASH_INLINE_OCTETS:
        key = address_of(tenant_key, octets)
    else:
        key = await trio.to_thread.run_sync(address_of, tenant_key, octets)
    locations: dict[bytes, Location] = {}
    row = accounts.Upload(account, tenant, key, len(octets), engine.ids.new(), now_ms)

    async def work(tx: Transaction) -> None:
        blobs = await blob_rows.claim(tx, tenant, [key], locations)
        await accounts.add_upload(tx, row, blobs, engine.settings)

    await engine.write_blobs(tenant, [Piece(key, octets)], locations, work)
    return upload_blob(key)
