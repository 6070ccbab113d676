"""Single blobs out of backups, for repairs: the replica of a store is where its backups are.

The newest generation that has a blob whole is the one that counts; older ones are asked for what a newer one
lacks, or has copied when it was damaged already. Nothing is believed that has not its address under the
tenant's key. Of each generation the list of blobs is read once, from front to end, and then only the records
that are wanted.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pymailcore.base.errors import MailError, NotFound
from pymailcore.base.ids import TenantId
from pymailcore.runtime.logs import get_logger
from pymailcore.store.backup.manifest import Manifest, PackFiles, UnfitBackup, generations, read_manifest
from pymailcore.store.backup.rebuilding import check_schema
from pymailcore.store.backup.streams import read_table
from pymailcore.store.backup.target import Target
from pymailcore.store.blobs import address_of
from pymailcore.store.encoding import SEALED, Decoder
from pymailcore.store.packs import DamagedBlob, Location, checked
from pymailcore.store.sealing import Sealing, WrappedKey

GENERATIONS: Final = 16
"""Asked at most, the newest first."""

_COLUMNS: Final = (
    "id", "tenant", "key", "pack", "position", "stored_octets", "size_octets", "encoding", "crc",
)  # fmt: skip

log = get_logger()


class Wanted(NamedTuple):
    """A blob that is to be found."""

    tenant: TenantId
    tenant_key: bytes


class SavedBlob(NamedTuple):
    """A blob of a backup, proved; `octets` are compressed as `encoding` says, and not sealed."""

    number: int
    tenant: TenantId
    key: bytes
    size_octets: int
    encoding: int
    octets: bytes


class _Row(NamedTuple):
    number: int
    tenant: int
    key: bytes
    location: Location


class Replica:
    """The backups of one place; blocks, for one thread at a time.

    Args:
        key_file: of the master key, if blobs are encrypted.
    """

    def __init__(self, target: Target, *, key_file: Path | None) -> None:
        self._target = target
        self._key_file = key_file
        self._decoder = Decoder()

    def blobs(self, wanted: Mapping[int, Wanted]) -> Iterator[SavedBlob]:
        """Give those blobs, by their numbers, that a backup has whole, each once.

        Raises:
            NotFound: there is no backup at all; the disk may not be mounted.
            TemporaryFailure, OSError: the place cannot be reached now.
        """
        left = dict(wanted)
        names = generations(self._target)
        if not names:
            raise NotFound("there is no backup")
        for name in reversed(names[-GENERATIONS:]):
            if not left:
                return
            try:
                manifest = read_manifest(self._target, name)
                check_schema(manifest)
                rows = self._rows(manifest, left)
                sealing = Sealing(self._key_file, self._keys(manifest))
            except (UnfitBackup, NotFound) as fault:  # it may be pruned just now
                log.warning("a backup cannot be used for repairs", backup=name, fault=str(fault))
                continue
            packs = {pack.pack: pack for pack in manifest.packs}
            for row in rows:
                found = self._proved(row, left[row.number], packs.get(row.location.pack), sealing)
                if found is not None:
                    del left[row.number]
                    yield found

    def _rows(self, manifest: Manifest, wanted: Mapping[int, Wanted]) -> list[_Row]:
        """The rows of blobs in the order in which they lie, with the octets of those that lie in a row."""
        found: dict[int, _Row] = {}
        table = manifest.table("blobs")
        if table is None:
            return []
        at = [table.columns.index(name) for name in _COLUMNS]
        for rows in read_table(self._target, manifest, "blobs"):
            for row in rows:
                number, tenant, key, *where = (row[place] for place in at)
                if number in wanted and tenant == wanted[number].tenant:
                    found[number] = _Row(number, tenant, bytes(key), Location(*where))
        if any(row.location.pack == 0 for row in found.values()):
            self._add_octets(manifest, found)
        return sorted(found.values(), key=lambda row: row.location[:2])

    def _add_octets(self, manifest: Manifest, found: dict[int, _Row]) -> None:
        table = manifest.table("blob_octets")
        if table is None:
            return
        number_at, octets_at = table.columns.index("blob"), table.columns.index("octets")
        for rows in read_table(self._target, manifest, "blob_octets"):
            for row in rows:
                blob = found.get(row[number_at])
                if blob is not None and blob.location.pack == 0:
                    location = blob.location._replace(octets=bytes(row[octets_at]))
                    found[blob.number] = blob._replace(location=location)

    def _keys(self, manifest: Manifest) -> "_Keys":
        table = manifest.table("sealing_keys")
        if table is None:
            return _Keys({})
        at = [table.columns.index(name) for name in ("tenant", "number", "master", "wrapped")]
        keys: dict[int, list[WrappedKey]] = {}
        for rows in read_table(self._target, manifest, "sealing_keys"):
            for row in rows:
                key = WrappedKey(*(row[place] for place in at))
                keys.setdefault(key.tenant, []).append(key)
        return _Keys({tenant: sorted(some, key=lambda key: key.number) for tenant, some in keys.items()})

    def _proved(
        self, row: _Row, wanted: Wanted, pack: PackFiles | None, sealing: Sealing
    ) -> SavedBlob | None:
        location = row.location
        try:
            packed = checked(location, self._stored(location, pack))
            encoding = location.encoding & ~SEALED
            if location.encoding & SEALED:
                packed = sealing.open(row.tenant, row.key, encoding, packed)
            octets = self._decoder.decode(encoding, packed, location.size_octets)
        except DamagedBlob:
            return None
        except MailError as fault:
            log.warning("a blob of a backup cannot be had", blob=row.number, fault=str(fault))
            return None
        if address_of(wanted.tenant_key, octets) != row.key:
            return None
        return SavedBlob(row.number, wanted.tenant, row.key, location.size_octets, encoding, packed)

    def _stored(self, location: Location, pack: PackFiles | None) -> bytes:
        if location.pack == 0:
            return location.octets or b""
        start, end = location.position, location.position + location.stored_octets
        for piece in pack.pieces if pack is not None else ():
            if piece.start <= start and end <= piece.start + piece.file.octets:
                return self._target.get(piece.file.name, start - piece.start, end - start)
        return b""


class _Keys:
    """The data keys of a backup."""

    def __init__(self, keys: Mapping[int, Sequence[WrappedKey]]) -> None:
        self._keys = keys

    def __call__(self, tenant: int) -> Sequence[WrappedKey]:
        return self._keys.get(tenant, ())
