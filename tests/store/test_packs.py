import errno
import fcntl
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.store.encoding import PLAIN
from pymailcore.store.files import Files
from pymailcore.store.packs import (
    HEAD,
    RECORD_OCTETS,
    DamagedBlob,
    Gap,
    Location,
    OpenPack,
    PackReader,
    Record,
    in_row,
    pack_path,
    record_head,
    scan,
    scan_file,
)

BLOBS = [b"", b"a", b"text " * 500, bytes(range(256)) * 12]


def key_of(number: int) -> bytes:
    return bytes([number]) * 32


def written(folder: Path, blobs: list[bytes] = BLOBS, pack: int = 7) -> list[Location]:
    open_pack = OpenPack(folder, pack, Files())
    locations = [
        open_pack.add(5, key_of(n), len(octets) + 1, n % 2, octets) for n, octets in enumerate(blobs)
    ]
    open_pack.sync()
    open_pack.sync()
    open_pack.close()
    return locations


def test_what_is_stored_comes_back_and_records_say_whose_they_are(tmp_path: Path) -> None:
    locations = written(tmp_path)
    reader = PackReader(tmp_path)
    assert [reader.stored(location) for location in locations] == BLOBS
    reader.close()
    octets = pack_path(tmp_path, 7).read_bytes()
    assert octets.startswith(HEAD + b"BLOB")
    assert octets[locations[1].position - RECORD_OCTETS :][16:48] == key_of(1)


@pytest.mark.parametrize("place", [0, -1])
def test_a_flipped_octet_is_found(tmp_path: Path, place: int) -> None:
    (location,) = written(tmp_path, [b"some text"])
    path = pack_path(tmp_path, 7)
    octets = bytearray(path.read_bytes())
    octets[location.position + (place % location.stored_octets)] ^= 1
    path.write_bytes(octets)
    reader = PackReader(tmp_path)
    with pytest.raises(DamagedBlob, match="pack 0000000000000007 at 80"):
        reader.stored(location)
    reader.close()


def test_a_short_or_missing_pack_is_damage_and_not_a_fault(tmp_path: Path) -> None:
    pack = OpenPack(tmp_path, 1, Files())
    location = pack.add(1, b"k" * 32, 9, PLAIN, b"some text")
    pack.close()  # never synced, so never written
    reader = PackReader(tmp_path)
    with pytest.raises(DamagedBlob):
        reader.stored(location)
    with pytest.raises(DamagedBlob):
        reader.stored(location._replace(pack=2))
    reader.close()


def test_few_files_stay_open_and_none_that_was_unlinked(tmp_path: Path) -> None:
    locations = [written(tmp_path, [b"%d" % (number % 10)], number)[0] for number in range(1, 81)]
    reader = PackReader(tmp_path)
    for _ in range(2):
        assert [reader.stored(location) for location in locations] == [b"%d" % (n % 10) for n in range(1, 81)]
    assert len(reader._open) == 64
    assert 80 in reader._open
    for number in range(41, 81):
        pack_path(tmp_path, number).unlink()
    reader.stored(locations[0])
    assert max(reader._open) == 40
    reader.close()


def test_a_pack_is_never_written_over(tmp_path: Path) -> None:
    OpenPack(tmp_path, 1, Files()).close()
    with pytest.raises(FileExistsError):
        OpenPack(tmp_path, 1, Files())


def test_a_pack_is_locked_while_it_is_written(tmp_path: Path) -> None:
    pack = OpenPack(tmp_path, 1, Files())
    pack.sync()
    descriptor = os.open(pack_path(tmp_path, 1), os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    pack.close()
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_octets_for_a_row_have_a_location_of_their_own() -> None:
    location = in_row(9, PLAIN, b"some text")
    assert location == Location(0, 0, 9, 9, PLAIN, zlib.crc32(b"some text"), b"some text")


# --- walking a pack without an index


def test_a_scan_finds_every_record_as_its_row_has_it(tmp_path: Path) -> None:
    locations = written(tmp_path)
    found = list(scan_file(tmp_path, 7))
    assert found == [Record(5, key_of(n), location, intact=True) for n, location in enumerate(locations)]
    pack_path(tmp_path, 8).touch()
    assert list(scan_file(tmp_path, 8)) == []


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7), size=st.integers(1, 600))
def test_damage_costs_the_records_that_it_touches_and_no_others(place: int, bit: int, size: int) -> None:
    octets = bytearray(HEAD)
    spans = []
    for n, stored in enumerate(BLOBS):
        begin = len(octets)
        octets += record_head(5, key_of(n), PLAIN, len(stored), stored, zlib.crc32(stored)) + stored
        spans.append((begin, len(octets)))
    place %= len(octets)
    for at in range(place, min(place + size, len(octets))):
        octets[at] ^= 1 << bit
    found = list(scan(bytes(octets), 3))
    whole = {record.key for record in found if isinstance(record, Record) and record.intact}
    untouched = {key_of(n) for n, (begin, end) in enumerate(spans) if end <= place or begin >= place + size}
    assert whole == untouched
    # Everything is accounted for, once and in order.
    at = len(HEAD) if bytes(octets).startswith(HEAD) else 0
    for one in found:
        if isinstance(one, Gap):
            assert one.position == at
            at += one.octets
        else:
            assert one.location.position - RECORD_OCTETS == at
            at = one.location.position + one.location.stored_octets
    assert at == len(octets)


@pytest.mark.parametrize("field", range(RECORD_OCTETS))
def test_no_flipped_octet_of_a_head_goes_unseen(tmp_path: Path, field: int) -> None:
    """Whose a record is, is under a check, too: with a wrong tenant it would be lost for its own."""
    locations = written(tmp_path)
    path = pack_path(tmp_path, 7)
    octets = bytearray(path.read_bytes())
    octets[locations[2].position - RECORD_OCTETS + field] ^= 0x10
    path.write_bytes(octets)
    found = list(scan_file(tmp_path, 7))
    assert [one.key for one in found if isinstance(one, Record)] == [key_of(0), key_of(1), key_of(3)]
    gap = RECORD_OCTETS + locations[2].stored_octets
    assert [one for one in found if isinstance(one, Gap)] == [Gap(locations[2].position - RECORD_OCTETS, gap)]


def test_a_large_pack_is_walked_in_windows(tmp_path: Path) -> None:
    blobs = [bytes([n]) * (700_000 + n) for n in range(5)]
    locations = written(tmp_path, blobs)
    found = [one.location for one in scan_file(tmp_path, 7) if isinstance(one, Record) and one.intact]
    assert found == locations
    path = pack_path(tmp_path, 7)
    with path.open("r+b") as file:  # heads of the second and third are gone: the next is far
        for location in locations[1:3]:
            file.seek(location.position - RECORD_OCTETS)
            file.write(b"\xff" * 70)
    kinds = [type(one) for one in scan_file(tmp_path, 7)]
    assert kinds == [Record, Gap, Record, Record]


def test_a_sector_that_cannot_be_read_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = [bytes([n]) * 20_000 for n in range(5)]
    locations = written(tmp_path, blobs)
    bad = locations[2].position + 9_000
    real = os.pread

    def pread(descriptor: int, octets: int, place: int) -> bytes:
        if place <= bad < place + octets:
            raise OSError(errno.EIO, "Input/output error")
        return real(descriptor, octets, place)

    monkeypatch.setattr(os, "pread", pread)
    found = [one for one in scan_file(tmp_path, 7) if isinstance(one, Record)]
    assert [one.intact for one in found] == [True, True, False, True, True]


def test_a_torn_end_is_a_gap_at_every_cut(tmp_path: Path) -> None:
    locations = written(tmp_path, BLOBS[:3])
    octets = pack_path(tmp_path, 7).read_bytes()
    end = locations[1].position + 1
    for cut in range(end + 1, len(octets), 37):
        found = list(scan(octets[:cut], 7))
        assert found[2:] == [Gap(end, cut - end)]


def test_damage_in_a_blob_leaves_its_record_to_be_told(tmp_path: Path) -> None:
    locations = written(tmp_path)
    path = pack_path(tmp_path, 7)
    octets = bytearray(path.read_bytes())
    octets[locations[2].position + 100] ^= 1
    found = [one for one in scan(bytes(octets), 7) if isinstance(one, Record)]
    assert [one.intact for one in found] == [True, True, False, True]
    assert found[2].location == locations[2]


def test_a_head_without_check_counts_only_with_its_octets(tmp_path: Path) -> None:
    """Packs of earlier builds have zeros in the place of the check."""
    stored = b"some text"
    head = record_head(1, key_of(1), PLAIN, 9, stored, zlib.crc32(stored))
    old = head[:5] + bytes(3) + head[8:]
    assert [type(one) for one in scan(HEAD + old + stored, 1)] == [Record]
    assert [type(one) for one in scan(HEAD + old + b"other txt", 1)] == [Gap]
