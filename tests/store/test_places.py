from pathlib import Path

import pytest

from pymailcore.store.encoding import PLAIN, SEALED, ZSTD_HEADERS, Encoder
from pymailcore.store.files import Files
from pymailcore.store.keyfile import create_key_file
from pymailcore.store.packs import DamagedBlob, Location, OpenPack, PackReader, checked, in_row
from pymailcore.store.places import BlobReader
from pymailcore.store.sealing import Sealing, WrappedKey, wrap

ADDRESS = b"k" * 32
TEXT = b"some text " * 1000


class Objects:
    """Object storage that is a dictionary."""

    def __init__(self) -> None:
        self.held: dict[int, bytes] = {}

    def stored(self, location: Location) -> bytes:
        held = self.held[-location.pack]
        return checked(location, held[location.position : location.position + location.stored_octets])


class World:
    """Packs, objects and keys for one tenant."""

    def __init__(self, folder: Path) -> None:
        self.rows: list[WrappedKey] = [wrap(create_key_file(folder / "keys"), 1, 1, b"d" * 32)]
        self.sealing = Sealing(folder / "keys", lambda _: self.rows)
        self.sealing.learn(self.rows)
        self.objects = Objects()
        self.folder = folder
        self.reader = BlobReader(PackReader(folder), self.sealing, self.objects)

    def stored(self, *, sealed: bool) -> tuple[int, bytes]:
        encoding, packed = Encoder(3).encode(TEXT, 100)
        sealer = self.sealing.newest(1)
        assert sealer is not None
        return sealer.seal(1, ADDRESS, encoding, packed) if sealed else (encoding, packed)

    def put(self, where: str, *, sealed: bool) -> Location:
        encoding, stored = self.stored(sealed=sealed)
        in_database = in_row(len(TEXT), encoding, stored)
        if where == "row":
            return in_database
        if where == "object":
            self.objects.held[5] = b"head" + stored
            return in_database._replace(pack=-5, position=4, octets=None)
        pack = OpenPack(self.folder, 5, Files())
        location = pack.add(1, ADDRESS, len(TEXT), encoding, stored)
        pack.sync()
        pack.close()
        return location


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("where", ["pack", "row", "object"])
def test_a_blob_is_read_wherever_it_lies(world: World, where: str, sealed: bool) -> None:
    location = world.put(where, sealed=sealed)
    assert location.encoding == ZSTD_HEADERS | (SEALED if sealed else 0)
    assert world.reader.read(1, ADDRESS, location) == TEXT
    start = world.reader.read_start(1, ADDRESS, location, 100)
    assert TEXT.startswith(start)
    assert len(start) >= 100
    assert len(world.reader.stored(location)) == location.stored_octets
    world.reader.close()


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("where", ["pack", "row", "object"])
def test_wrong_octets_are_damage_wherever_they_lie(world: World, where: str, sealed: bool) -> None:
    location = world.put(where, sealed=sealed)
    with pytest.raises(DamagedBlob):
        world.reader.read(1, ADDRESS, location._replace(crc=location.crc ^ 1))
    with pytest.raises(DamagedBlob):
        world.reader.read(1, ADDRESS, location._replace(size_octets=location.size_octets + 1))
    reseal = location._replace(encoding=location.encoding ^ SEALED)
    for tenant, other in [(1, reseal), *([(2, location)] if sealed else [])]:
        with pytest.raises(DamagedBlob):
            world.reader.read(tenant, ADDRESS, other)
        with pytest.raises(DamagedBlob):
            world.reader.read_start(tenant, ADDRESS, other, 10)
    world.reader.close()


def test_what_has_no_place_is_damage(world: World) -> None:
    location = world.put("row", sealed=False)
    with pytest.raises(DamagedBlob, match="the row of a blob lacks"):
        world.reader.read(1, ADDRESS, location._replace(octets=None))
    alone = BlobReader(PackReader(world.folder), Sealing(None, lambda _: []))
    with pytest.raises(DamagedBlob, match="this store has no objects"):
        alone.read(1, ADDRESS, location._replace(pack=-9))
    assert alone.read(1, ADDRESS, location) == TEXT
    assert PLAIN == 0
