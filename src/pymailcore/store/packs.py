"""Pack files: octets of blobs, only ever added to.

A pack is a head of 16 octets and then records. A record says whose it is, so that an index can be made
again from the packs alone:

    mark 4 octets, encoding 1, zero 3, tenant 8, key 32, octets stored 4, octets 8, CRC-32 of what is stored 4

all numbers little-endian, then the stored octets. Each writing process has a pack of its own. What is in a
pack is on disk before a row names it; after a failed write or sync a pack is given up and never written
again, since nobody can know what of it the disk has.
"""

import os
import struct
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Final, NamedTuple

import zstandard

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.files import Files

HEAD: Final = b"pymailcore pack\x01"
_RECORD: Final = struct.Struct("<4sBxxxQ32sIQI")
RECORD_OCTETS: Final = _RECORD.size
_MARK: Final = b"BLOB"

PLAIN: Final = 0
ZSTD: Final = 1

_PAYS: Final = 64  # compression must win at least this many octets, and an eighth
_OPEN_FILES: Final = 64
_STEP: Final = 512


class Location(NamedTuple):
    """Where a blob lies."""

    pack: int
    position: int  # of the stored octets, behind the record's head
    stored_octets: int
    size_octets: int
    encoding: int
    crc: int


class DamagedBlob(TemporaryFailure):
    """What a pack holds is not what was written there, or the pack is gone."""


def pack_path(folder: Path, pack: int) -> Path:
    """The file of a pack."""
    return folder / f"{pack:016x}.pack"


class Encoder:
    """Compresses blobs where that pays; for one thread."""

    def __init__(self, level: int) -> None:
        self._zstd = zstandard.ZstdCompressor(level=level, write_checksum=False)

    def encode(self, octets: bytes, start: int = 0) -> tuple[int, bytes]:
        """Give the stored form and its encoding.

        Args:
            start: so many octets are compressed as a block of their own, for `PackReader.read_start`.
        """
        if 0 < start < len(octets):
            writer = self._zstd.compressobj(size=len(octets))
            packed = writer.compress(octets[:start]) + writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            packed += writer.compress(octets[start:]) + writer.flush()
        else:
            packed = self._zstd.compress(octets)
        if len(packed) + _PAYS <= len(octets) and len(packed) <= len(octets) * 7 // 8:
            return ZSTD, packed
        return PLAIN, octets


def record_head(tenant: int, key: bytes, encoding: int, size_octets: int, stored: bytes, crc: int) -> bytes:
    """The head of a record."""
    return _RECORD.pack(_MARK, encoding, tenant, key, len(stored), size_octets, crc)


class OpenPack:
    """The pack that this process writes.

    Args:
        pack: number of a pack that is not there yet.
    """

    def __init__(self, folder: Path, pack: int, files: Files) -> None:
        self.pack = pack
        self._folder = folder
        self._files = files
        self._fresh = True
        self._descriptor = files.create(pack_path(folder, pack))
        self._pending: list[bytes] = [HEAD]
        self._written = 0
        self.end = len(HEAD)

    def add(self, tenant: int, key: bytes, size_octets: int, encoding: int, stored: bytes) -> Location:
        """Take a record in; it is written by the next `sync`."""
        crc = zlib.crc32(stored)
        head = record_head(tenant, key, encoding, size_octets, stored, crc)
        self._pending.append(head)
        self._pending.append(stored)
        position = self.end + len(head)
        self.end = position + len(stored)
        return Location(self.pack, position, len(stored), size_octets, encoding, crc)

    def sync(self) -> None:
        """Put on disk what was added.

        Raises:
            OSError: it may or may not be there; the pack must not be used any more.
        """
        if not self._pending:
            return
        self._files.write(self._descriptor, b"".join(self._pending), self._written)
        self._pending.clear()
        self._written = self.end
        self._files.sync(self._descriptor)
        if self._fresh:
            self._files.sync_folder(self._folder)
            self._fresh = False

    def close(self) -> None:
        """Close the file; what was not synced is lost."""
        self._files.close(self._descriptor)


class PackReader:
    """Reads blobs; for one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[int, int] = OrderedDict()
        self._zstd = zstandard.ZstdDecompressor()

    def read(self, location: Location) -> bytes:
        """Give the octets of a blob.

        Raises:
            DamagedBlob: the pack is gone, too short, or the octets fail their check.
        """
        stored = self._stored(location)
        if location.encoding == PLAIN:
            return stored
        try:
            return self._zstd.decompress(stored, max_output_size=location.size_octets)
        except zstandard.ZstdError as error:
            raise DamagedBlob(f"pack {location.pack:016x} at {location.position}: {error}") from error

    def read_start(self, location: Location, octets: int) -> bytes:
        """Give at least so many octets of the beginning of a blob, as cheaply as its blocks allow.

        Raises:
            DamagedBlob: as `read`.
        """
        stored = self._stored(location)
        if location.encoding == PLAIN:
            return stored
        reader = self._zstd.decompressobj()
        out = b""
        try:
            for place in range(0, len(stored), _STEP):
                out += reader.decompress(stored[place : place + _STEP])
                if len(out) >= octets:
                    break
        except zstandard.ZstdError as error:
            raise DamagedBlob(f"pack {location.pack:016x} at {location.position}: {error}") from error
        return out

    def _stored(self, location: Location) -> bytes:
        try:
            stored = os.pread(self._file(location.pack), location.stored_octets, location.position)
        except OSError as error:
            raise DamagedBlob(f"pack {location.pack:016x}: {error}") from error
        if len(stored) != location.stored_octets or zlib.crc32(stored) != location.crc:
            raise DamagedBlob(f"pack {location.pack:016x} at {location.position}")
        return stored

    def _file(self, pack: int) -> int:
        descriptor = self._open.get(pack)
        if descriptor is None:
            descriptor = os.open(pack_path(self._folder, pack), os.O_RDONLY | os.O_CLOEXEC)
            self._open[pack] = descriptor
            if len(self._open) > _OPEN_FILES:
                os.close(self._open.popitem(last=False)[1])
        else:
            self._open.move_to_end(pack)
        return descriptor

    def close(self) -> None:
        """Close all files."""
        while self._open:
            os.close(self._open.popitem()[1])
