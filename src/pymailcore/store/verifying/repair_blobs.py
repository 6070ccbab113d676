"""Repairs of blobs: their rows made again from the records of packs, and what is lost let go.

A blob whose octets are nowhere loses its row. That is on purpose: while the row is there, new mail with the
same part would be stored as a reference to it and be lost, too; without it the part is written anew, and
the old mail that needs it is whole again.

Housekeeping moves, writes anew and removes while we look: a row is changed only if it names the place that
it named when we began, and never to a pack that is about to be removed.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import orjson
import trio
import zstandard

from pymailcore.base.errors import MailError, NotFound, TemporaryFailure
from pymailcore.base.ids import TenantId
from pymailcore.store.blobids import blob_numbers
from pymailcore.store.blobs import address_of
from pymailcore.store.encoding import PLAIN, SEALED, ZSTD, ZSTD_HEADERS, Decoder
from pymailcore.store.engine import Engine
from pymailcore.store.files import Files
from pymailcore.store.objects.packs import ObjectPacks, Stored
from pymailcore.store.objects.settings import ObjectsAway
from pymailcore.store.packs import DamagedBlob, Gap, Location, OpenPack, PackReader, Record, in_row, scan_file
from pymailcore.store.places import BlobReader
from pymailcore.store.recipes import unpack_recipe
from pymailcore.store.sealing import Sealing
from pymailcore.store.types import Reading, Row, Transaction

_MOST_COPIES: Final = 8
_COPIED_AT_ONCE: Final = 64
_MOST_GONE: Final = 64
_GONE: Final = "SELECT id FROM packs WHERE gone_ms IS NOT NULL ORDER BY gone_ms DESC"


_PLACES: Final = "SELECT id, pack, position, crc FROM blobs WHERE id IN (SELECT value FROM json_each(?1))"
_MAKE: Final = (
    "INSERT INTO blobs (id, tenant, key, pack, position, stored_octets, size_octets, encoding, crc)"
    " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"
    " WHERE NOT EXISTS (SELECT 1 FROM packs p WHERE p.id = ?4 AND p.gone_ms IS NOT NULL)"
    " ON CONFLICT (id) DO NOTHING RETURNING id"
)
_POINT: Final = (
    "UPDATE blobs SET pack = ?2, position = ?3, stored_octets = ?4, size_octets = ?5, encoding = ?6, crc = ?7"
    " WHERE id = ?1 AND pack = ?8 AND position = ?9 AND crc = ?10"
    " AND NOT EXISTS (SELECT 1 FROM packs p WHERE p.id = ?2 AND p.gone_ms IS NOT NULL) RETURNING id"
)
_DROP: Final = "DELETE FROM blobs WHERE id = ?1 AND pack = ?2 AND position = ?3 AND crc = ?4 RETURNING id"


class Place(NamedTuple):
    """Where a blob's row says it lies, by which a row is known to be as it was."""

    pack: int
    position: int
    crc: int


def find_records(
    packs: Path,
    objects: ObjectPacks | None,
    wanted: Iterable[int],
    only: Iterable[int] | None = None,
) -> dict[int, list[Record]]:
    """Look through packs, files and objects of S3, for records of blobs, by number; blocks.

    What it finds is not to be believed yet: mail can hold octets that look like a record.

    Args:
        only: numbers of packs; None for all.
    """
    numbers = frozenset(wanted)
    found: dict[int, list[Record]] = {}
    for scan in _scans(packs, objects, only):
        try:
            for record in scan():
                if not isinstance(record, Record) or not record.intact:
                    continue
                for number in blob_numbers(record.key):
                    if number in numbers and len(found.setdefault(number, [])) < _MOST_COPIES:
                        found[number].append(record)
        except ObjectsAway:
            raise  # what S3 has is not lost because it is away
        except (OSError, MailError):
            continue  # a pack that cannot be read has nothing to give
    return found


def _scans(
    packs: Path, objects: ObjectPacks | None, only: Iterable[int] | None
) -> Iterator[Callable[[], Iterator[Record | Gap]]]:
    for pack in _packs(packs) if only is None else only:
        if pack > 0:
            yield functools.partial(scan_file, packs, pack)
    if objects is not None:
        for pack in (held.pack for held in objects.listed()) if only is None else only:
            if pack < 0:
                yield functools.partial(objects.scan, pack)


def _packs(folder: Path) -> Iterator[int]:
    for path in sorted(folder.glob("*.pack")):
        try:
            yield int(path.stem, 16)
        except ValueError:
            continue


async def places_of(engine: Engine, numbers: Iterable[int]) -> dict[int, Place]:
    """Where rows of blobs say that these lie now; those without a row are left out."""
    listed = orjson.dumps(list(numbers)).decode()
    rows = await engine.database.read(lambda tx: tx.rows(_PLACES, listed))
    return {row[0]: Place(*row[1:]) for row in rows}


async def restore_blobs(
    engine: Engine,
    packs: Path,
    wanted: Mapping[int, TenantId],
    before: Mapping[int, Place],
    *,
    only_gone: bool = False,
) -> set[int]:
    """Point rows of blobs to whole records, making those that are missing; gives those it could.

    A record in a pack that is about to be removed is copied first.

    Args:
        before: where their rows named them when it was seen that they are damaged.
        only_gone: look only into the packs that were written anew last and are about to be removed.

    Raises:
        ObjectsAway: not all could be looked through.
    """
    gone = [row[0] for row in await engine.database.read(lambda tx: tx.rows(_GONE))]
    only = gone[:_MOST_GONE] if only_gone else None
    found = await trio.to_thread.run_sync(find_records, packs, engine.objects, wanted, only)
    chosen: dict[int, Record] = {}
    for number, records in found.items():
        for record in sorted(records, key=lambda record: record.location.pack in gone):
            if record.tenant == wanted[number] and await _is_genuine(engine, record):
                chosen[number] = record
                break
    leaving = {number: record for number, record in chosen.items() if record.location.pack in gone}
    fresh = [engine.ids.new() for _ in range(0, len(leaving), _COPIED_AT_ONCE)]
    chosen |= await trio.to_thread.run_sync(_copied, engine, packs, fresh, leaving)
    return await point_rows(engine, chosen, before)


async def point_rows(engine: Engine, records: Mapping[int, Record], before: Mapping[int, Place]) -> set[int]:
    """Let rows of blobs name records; gives those that did, for they were as before."""
    pointed = set()
    for number, record in records.items():
        old = before.get(number)
        if await engine.database.write(functools.partial(point, number=number, record=record, before=old)):
            pointed.add(number)
    return pointed


async def restore_rows(engine: Engine, wanted: Mapping[int, TenantId], owners: Mapping[int, int]) -> set[int]:
    """Make rows of blobs again whose octets are in the database; gives those it could.

    Args:
        owners: of each blob somebody who needs it: what it is made of says the address.
    """
    restored = set()
    for number, owner in owners.items():

        async def rows(
            tx: Transaction, number: int = number, owner: int = owner
        ) -> tuple[Row | None, list[bytes]]:
            octets = await tx.row("SELECT octets FROM blob_octets WHERE blob = ?1", number)
            return octets, [] if octets is None else await _addresses(tx, owner)

        found, keys = await engine.database.read(rows)
        keys = [key for key in keys if number in blob_numbers(key)]
        if found is None or not keys:
            continue
        tenant = wanted[number]
        tenant_key = await engine.tenant_key(tenant)
        record = await trio.to_thread.run_sync(
            _recognised, engine.sealing, tenant_key, tenant, keys, bytes(found[0])
        )
        if record is not None:
            await engine.database.write(functools.partial(_name, number=number, record=record))
            restored.add(number)
    return restored


async def _addresses(tx: Transaction, owner: int) -> list[bytes]:
    """The addresses that an owner of blobs names."""
    addresses: list[bytes] = []
    for table, column in (("email_data", "email"), ("queue_messages", "id")):
        row = await tx.row(f"SELECT recipe FROM {table} WHERE {column} = ?1", owner)  # noqa: S608 - constants
        if row is not None:
            with contextlib.suppress(msgspec.MsgspecError, ValueError):
                addresses += unpack_recipe(bytes(row[0])).keys
    row = await tx.row("SELECT key FROM uploads WHERE id = ?1", owner)
    return addresses if row is None else [*addresses, bytes(row[0])]


def _recognised(
    sealing: Sealing, tenant_key: bytes, tenant: TenantId, keys: Sequence[bytes], stored: bytes
) -> Record | None:
    """Find the encoding in which stored octets have one of some addresses."""
    decoder = Decoder()
    for key in keys:
        for sealed in (0, SEALED):
            for encoding in (PLAIN, ZSTD, ZSTD_HEADERS):
                try:
                    packed = sealing.open(tenant, key, encoding, stored) if sealed else stored
                    size = len(packed) if encoding == PLAIN else zstandard.frame_content_size(packed)
                    octets = decoder.decode(encoding, packed, size)
                except (DamagedBlob, zstandard.ZstdError):
                    continue
                if address_of(tenant_key, octets) == key:
                    return Record(tenant, key, in_row(size, encoding | sealed, stored), intact=True)
    return None


async def _name(tx: Transaction, number: int, record: Record) -> None:
    """Make the row of a blob whose octets are in the database."""
    await tx.run(
        "INSERT INTO blobs (id, tenant, key, pack, position, stored_octets, size_octets, encoding, crc)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING",
        number,
        record.tenant,
        record.key,
        *record.location[:6],
    )


def _copied(
    engine: Engine, packs: Path, fresh: Sequence[int], records: Mapping[int, Record]
) -> dict[int, Record]:
    """Copy records into packs of their own: objects where the store has them, else files of fresh numbers."""
    copies: dict[int, Record] = {}
    objects = engine.objects
    reader = PackReader(packs)
    waiting = list(records.items())
    for first in range(0, len(waiting), _COPIED_AT_ONCE):
        some = waiting[first : first + _COPIED_AT_ONCE]
        stored = [
            Stored(
                record.tenant,
                record.key,
                record.location.size_octets,
                record.location.encoding,
                reader.stored(record.location)
                if record.location.pack > 0 or objects is None
                else objects.stored(record.location),
            )
            for _, record in some
        ]
        locations = write_stored(engine, packs, fresh[first // _COPIED_AT_ONCE], stored)
        for (number, record), location in zip(some, locations, strict=True):
            copies[number] = record._replace(location=location)
    reader.close()
    return copies


def write_stored(engine: Engine, packs: Path, fresh: int, blobs: Sequence[Stored]) -> list[Location]:
    """Put blobs on disk: in an object where the store has them, else in a pack file of a fresh number.

    Raises:
        ObjectsAway: nothing names them.
    """
    if engine.objects is not None:
        return engine.objects.write(blobs)
    return _appended(packs, fresh, blobs)


def _appended(packs: Path, fresh: int, blobs: Sequence[Stored]) -> list[Location]:
    """Put stored blobs into a new pack file, and that on disk.

    Raises:
        TemporaryFailure: it cannot be written now.
    """
    try:
        return _appended_file(packs, fresh, blobs)
    except OSError as error:
        raise TemporaryFailure(f"no pack can be written now: {error}") from error


def _appended_file(packs: Path, fresh: int, blobs: Sequence[Stored]) -> list[Location]:
    pack = OpenPack(packs, fresh, Files())
    try:
        locations = [
            pack.add(blob.tenant, blob.key, blob.size_octets, blob.encoding, blob.octets) for blob in blobs
        ]
        pack.sync()
    finally:
        pack.close()
    return locations


async def _is_genuine(engine: Engine, record: Record) -> bool:
    """Whether the octets of a record have its address under the tenant's key."""
    try:
        key = await engine.tenant_key(TenantId(record.tenant))
    except NotFound:
        return False

    def plan(blobs: BlobReader) -> Reading[bytes | None]:
        yield _nothing
        try:
            return blobs.read(record.tenant, record.key, record.location)
        except DamagedBlob:
            return None

    octets = await engine.reading(plan)
    return octets is not None and address_of(key, octets) == record.key


async def _nothing(tx: Transaction) -> None:
    await tx.row("SELECT 1")


async def point(tx: Transaction, number: int, record: Record, before: Place | None) -> bool:
    """Let the row of a blob name a record, if it names what it did; its octets leave the database, if there.

    Args:
        before: None: it has no row, and gets one; the collector is told, as who needs it may be gone.
    """
    if before is None:
        row = await tx.row(_MAKE, number, record.tenant, record.key, *record.location[:6])
        if row is not None:
            await tx.run("DELETE FROM blob_octets WHERE blob = ?1", number)
            await loosen(tx, number)
        return row is not None
    row = await tx.row(_POINT, number, *record.location[:6], *before)
    if row is not None and before.pack == 0:
        await tx.run("DELETE FROM blob_octets WHERE blob = ?1", number)
    return row is not None


async def _located(tx: Transaction, number: int) -> Row | None:
    return await tx.row(_LOCATED, number)


async def write_again(engine: Engine, packs: Path, numbers: Sequence[int]) -> set[int]:
    """Copy blobs whose octets are whole into a pack of their own, with new heads; gives those it could."""

    def plan(blobs: BlobReader) -> Reading[list[tuple[int, Row, bytes]]]:
        found = []
        for number in numbers:
            row = yield functools.partial(_located, number=number)
            if row is None:
                continue
            try:
                found.append((number, row, blobs.stored(Location(*row[2:8]))))
            except DamagedBlob:
                continue
        return found

    found = await engine.reading(plan)
    fresh = engine.ids.new()

    def append() -> list[tuple[int, Row, Location]]:
        blobs = [Stored(row[0], bytes(row[1]), row[5], row[6], stored) for _, row, stored in found]
        locations = _appended(packs, fresh, blobs)
        return [(number, row, location) for (number, row, _), location in zip(found, locations, strict=True)]

    async def move(tx: Transaction, number: int, row: Row, location: Location) -> None:
        await tx.run(
            "UPDATE blobs SET pack = ?2, position = ?3 WHERE id = ?1 AND pack = ?4 AND position = ?5",
            number,
            location.pack,
            location.position,
            row[2],
            row[3],
        )

    if not found:
        return set()
    for number, row, location in await trio.to_thread.run_sync(append):
        await engine.database.write(functools.partial(move, number=number, row=row, location=location))
    return {number for number, _, _ in found}


_LOCATED: Final = (
    "SELECT tenant, key, pack, position, stored_octets, size_octets, encoding, crc FROM blobs"
    " WHERE id = ?1 AND pack > 0"
)


async def drop_blob(tx: Transaction, number: int, before: Place | None) -> bool:
    """Remove the row of a blob whose octets are lost, if it names what it did; False: it does not.

    Those who refer to it keep doing so, for its return.
    """
    if before is None:
        return await tx.row("SELECT 1 FROM blobs WHERE id = ?1", number) is None
    if await tx.row(_DROP, number, *before) is None:
        return False
    await tx.run("DELETE FROM blob_octets WHERE blob = ?1", number)
    await tx.run("DELETE FROM loose_blobs WHERE blob = ?1", number)
    return True


async def loosen(tx: Transaction, number: int) -> None:
    """Let the collector know of a blob that nothing refers to."""
    await tx.run(
        "INSERT INTO loose_blobs (blob) SELECT b.id FROM blobs b WHERE b.id = ?1"
        " ON CONFLICT (blob) DO UPDATE SET pass = 0",
        number,
    )
