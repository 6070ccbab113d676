"""Filing messages: blobs first, then the rows of all accounts in one transaction."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pymailcore.base.errors import AlreadyExists
from pymailcore.base.ids import AccountId, BlobId, TenantId
from pymailcore.message import facts as message_facts
from pymailcore.runtime.threads import compute
from pymailcore.store.blobids import upload_blob
from pymailcore.store.blobs import Piece, address_of
from pymailcore.store.columns import pack_columns
from pymailcore.store.engine import Engine
from pymailcore.store.folding import header_values
from pymailcore.store.ops import accounts, append, blob_rows, selected, threads
from pymailcore.store.packs import Location
from pymailcore.store.recipes import Recipe, address_message, pack_recipe
from pymailcore.store.types import Appended, Incoming, Replaced, StoredMessage, Target, Transaction

_MINT_ATTEMPTS: Final = 3
_HASH_INLINE_OCTETS: Final = 256 * 1024


async def deliver(
    engine: Engine,
    incoming: Sequence[Incoming],
    tenant: TenantId,
    also: Callable[[Transaction, StoredMessage], Awaitable[None]] | None = None,
    replaced: Replaced | None = None,
    note: Callable[[Transaction, list[list[Appended]]], Awaitable[None]] | None = None,
) -> list[list[Appended]]:
    """File messages, all or none; see `Store.deliver`, `Store.append_many` and `Store.replace`.

    Args:
        also: for a single message.
        replaced: goes in the same transaction.
        note: writes further rows in the same transaction about what was filed.
    """
    _require_space(engine, incoming, queued=also is not None)
    made = await _make(await engine.tenant_key(tenant), incoming)
    pieces = [piece for _, some, _ in made for piece in some]
    addresses = list(dict.fromkeys([piece.key for piece in pieces]))
    locations: dict[bytes, Location] = {}
    new: dict[AccountId, list[tuple[int, append.NewEmail]]] = {}
    limits = await engine.quotas.limits()
    now_ms = engine.now_ms()

    async def work(tx: Transaction) -> list[list[Appended]]:
        await tx.lock("accounts", new)
        blobs = dict(zip(addresses, await blob_rows.claim(tx, tenant, addresses, locations), strict=True))
        credit = {} if replaced is None else {replaced.account: await selected.freed_by(tx, replaced)}
        filed: list[list[Appended]] = [[] for _ in incoming]
        for account, mine in new.items():
            emails = [one for _, one in mine]
            room = credit.get(account, (0, 0))
            done = await append.append(tx, account, emails, blobs, limits, now_ms, credit=room)
            for (number, _), some in zip(mine, done, strict=True):
                filed[number] += some
        if also is not None:
            recipe, _, stored = made[0]
            await also(tx, _message(tenant, recipe, stored))
        if replaced is not None:
            await selected.expunge_one(tx, replaced, now_ms)
        if note is not None:
            await note(tx, filed)
        return filed

    attempts = _MINT_ATTEMPTS
    while True:
        attempts -= 1
        new.clear()
        new.update(_mint(engine, incoming, [stored for *_, stored in made], replaced))
        try:
            return await engine.write_blobs(tenant, pieces, locations, work)
        except AlreadyExists:  # an id that another process has minted, too
            if not attempts:
                raise


def _require_space(engine: Engine, incoming: Sequence[Incoming], *, queued: bool) -> None:
    if queued or any(one.targets for one in incoming):
        engine.space.require()


async def _make(
    tenant_key: bytes, incoming: Sequence[Incoming]
) -> list[tuple[Recipe, list[Piece], append.Stored]]:
    """Address the blobs of messages and make what their rows need; in a thread when that takes long."""
    if sum(one.prepared.size_octets for one in incoming) <= _HASH_INLINE_OCTETS:
        return [_stored(tenant_key, one) for one in incoming]
    return await compute(lambda: [_stored(tenant_key, one) for one in incoming])


def _stored(tenant_key: bytes, one: Incoming) -> tuple[Recipe, list[Piece], append.Stored]:
    prepared = one.prepared
    recipe, pieces = address_message(tenant_key, prepared)
    header = header_values(message_facts.unpack(prepared.facts), prepared.envelope)
    keys = threads.thread_keys(
        tenant_key, (*prepared.message_ids, *prepared.references), prepared.base_subject
    )
    addresses = tuple([piece.key for piece in pieces])
    return (
        recipe,
        pieces,
        append.Stored(
            prepared, header, pack_columns(prepared), pack_recipe(recipe), keys, addresses, one.received_ms
        ),
    )


def _message(tenant: TenantId, recipe: Recipe, stored: append.Stored) -> StoredMessage:
    return StoredMessage(tenant, recipe.digest, stored.prepared.size_octets, stored.recipe, recipe.keys)


def _mint(
    engine: Engine, incoming: Sequence[Incoming], stored: Sequence[append.Stored], replaced: Replaced | None
) -> dict[AccountId, list[tuple[int, append.NewEmail]]]:
    """Give each message ids in each of its accounts; accounts ascend."""
    by_account: dict[AccountId, dict[int, list[Target]]] = {}
    for number, one in enumerate(incoming):
        for target in one.targets:
            by_account.setdefault(target.account, {}).setdefault(number, []).append(target)
    if replaced is not None:
        by_account.setdefault(replaced.account, {})
    return {
        account: [
            (number, append.NewEmail(stored[number], engine.ids.new(), engine.ids.new(), tuple(targets)))
            for number, targets in mine.items()
        ]
        for account, mine in sorted(by_account.items())
    }


async def upload(engine: Engine, account: AccountId, octets: bytes, now_ms: int) -> BlobId:
    """Keep octets for a client; see `Store.upload`."""
    engine.space.require()
    tenant = await engine.tenant_of(account)
    tenant_key = await engine.tenant_key(tenant)
    if len(octets) <= _HASH_INLINE_OCTETS:
        key = address_of(tenant_key, octets)
    else:
        key = await compute(address_of, tenant_key, octets)
    locations: dict[bytes, Location] = {}
    row = accounts.Upload(account, tenant, key, len(octets), engine.ids.new(), now_ms)

    async def work(tx: Transaction) -> None:
        await tx.lock("accounts", (account,))  # before blobs, as `deliver` does
        blobs = await blob_rows.claim(tx, tenant, [key], locations)
        await accounts.add_upload(tx, row, blobs, engine.settings)

    await engine.write_blobs(tenant, [Piece(key, octets)], locations, work)
    return upload_blob(key)
