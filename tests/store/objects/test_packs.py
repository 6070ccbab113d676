"""Packs in a bucket: what they give back, what is damage, what is only away."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.support.objects import object_settings

from pymailcore.base.errors import NotFound
from pymailcore.store.objects.packs import (
    OWNER,
    Held,
    ObjectPacks,
    RangeCache,
    Stored,
    name_of,
    open_objects,
)
from pymailcore.store.objects.settings import ObjectsAway
from pymailcore.store.packs import DamagedBlob, Location, Record

BLOBS = [
    Stored(1, b"a" * 32, 5, 0, b"first"),
    Stored(1, b"b" * 32, 0, 0, b""),
    Stored(2, b"c" * 32, 999_999, 17, b"sealed and packed" * 50),
]


class FakeBucket:
    """A bucket in memory, which counts and can be away."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.owner: bytes | None = None
        self.away = False
        self.gets = 0

    def put(self, name: str, octets: bytes) -> None:
        assert name not in self.held, "a name is used once"
        if self.away:
            raise ObjectsAway("away")
        if name == OWNER:
            self.owner = octets
            return
        self.held[name] = octets

    def get(self, name: str, start: int, octets: int) -> bytes:
        self.gets += 1
        return self.whole(name)[start : start + octets]

    def whole(self, name: str) -> bytes:
        if self.away:
            raise ObjectsAway("away")
        if name == OWNER and self.owner is not None:
            return self.owner
        if name not in self.held:
            raise NotFound("no such object")
        return self.held[name]

    def delete(self, names: Sequence[str]) -> None:
        for name in names:
            self.held.pop(name, None)

    def listed(self) -> Iterator[tuple[str, int, int]]:
        return iter([(name, len(octets), 7) for name, octets in sorted(self.held.items())])


def numbers() -> Iterator[int]:
    yield from range(1, 1000)


def packs_on(bucket: FakeBucket, *, cache_octets: int = 0) -> ObjectPacks:
    return ObjectPacks(bucket, numbers().__next__, cache_octets=cache_octets)


def test_blobs_come_back_and_records_say_whose_they_are() -> None:
    bucket = FakeBucket()
    packs = packs_on(bucket)
    locations = packs.write(BLOBS)
    assert [packs.stored(location) for location in locations] == [blob.octets for blob in BLOBS]
    assert {location.pack for location in locations} == {-1}
    assert [location[2:5] for location in locations] == [
        (len(blob.octets), blob.size_octets, blob.encoding) for blob in BLOBS
    ]
    assert list(packs.scan(-1)) == [
        Record(blob.tenant, blob.key, location, intact=True)
        for blob, location in zip(BLOBS, locations, strict=True)
    ]
    assert packs.write(BLOBS[:1])[0].pack == -2


def test_wrong_short_or_missing_objects_are_damage_and_absence_is_not() -> None:
    bucket = FakeBucket()
    packs = packs_on(bucket)
    location = packs.write(BLOBS)[2]
    good = bucket.held[name_of(-1)]
    for bad in (good[: location.position] + b"S" + good[location.position + 1 :], good[:-1], b""):
        bucket.held[name_of(-1)] = bad
        with pytest.raises(DamagedBlob, match="object 0000000000000001 at"):
            packs.stored(location)
    del bucket.held[name_of(-1)]
    with pytest.raises(DamagedBlob):
        packs.stored(location)
    bucket.away = True
    with pytest.raises(ObjectsAway):
        packs.stored(location)
    assert packs.away


def test_what_was_read_lately_is_not_asked_for_again() -> None:
    bucket = FakeBucket()
    packs = packs_on(bucket, cache_octets=16 * 850 + 5)
    small, _, large = packs.write(BLOBS)
    for _ in range(3):
        assert packs.stored(small) == b"first"
        assert packs.stored(large) == BLOBS[2].octets
    assert bucket.gets == 2
    with pytest.raises(DamagedBlob):  # another row's claim about the same place is checked all the same
        packs.stored(small._replace(crc=1))


def test_the_cache_holds_no_more_than_it_may() -> None:
    cache = RangeCache(1600)
    places = [Location(-1, position, 100, 100, 0, 0) for position in range(20)]
    for place in places:
        cache.put(place, b"x" * 100)
        cache.put(place, b"x" * 100)
    held = [place.position for place in places if cache.get(place) is not None]
    assert held == list(range(4, 20))
    cache.get(places[4])
    cache.put(Location(-1, 99, 100, 100, 0, 0), b"x" * 100)
    assert cache.get(places[4]) is not None
    assert cache.get(places[5]) is None
    cache.put(Location(-1, 100, 101, 101, 0, 0), b"x" * 101)
    assert cache.get(Location(-1, 100, 101, 101, 0, 0)) is None


def test_only_names_of_packs_are_listed() -> None:
    bucket = FakeBucket()
    packs = packs_on(bucket)
    packs.write(BLOBS[:1])
    for name in ("readme", "x.pack", f"{'0' * 16}.pack", f"{'F' * 16}.pack", f"{1:016x}.pack.old"):
        bucket.held[name] = b"not ours"
    assert list(packs.listed()) == [Held(-1, len(bucket.held[name_of(-1)]), 7)]
    packs.delete([-1])
    assert list(packs.listed()) == []


def test_a_write_that_failed_is_named_by_nothing() -> None:
    bucket = FakeBucket()
    packs = packs_on(bucket)
    bucket.away = True
    with pytest.raises(ObjectsAway):
        packs.write(BLOBS)
    bucket.away = False
    assert packs.write(BLOBS)[0].pack == -2  # its number is not used again


def test_the_real_bucket_does_all_this(s3_port: int, bucket: str, tmp_path: Path) -> None:
    settings = object_settings(s3_port, bucket, tmp_path)
    packs = open_objects(settings, numbers().__next__, cache_octets=0)
    locations = packs.write(BLOBS)
    assert [packs.stored(location) for location in locations] == [blob.octets for blob in BLOBS]
    assert len(list(packs.scan(-1))) == 3
    assert [held.pack for held in packs.listed()] == [-1]
    with pytest.raises(DamagedBlob):  # the range begins behind the end
        packs.stored(locations[0]._replace(position=10_000))
    assert not packs.away
    packs.delete([-1])
    with pytest.raises(DamagedBlob):
        packs.stored(locations[0])
    with pytest.raises(NotFound):
        packs.whole(-1)
