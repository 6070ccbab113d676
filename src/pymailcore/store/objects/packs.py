"""Packs that are objects in S3: written whole, read by ranges, never changed.

A pack in S3 has a number below 0 in its locations; its object is named after the number without the sign.
The form is that of `store.packs`, so that an index can be made again from the objects alone.
"""

import importlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from pymailcore.base.errors import NotFound
from pymailcore.store.objects.settings import ObjectSettings
from pymailcore.store.packs import (
    HEAD,
    DamagedBlob,
    Gap,
    Location,
    Record,
    Windowed,
    checked,
    in_row,
    place_of,
    record_head,
    scan,
)

OWNER: Final = "owner.json"
"""The object that says whose the bucket, or this prefix of it, is."""

_RANGE: Final = 4 * 1024 * 1024
_CACHED_SHARE: Final = 16  # a blob larger than this part of the cache is not kept


class Stored(NamedTuple):
    """A blob as it is to be stored."""

    tenant: int
    key: bytes
    size_octets: int
    encoding: int
    octets: bytes


class Held(NamedTuple):
    """A pack that the bucket has."""

    pack: int
    octets: int
    modified_ms: int


class Bucket(Protocol):
    """What is needed of `client.ObjectClient`; a fake in tests."""

    @property
    def away(self) -> bool: ...  # noqa: D102 - as there
    def put(self, name: str, octets: bytes) -> None: ...  # noqa: D102
    def get(self, name: str, start: int, octets: int) -> bytes: ...  # noqa: D102
    def whole(self, name: str) -> bytes: ...  # noqa: D102
    def delete(self, names: Sequence[str]) -> None: ...  # noqa: D102
    def listed(self) -> Iterator[tuple[str, int, int]]: ...  # noqa: D102


class RangeCache:
    """Stored octets that were read lately, up to a sum of octets; for any thread."""

    def __init__(self, most_octets: int) -> None:
        self._most_octets = most_octets
        self._held: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._octets = 0
        self._lock = threading.Lock()

    def get(self, location: Location) -> bytes | None:
        """Give the octets of a location, if they are here."""
        with self._lock:
            found = self._held.get((location.pack, location.position))
            if found is not None:
                self._held.move_to_end((location.pack, location.position))
            return found

    def put(self, location: Location, octets: bytes) -> None:
        """Keep octets for a while."""
        if len(octets) > self._most_octets // _CACHED_SHARE:
            return
        with self._lock:
            self._octets += len(octets) - len(self._held.pop((location.pack, location.position), b""))
            self._held[location.pack, location.position] = octets
            while self._octets > self._most_octets:
                self._octets -= len(self._held.popitem(last=False)[1])


class ObjectPacks:
    """The packs of one bucket; blocks, for any thread.

    Args:
        new_pack: gives a number that no pack has had.
    """

    def __init__(self, bucket: Bucket, new_pack: Callable[[], int], *, cache_octets: int) -> None:
        self._bucket = bucket
        self._new_pack = new_pack
        self._minting = threading.Lock()
        self._cache = RangeCache(cache_octets)

    @property
    def away(self) -> bool:
        """Whether S3 failed so lately that nobody asks it now."""
        return self._bucket.away

    def write(self, blobs: Sequence[Stored]) -> list[Location]:
        """Put blobs into a pack of their own; once this returns, S3 has it.

        Raises:
            ObjectsAway: it may or may not be there, and nothing names it.
        """
        with self._minting:
            pack = -self._new_pack()
        pieces = [HEAD]
        locations = []
        end = len(HEAD)
        for tenant, key, size_octets, encoding, octets in blobs:
            found = in_row(size_octets, encoding, octets)
            head = record_head(tenant, key, encoding, size_octets, octets, found.crc)
            pieces += [head, octets]
            locations.append(found._replace(pack=pack, position=end + len(head), octets=None))
            end += len(head) + len(octets)
        self._bucket.put(name_of(pack), b"".join(pieces))
        return locations

    def reaches(self, pack: int, end: int) -> bool:
        """Whether a pack is there and has so many octets.

        Raises:
            ObjectsAway: it cannot be had now.
        """
        try:
            return len(self._bucket.get(name_of(pack), end - 1, 1)) == 1
        except NotFound:
            return False

    def marker(self) -> bytes | None:
        """What says whose the bucket is; None when nothing does.

        Raises:
            ObjectsAway: it cannot be had now.
        """
        try:
            return self._bucket.whole(OWNER)
        except NotFound:
            return None

    def mark(self, octets: bytes) -> None:
        """Say whose the bucket is; the one object that is written more than once.

        Raises:
            ObjectsAway: the old or the new mark is there.
        """
        self._bucket.put(OWNER, octets)

    def put_pack(self, pack: int, octets: bytes) -> None:
        """Put a whole pack back under the number that it had, as a restore does.

        Raises:
            ObjectsAway: it may or may not be there.
        """
        self._bucket.put(name_of(pack), octets)

    def stored(self, location: Location) -> bytes:
        """Give stored octets.

        Raises:
            DamagedBlob: the object is gone, too short, or the octets fail their check.
            ObjectsAway: they cannot be had now.
        """
        found = self._cache.get(location)
        if found is None:
            try:
                found = self._bucket.get(name_of(location.pack), location.position, location.stored_octets)
            except NotFound as error:
                raise DamagedBlob(f"{place_of(location)}: {error}") from error
            checked(location, found)
            self._cache.put(location, found)
        return checked(location, found)

    def scan(self, pack: int) -> Iterator[Record | Gap]:
        """Walk the records of a pack; as `store.packs.scan`.

        Raises:
            NotFound: there is no such pack.
            ObjectsAway: it cannot be had now.
        """
        return scan(self._bucket.whole(name_of(pack)), pack)

    def walk(self, pack: int, octets: int) -> Iterator[Record | Gap]:
        """Walk the records of a pack by ranges, so that not all of it is in memory; as `store.packs.scan`.

        Args:
            octets: how many it should have; those that it lacks are damage.

        Raises:
            NotFound, ObjectsAway: as `scan`.
        """
        name = name_of(pack)

        def read(start: int, wanted: int) -> bytes:
            got = self._bucket.get(name, start, wanted)
            return got + bytes(wanted - len(got))

        return scan(Windowed(octets, read, _RANGE), pack)

    def read_again(self, location: Location) -> bytes:
        """Give stored octets as the bucket has them now, unchecked.

        Raises:
            NotFound, ObjectsAway: as `scan`.
        """
        return self._bucket.get(name_of(location.pack), location.position, location.stored_octets)

    def whole(self, pack: int) -> bytes:
        """Give all octets of a pack.

        Raises:
            NotFound, ObjectsAway: as `scan`.
        """
        return self._bucket.whole(name_of(pack))

    def delete(self, packs: Sequence[int]) -> None:
        """Remove packs, at least 24 hours after the last row that named them.

        Raises:
            ObjectsAway: some may be left.
        """
        self._bucket.delete([name_of(pack) for pack in packs])

    def listed(self) -> Iterator[Held]:
        """Give all packs of the bucket; what has no name of a pack is left out.

        Raises:
            ObjectsAway: it cannot be had now.
        """
        for name, octets, modified_ms in self._bucket.listed():
            pack = _pack_of(name)
            if pack is not None:
                yield Held(pack, octets, modified_ms)


def name_of(pack: int) -> str:
    """The name of a pack's object."""
    return f"{-pack:016x}.pack"


def _pack_of(name: str) -> int | None:
    stem, dot, ending = name.partition(".")  # what has a slash lies under a longer prefix, of another store
    if (dot + ending) != ".pack" or len(stem) != 16 or not stem.isalnum() or stem != stem.lower():
        return None
    try:
        return -int(stem, 16) or None
    except ValueError:
        return None


def open_objects(settings: ObjectSettings, new_pack: Callable[[], int], *, cache_octets: int) -> ObjectPacks:
    """Open a bucket; the library for it is loaded here, so that others do without it.

    Raises:
        UnfitCredentials: the file of credentials cannot be used.
    """
    client = importlib.import_module("pymailcore.store.objects.client")
    return ObjectPacks(client.ObjectClient(settings), new_pack, cache_octets=cache_octets)
