"""Pack files: stored octets of blobs, only ever added to.

A pack is a head of 16 octets and then records. A record says whose it is, so that an index can be made
again from the packs alone:

    mark 4 octets, encoding 1, check of the head 3, tenant 8, key 32, octets stored 4, octets 8,
    CRC-32 of what is stored 4

all numbers little-endian, then the stored octets (store.encoding and store.sealing say what they are). Each
writing process has a pack of its own. What is in a pack is on disk before a row names it; after a failed
write or sync a pack is given up and never written again, since nobody can know what of it the disk has.

An object in S3 (store.objects) has the same form. `scan` walks the records of either and goes on behind
damage. A stretch of a blob may look like a record, and who sends mail chooses blobs: what `scan` finds is
to be believed only when its octets have its address under the tenant's key, which nobody can forge.
"""

import functools
import os
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.files import Files

HEAD: Final = b"pymailcore pack\x01"
_FRONT: Final = struct.Struct("<4sI")  # the mark; encoding in the low octet, check in the other three
_REST: Final = struct.Struct("<Q32sIQI")
RECORD_OCTETS: Final = _FRONT.size + _REST.size
_MARK: Final = b"BLOB"

_OPEN_FILES: Final = 64
_WINDOW: Final = 1024 * 1024
_SECTOR: Final = 4096


class Location(NamedTuple):
    """Where a blob lies; the first six are columns of its row, in their order.

    Attributes:
        pack: the number of a pack file; 0: the octets are in the database; below 0: of an object in S3,
            whose number is `-pack`.
        position: of the stored octets, behind the record's head; 0 in the database.
        octets: the stored octets where they came with the row.
    """

    pack: int
    position: int
    stored_octets: int
    size_octets: int
    encoding: int
    crc: int
    octets: bytes | None = None


class Record(NamedTuple):
    """A record that `scan` found; `intact`: what is stored has its CRC."""

    tenant: int
    key: bytes
    location: Location
    intact: bool


class Gap(NamedTuple):
    """A stretch of a pack that is no record: a damaged head and what follows it, or a torn end."""

    position: int
    octets: int


class DamagedBlob(TemporaryFailure):
    """What a pack holds is not what was written there, or the pack is gone."""


def pack_path(folder: Path, pack: int) -> Path:
    """The file of a pack."""
    return folder / f"{pack:016x}.pack"


def place_of(location: Location) -> str:
    """Where a blob lies, for logs."""
    if location.pack == 0:
        return "the database"
    kind = "pack" if location.pack > 0 else "object"
    return f"{kind} {abs(location.pack):016x} at {location.position}"


def in_row(size_octets: int, encoding: int, stored: bytes) -> Location:
    """The location of a blob whose stored octets go into the database."""
    return Location(0, 0, len(stored), size_octets, encoding, zlib.crc32(stored), stored)


def record_head(tenant: int, key: bytes, encoding: int, size_octets: int, stored: bytes, crc: int) -> bytes:
    """The head of a record."""
    rest = _REST.pack(tenant, key, len(stored), size_octets, crc)
    return _FRONT.pack(_MARK, encoding | zlib.crc32(rest, encoding) << 8 & 0xFFFFFF00) + rest


def checked(location: Location, stored: bytes) -> bytes:
    """Give stored octets that are those of a location.

    Raises:
        DamagedBlob: they are not.
    """
    if len(stored) != location.stored_octets or zlib.crc32(stored) != location.crc:
        raise DamagedBlob(place_of(location))
    return stored


class Windowed:
    """Octets to walk through of which a window is in memory, or the whole of what is asked for.

    Args:
        length: how many there are.
        read: gives a stretch of so many octets from a place on.
        window: so many are read at a time.
    """

    def __init__(self, length: int, read: Callable[[int, int], bytes], window: int = _WINDOW) -> None:
        self._length = length
        self._read = read
        self._size = window
        self._place = 0
        self._window = b""

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> bytes:
        begin, end, _ = part.indices(self._length)
        if begin < self._place or end > self._place + len(self._window):
            self._place = begin
            self._window = self._read(begin, min(max(end - begin, self._size), self._length - begin))
        return self._window[begin - self._place : max(begin, end) - self._place]

    def find(self, needle: bytes, start: int) -> int:
        """Where some begin; see `Octets.find`."""
        while start + len(needle) <= self._length:
            found = self[start : start + self._size].find(needle)
            if found >= 0:
                return start + found
            start += self._size - len(needle) + 1
        return -1


def _read_file(descriptor: int, place: int, octets: int) -> bytes:
    """Give a stretch of a file; what the disk cannot read is zeros, so that damage stays damage.

    Not a memory map: with one, a bad sector would end the process.
    """
    try:
        read = os.pread(descriptor, octets, place)
    except OSError:
        if octets <= _SECTOR:
            return bytes(octets)
        half = (octets // 2 + _SECTOR - 1) // _SECTOR * _SECTOR
        return _read_file(descriptor, place, half) + _read_file(descriptor, place + half, octets - half)
    return read + bytes(octets - len(read))


class Octets(Protocol):
    """Octets to walk through that need not be in memory."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, part: slice, /) -> bytes:
        """A stretch of them."""
        ...

    def find(self, needle: bytes, start: int, /) -> int:
        """Where some begin, from a place on; -1 for nowhere."""
        ...


def scan(octets: Octets, pack: int) -> Iterator[Record | Gap]:
    """Walk the records of a pack, in order; what is no record is passed over up to the next that is one.

    A pack that is being written may end in a `Gap` that is a record later.

    Args:
        octets: the whole pack or object.
        pack: its number, for the locations.
    """
    end = len(octets)
    gap = place = len(HEAD) if octets[: len(HEAD)] == HEAD else 0
    while 0 <= place < end:
        record = _record_at(octets, place, pack)
        if record is None:
            place = octets.find(_MARK, place + 1)
            continue
        if gap < place:
            yield Gap(gap, place - gap)
        yield record
        gap = place = record.location.position + record.location.stored_octets
    if gap < end:
        yield Gap(gap, end - gap)


def scan_file(folder: Path, pack: int) -> Iterator[Record | Gap]:
    """Walk the records of a pack file; what the disk cannot read is damage.

    Raises:
        OSError: it cannot be opened.
    """
    with pack_path(folder, pack).open("rb", buffering=0) as file:
        descriptor = file.fileno()
        read = functools.partial(_read_file, descriptor)
        yield from scan(Windowed(os.fstat(descriptor).st_size, read), pack)


def _record_at(octets: Octets, place: int, pack: int) -> Record | None:
    position = place + RECORD_OCTETS
    if position > len(octets):
        return None
    head = octets[place:position]
    mark, front = _FRONT.unpack_from(head)
    if mark != _MARK:
        return None
    encoding = front & 0xFF
    rest = head[_FRONT.size :]
    tenant, key, stored_octets, size_octets, crc = _REST.unpack(rest)
    check = front >> 8
    if check not in (0, zlib.crc32(rest, encoding) & 0xFFFFFF) or position + stored_octets > len(octets):
        return None
    intact = zlib.crc32(octets[position : position + stored_octets]) == crc
    if not check and not intact:  # a head from before heads had a check
        return None
    return Record(tenant, key, Location(pack, position, stored_octets, size_octets, encoding, crc), intact)


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
    """Reads what packs store; for one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[int, int] = OrderedDict()

    def stored(self, location: Location) -> bytes:
        """Give stored octets.

        Raises:
            DamagedBlob: the pack is gone, too short, or the octets fail their check.
        """
        try:
            stored = os.pread(self._file(location.pack), location.stored_octets, location.position)
        except OSError as error:
            raise DamagedBlob(f"{place_of(location)}: {error}") from error
        return checked(location, stored)

    def _file(self, pack: int) -> int:
        descriptor = self._open.get(pack)
        if descriptor is None:
            self._let_go()
            descriptor = os.open(pack_path(self._folder, pack), os.O_RDONLY | os.O_CLOEXEC)
            self._open[pack] = descriptor
            if len(self._open) > _OPEN_FILES:
                os.close(self._open.popitem(last=False)[1])
        else:
            self._open.move_to_end(pack)
        return descriptor

    def _let_go(self) -> None:
        """Close packs that were unlinked: an open one still takes its room on the disk."""
        for pack in [pack for pack, descriptor in self._open.items() if not os.fstat(descriptor).st_nlink]:
            os.close(self._open.pop(pack))

    def close(self) -> None:
        """Close all files."""
        while self._open:
            os.close(self._open.popitem()[1])
