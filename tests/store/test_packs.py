import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.store.files import Files
from pymailcore.store.packs import (
    HEAD,
    PLAIN,
    RECORD_OCTETS,
    ZSTD,
    DamagedBlob,
    Encoder,
    OpenPack,
    PackReader,
    pack_path,
)


@given(octets=st.binary(max_size=2000), times=st.integers(1, 30))
def test_what_is_encoded_is_smaller_or_as_it_was(octets: bytes, times: int) -> None:
    encoding, stored = Encoder(3).encode(octets * times)
    assert len(stored) <= len(octets * times)
    assert encoding == PLAIN or len(stored) < len(octets * times)


def test_blobs_come_back_and_records_say_whose_they_are(tmp_path: Path) -> None:
    pack = OpenPack(tmp_path, 7, Files())
    encoder = Encoder(3)
    blobs = [b"", b"a", b"text " * 500, os.urandom(3000)]
    locations = []
    for n, octets in enumerate(blobs):
        encoding, stored = encoder.encode(octets)
        locations.append(pack.add(5, bytes([n]) * 32, len(octets), encoding, stored))
    pack.sync()
    pack.sync()
    reader = PackReader(tmp_path)
    assert [reader.read(location) for location in locations] == blobs
    assert [location.encoding for location in locations] == [PLAIN, PLAIN, ZSTD, PLAIN]
    octets = pack_path(tmp_path, 7).read_bytes()
    assert octets.startswith(HEAD + b"BLOB")
    assert octets[locations[1].position - RECORD_OCTETS :][16:48] == b"\1" * 32
    reader.close()
    pack.close()


@pytest.mark.parametrize("place", [0, -1])
def test_a_flipped_octet_is_found(tmp_path: Path, place: int) -> None:
    pack = OpenPack(tmp_path, 1, Files())
    location = pack.add(1, b"k" * 32, 9, PLAIN, b"some text")
    pack.sync()
    pack.close()
    path = pack_path(tmp_path, 1)
    octets = bytearray(path.read_bytes())
    octets[location.position + (place % location.stored_octets)] ^= 1
    path.write_bytes(octets)
    reader = PackReader(tmp_path)
    with pytest.raises(DamagedBlob):
        reader.read(location)
    reader.close()


def test_a_short_or_missing_pack_is_damage_and_not_a_fault(tmp_path: Path) -> None:
    pack = OpenPack(tmp_path, 1, Files())
    location = pack.add(1, b"k" * 32, 9, PLAIN, b"some text")
    pack.close()  # never synced, so never written
    reader = PackReader(tmp_path)
    with pytest.raises(DamagedBlob):
        reader.read(location)
    with pytest.raises(DamagedBlob):
        reader.read(location._replace(pack=2))
    with pytest.raises(DamagedBlob):
        reader.read(location._replace(encoding=ZSTD))
    reader.close()


def test_few_files_stay_open(tmp_path: Path) -> None:
    locations = []
    for number in range(80):
        pack = OpenPack(tmp_path, number, Files())
        locations.append(pack.add(1, b"k" * 32, 1, PLAIN, b"%d" % (number % 10)))
        pack.sync()
        pack.close()
    reader = PackReader(tmp_path)
    for _ in range(2):
        assert [reader.read(location) for location in locations] == [b"%d" % (n % 10) for n in range(80)]
    assert len(reader._open) == 64
    reader.close()


def test_a_pack_is_never_written_over(tmp_path: Path) -> None:
    OpenPack(tmp_path, 1, Files()).close()
    with pytest.raises(FileExistsError):
        OpenPack(tmp_path, 1, Files())
