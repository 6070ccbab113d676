"""Where blobs lie, for reading: pack files, objects in S3, or the database row itself."""

from typing import Protocol

from pymailcore.store.encoding import SEALED, Decoder
from pymailcore.store.packs import DamagedBlob, Location, PackReader, checked, place_of
from pymailcore.store.sealing import Sealing


class ObjectReader(Protocol):
    """Gives what objects store."""

    def stored(self, location: Location) -> bytes:
        """Give stored octets.

        Raises:
            DamagedBlob: the object is gone, or the octets fail their check.
            TemporaryFailure: it cannot be reached now.
        """
        ...


class BlobReader:
    """Gives the octets of blobs, wherever they lie; synchronous, for one thread.

    Args:
        objects: None: this store has none.
    """

    def __init__(self, packs: PackReader, sealing: Sealing, objects: ObjectReader | None = None) -> None:
        self._packs = packs
        self._sealing = sealing
        self._objects = objects
        self._decoder = Decoder()

    def read(self, tenant: int, key: bytes, location: Location) -> bytes:
        """Give the octets of a blob.

        Raises:
            DamagedBlob: they are gone, or not what was stored.
            TemporaryFailure: they cannot be reached now.
        """
        encoding, packed = self._opened(tenant, key, location)
        try:
            return self._decoder.decode(encoding, packed, location.size_octets)
        except DamagedBlob as error:
            raise DamagedBlob(f"{place_of(location)}: {error}") from error

    def read_start(self, tenant: int, key: bytes, location: Location, octets: int) -> bytes:
        """Give at least so many octets of the beginning of a blob, as cheaply as its blocks allow.

        Raises:
            DamagedBlob, TemporaryFailure: as `read`.
        """
        encoding, packed = self._opened(tenant, key, location)
        try:
            return self._decoder.decode_start(encoding, packed, octets)
        except DamagedBlob as error:
            raise DamagedBlob(f"{place_of(location)}: {error}") from error

    def stored(self, location: Location) -> bytes:
        """Give a blob as it is stored: compressed, and sealed.

        Raises:
            DamagedBlob, TemporaryFailure: as `read`.
        """
        if location.pack > 0:
            return self._packs.stored(location)
        if location.pack == 0:
            if location.octets is None:
                raise DamagedBlob("the row of a blob lacks its octets")
            return checked(location, location.octets)
        if self._objects is None:
            raise DamagedBlob(f"{place_of(location)}: this store has no objects")
        return self._objects.stored(location)

    def _opened(self, tenant: int, key: bytes, location: Location) -> tuple[int, bytes]:
        stored = self.stored(location)
        if not location.encoding & SEALED:
            return location.encoding, stored
        encoding = location.encoding & ~SEALED
        try:
            return encoding, self._sealing.open(tenant, key, encoding, stored)
        except DamagedBlob as error:
            raise DamagedBlob(f"{place_of(location)}: {error}") from error

    def close(self) -> None:
        """Close all files."""
        self._packs.close()
