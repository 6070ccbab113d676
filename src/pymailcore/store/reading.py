"""Octets out of the store: blobs, whole messages, parts.

Theory: a reading is a generator. It yields operations, which read rows and nothing else, is sent what they
give, and reads octets between two yields, when no transaction is open (`Engine.reading` drives it). A blob
that is not where its row said may have been moved since; then the whole reading is done once more, on new
snapshots.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import orjson

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.message.split import decoded_starts, join, part_leaf
from pymailcore.message.structure import Part, find, unpack
from pymailcore.message.text import decode_body
from pymailcore.store.blobids import EmailBlob, PartBlob, UploadBlob, blob_numbers
from pymailcore.store.blobs import address_of
from pymailcore.store.columns import DamagedColumn, unpack_column
from pymailcore.store.ops.blob_rows import locate
from pymailcore.store.packs import DamagedBlob, Location
from pymailcore.store.places import BlobReader
from pymailcore.store.recipes import DamagedMessage, Recipe, unpack_recipe
from pymailcore.store.types import Reading, Transaction

_LOCATE: Final = (
    "SELECT b.tenant, b.key, b.pack, b.position, b.stored_octets, b.size_octets, b.encoding, b.crc, o.octets"
    " FROM blobs b LEFT JOIN blob_octets o ON o.blob = b.id WHERE b.id IN (SELECT value FROM json_each(?1))"
)
_DATA: Final = (
    "SELECT e.id, d.parts, d.recipe, a.tenant, s.value, e.size_octets FROM emails e"
    " JOIN email_data d ON d.email = e.id JOIN accounts a ON a.id = e.account"
    " JOIN secrets s ON s.name = 'tenant:' || a.tenant WHERE e.id IN (SELECT value FROM json_each(?1))"
)

Address = tuple[int, bytes]
"""Tenant and key of a blob."""


class StoredRows(NamedTuple):
    """What the database knows of a stored message."""

    tenant: TenantId
    tenant_key: bytes
    recipe: Recipe
    parts: bytes
    locations: Mapping[Address, Location]

    def rebuild(self, blobs: BlobReader) -> bytes:
        """Give the exact octets.

        Raises:
            NotFound: a blob has no row.
            DamagedBlob, DamagedMessage: they are not what was stored.
        """
        pieces = [read_at(blobs, self.locations, (self.tenant, key)) for key in self.recipe.keys]
        skeleton, leaves = self.recipe.pieces(pieces)
        octets = join(self.recipe.join, skeleton, leaves)
        if address_of(self.tenant_key, octets) != self.recipe.digest:
            raise DamagedMessage("a stored message differs from its digest")
        return octets

    def rebuild_parts(self, blobs: BlobReader, starts: Collection[int]) -> bytes:
        """Give the octets with NULs in place of files that nobody asks for, which are not even read.

        Args:
            starts: where the bodies begin that are wanted; others that lie decoded in blobs of their own are
                left out.

        Raises:
            NotFound, DamagedBlob, DamagedMessage: as `rebuild`.
        """
        recipe = self.recipe
        begun = decoded_starts(recipe.join)
        missing = {number for number, start in enumerate(begun) if start is not None and start not in starts}
        if not missing:
            return self.rebuild(blobs)
        unread = {recipe.leaf_key(number) for number in missing}
        pieces = [
            b"" if number in unread else self._proved_piece(blobs, key)
            for number, key in enumerate(recipe.keys)
        ]
        skeleton, leaves = recipe.pieces(pieces)
        there = [None if number in missing else leaf for number, leaf in enumerate(leaves)]
        return join(recipe.join, skeleton, there)

    def _proved_piece(self, blobs: BlobReader, key: bytes) -> bytes:
        address = (self.tenant, key)
        return proved(self.tenant_key, address, read_at(blobs, self.locations, address))


def read_at(blobs: BlobReader, locations: Mapping[Address, Location], address: Address) -> bytes:
    """Give the octets of an address that was looked up.

    Raises:
        NotFound: it has no row.
        DamagedBlob: the octets are not what was stored.
    """
    location = locations.get(address)
    if location is None:
        raise NotFound("no such blob")
    return blobs.read(*address, location)


def proved(tenant_key: bytes, address: Address, octets: bytes) -> bytes:
    """Give octets that have their address, which a blob that goes out alone is not taken for without.

    Raises:
        DamagedBlob: they have another.
    """
    if address_of(tenant_key, octets) != address[1]:
        raise DamagedBlob("the octets of a blob have another address")
    return octets


async def tenant_key(tx: Transaction, tenant: TenantId) -> bytes:
    """The key under which a tenant's blobs are addressed.

    Raises:
        NotFound: no such tenant.
    """
    row = await tx.row("SELECT value FROM secrets WHERE name = ?1", f"tenant:{tenant}")
    if row is None:
        raise NotFound("no such tenant")
    return bytes(row[0])


async def locate_all(tx: Transaction, addresses: Sequence[Address]) -> dict[Address, Location]:
    """Where blobs lie; those that lie nowhere are left out."""
    if len(addresses) == 1:
        ((tenant, key),) = addresses
        try:
            return {addresses[0]: await locate(tx, TenantId(tenant), key)}
        except NotFound:
            return {}
    numbers = [number for _, key in addresses for number in blob_numbers(key)]
    wanted = set(addresses)
    return {
        (tenant, bytes(key)): Location(*rest)
        for tenant, key, *rest in await tx.rows(_LOCATE, orjson.dumps(numbers).decode())
        if (tenant, bytes(key)) in wanted
    }


async def stored_rows(
    tx: Transaction,
    ids: Sequence[int],
    account: AccountId | None = None,
    most_octets: int | None = None,
    *,
    leave_damaged: bool = False,
) -> dict[int, StoredRows]:
    """What rebuilds Emails; those that are not there, or not the account's, are left out.

    Args:
        most_octets: those of the first Emails that have so many octets together are enough.
        leave_damaged: so are those whose rows are not what was written.

    Raises:
        DamagedMessage: a row is not what was written.
    """
    own = "" if account is None else " AND +e.account = ?2"
    args = () if account is None else (account,)
    found = {row[0]: row for row in await tx.rows(_DATA + own, orjson.dumps(list(ids)).decode(), *args)}
    out: dict[int, tuple[TenantId, bytes, Recipe, bytes]] = {}
    octets = 0
    for id_ in ids:
        if id_ not in found:
            continue
        _, parts, recipe, tenant, key, size = found[id_]
        try:
            out[id_] = TenantId(tenant), bytes(key), unpack_recipe(recipe), unpack_column(parts)
        except (msgspec.MsgspecError, ValueError, DamagedColumn) as error:
            if not leave_damaged:
                raise DamagedMessage("the rows of a stored message cannot be read") from error
            continue
        octets += size
        if most_octets is not None and octets >= most_octets:
            break
    addresses = [(tenant, key) for tenant, _, recipe, _ in out.values() for key in recipe.keys]
    locations = await locate_all(tx, list(dict.fromkeys(addresses))) if addresses else {}
    return {id_: StoredRows(*rest, locations) for id_, rest in out.items()}


def rebuild(blobs: BlobReader, tenant: TenantId, recipe: Recipe) -> Reading[bytes]:
    """Give the exact octets of a stored message.

    Raises:
        DamagedMessage: the result is not what was stored.
    """

    async def rows(tx: Transaction) -> StoredRows:
        key = await tenant_key(tx, tenant)
        addresses = [(tenant, key) for key in dict.fromkeys(recipe.keys)]
        return StoredRows(tenant, key, recipe, b"", await locate_all(tx, addresses))

    stored: StoredRows = yield rows
    return stored.rebuild(blobs)


def message(blobs: BlobReader, email: int, account: AccountId | None = None) -> Reading[tuple[bytes, bytes]]:
    """Give the exact octets of an Email, and its packed part tree.

    Raises:
        NotFound: there is no such Email, or it is not the account's.
    """
    found: dict[int, StoredRows] = yield lambda tx: stored_rows(tx, [email], account)
    if email not in found:
        raise NotFound("no such Email")
    return found[email].rebuild(blobs), found[email].parts


def messages(
    blobs: BlobReader, account: AccountId, ids: Sequence[int], most_octets: int
) -> Reading[list[tuple[int, bytes]]]:
    """Give many messages; stops once more than `most_octets` are read, but gives at least one."""
    found: dict[int, StoredRows] = yield lambda tx: stored_rows(tx, ids, account, most_octets)
    read = {id_: stored.rebuild(blobs) for id_, stored in found.items()}
    out: list[tuple[int, bytes]] = []
    octets = 0
    for id_ in ids:
        if id_ in read:
            out.append((id_, read[id_]))
            octets += len(read[id_])
            if octets >= most_octets:
                break
    return out


def headers(blobs: BlobReader, account: AccountId, ids: Sequence[int]) -> Reading[list[tuple[int, bytes]]]:
    """Give the header sections of many messages, with the empty line; reads no more than it must.

    The header of a message comes before the body of any part, so it begins the skeleton.
    """

    async def rows(tx: Transaction) -> tuple[dict[int, tuple[Address, int]], dict[Address, Location]]:
        listed = orjson.dumps(list(ids)).decode()
        wanted = {
            id_: ((tenant, unpack_recipe(recipe).keys[0]), unpack(unpack_column(parts)).body_start)
            for id_, parts, recipe, tenant, *_ in await tx.rows(
                _DATA + " AND +e.account = ?2", listed, account
            )
        }
        addresses = list(dict.fromkeys(address for address, _ in wanted.values()))
        return wanted, await locate_all(tx, addresses) if addresses else {}

    wanted, locations = yield rows
    found = {}
    for id_, (address, end) in wanted.items():
        if address not in locations:
            raise NotFound("no such blob")
        try:
            tenant, key = address
            found[id_] = blobs.read_start(tenant, key, locations[address], end)[:end]
        except DamagedBlob:
            found[id_] = read_at(blobs, locations, address)[:end]
    return [(id_, found[id_]) for id_ in ids if id_ in found]


def part(blobs: BlobReader, account: AccountId, email: int, path: str) -> Reading[bytes]:
    """Give the decoded content of a part, from its own leaf where it has one.

    Raises:
        NotFound: there is no such part, or the Email is not the account's.
    """

    async def rows(tx: Transaction) -> tuple[StoredRows, Part, bytes | None]:
        row = await tx.row(_DATA + " AND +e.account = ?2", f"[{email}]", account)
        if row is None:
            raise NotFound("no such Email")
        _, kept, packed, tenant, tenant_key, _ = row
        parts = unpack_column(kept)
        part: Part | None = find(unpack(parts), path)
        if part is None:
            raise NotFound("no such part")
        recipe = unpack_recipe(packed)
        leaf = part_leaf(recipe.join, part)
        number = recipe.leaf_key(leaf.number) if leaf is not None and leaf.decoded else None
        own = None if number is None else recipe.keys[number]
        addresses = [(tenant, key) for key in (dict.fromkeys(recipe.keys) if own is None else (own,))]
        locations = await locate_all(tx, addresses)
        return StoredRows(TenantId(tenant), bytes(tenant_key), recipe, parts, locations), part, own

    stored, part, own = yield rows
    if own is not None:
        address = (stored.tenant, own)
        return proved(stored.tenant_key, address, read_at(blobs, stored.locations, address))
    return decode_body(stored.rebuild(blobs), part)


def blob(blobs: BlobReader, tenant: TenantId, key: bytes) -> Reading[bytes]:
    """Give the octets of an address.

    Raises:
        NotFound: nothing has it.
    """
    location: Location = yield lambda tx: locate(tx, tenant, key)
    return blobs.read(tenant, key, location)


def upload(blobs: BlobReader, account: AccountId, key: bytes) -> Reading[bytes]:
    """Give an upload of an account.

    Raises:
        NotFound: the account has no such upload.
    """

    async def rows(tx: Transaction) -> tuple[TenantId, bytes, Location]:
        row = await tx.row(
            "SELECT a.tenant FROM uploads u JOIN accounts a ON a.id = u.account"
            " WHERE u.account = ?1 AND u.key = ?2",
            account,
            key,
        )
        if row is None:
            raise NotFound("no such blob")
        return row[0], await tenant_key(tx, TenantId(row[0])), await locate(tx, TenantId(row[0]), key)

    tenant, secret, location = yield rows
    return proved(secret, (tenant, key), blobs.read(tenant, key, location))


def claimed(
    blobs: BlobReader, account: AccountId, blob: EmailBlob | PartBlob | UploadBlob | None
) -> Reading[bytes]:
    """Give a blob that this account may see.

    Raises:
        NotFound: no such blob, or the account has no claim to it.
    """
    if isinstance(blob, EmailBlob):
        return (yield from message(blobs, blob.email, account))[0]
    if isinstance(blob, PartBlob):
        return (yield from part(blobs, account, blob.email, blob.path))
    if blob is None:
        raise NotFound("no such blob")
    return (yield from upload(blobs, account, blob.key))
