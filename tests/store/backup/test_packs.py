"""Pieces of packs: whole records, checked, and only what is new."""

from pathlib import Path

import pytest

from pymailcore.store.backup.packs import PackCopier
from pymailcore.store.backup.target import FolderTarget
from pymailcore.store.files import Files
from pymailcore.store.packs import HEAD, RECORD_OCTETS, Gap, OpenPack, Record, pack_path, scan

SIZES = [10, 500, 3_000, 20, 90, 700]


@pytest.fixture
def pack(tmp_path: Path) -> OpenPack:
    folder = tmp_path / "packs"
    folder.mkdir()
    opened = OpenPack(folder, 7, Files())
    add(opened, SIZES)
    return opened


def add(pack: OpenPack, sizes: list[int]) -> None:
    for number, size in enumerate(sizes):
        pack.add(1, bytes([number]) * 32, size, 0, bytes([number]) * size)
    pack.sync()


def copier(tmp_path: Path, name: str, piece_octets: int) -> PackCopier:
    target = FolderTarget(tmp_path / "backup")
    return PackCopier(tmp_path / "packs", None, target, f"{name}/packs/", piece_octets=piece_octets)


@pytest.mark.parametrize("piece_octets", [100, 300, 1_000, 1_000_000])
def test_pieces_join_to_the_pack_and_hold_whole_records(
    tmp_path: Path, pack: OpenPack, piece_octets: int
) -> None:
    copying = copier(tmp_path, "one", piece_octets)
    copied = copying.copy(7, pack.end, None)
    assert copied is not None
    assert (copied.octets, copying.damage, copying.copied_octets) == (pack.end, [], pack.end)
    pieces = [(tmp_path / "backup" / piece.file.name).read_bytes() for piece in copied.pieces]
    assert b"".join(pieces) == pack_path(tmp_path / "packs", 7).read_bytes()
    assert [piece.start for piece in copied.pieces] == [
        sum(map(len, pieces[:number])) for number in range(len(pieces))
    ]
    for octets in pieces:
        assert all(isinstance(item, Record) for item in scan(octets, 7)), "a record was cut in two"
    assert sum(len(list(scan(octets, 7))) for octets in pieces) == len(SIZES)


def test_what_came_since_is_a_piece_of_its_own(tmp_path: Path, pack: OpenPack) -> None:
    first = copier(tmp_path, "one", 1_000_000).copy(7, pack.end, None)
    end = pack.end
    add(pack, [40])
    again = copier(tmp_path, "two", 1_000_000)
    second = again.copy(7, pack.end, first)
    assert first is not None
    assert second is not None
    assert second.pieces[:-1] == first.pieces
    assert (second.pieces[-1].start, again.copied_octets) == (end, 40 + RECORD_OCTETS)
    assert copier(tmp_path, "three", 1_000_000).copy(7, end, second) is second


def test_octets_beyond_what_rows_name_are_left_out(tmp_path: Path, pack: OpenPack) -> None:
    end = len(HEAD) + RECORD_OCTETS + SIZES[0]
    copied = copier(tmp_path, "one", 1_000_000).copy(7, end, None)
    assert copied is not None
    assert copied.octets == end


def test_damage_is_noted_and_copied(tmp_path: Path, pack: OpenPack) -> None:
    path = pack_path(tmp_path / "packs", 7)
    octets = bytearray(path.read_bytes())
    octets[len(HEAD) + RECORD_OCTETS + 1] ^= 1  # octets of the first record
    octets[len(HEAD) + 2 * RECORD_OCTETS + SIZES[0] + SIZES[1] + 1] ^= 1  # the mark of the third
    path.write_bytes(octets)
    copying = copier(tmp_path, "one", 1_000_000)
    copied = copying.copy(7, pack.end, None)
    assert copied is not None
    assert copied.octets == pack.end
    assert [line.partition(": ")[2] for line in copying.damage] == ["damaged octets", "no record"]
    assert isinstance(next(item for item in scan(bytes(octets), 7) if isinstance(item, Gap)), Gap)


def test_a_pack_that_is_short_or_gone_is_noted(tmp_path: Path, pack: OpenPack) -> None:
    short = copier(tmp_path, "one", 1_000)
    copied = short.copy(7, pack.end + 100, None)
    assert copied is not None
    assert copied.octets == pack.end
    assert "rows name it up to" in short.damage[0]
    gone = copier(tmp_path, "two", 1_000)
    assert gone.copy(8, 100, None) is None
    assert "No such file" in gone.damage[0]
    no_objects = copier(tmp_path, "three", 1_000)
    assert no_objects.copy(-8, 100, None) is None
    assert "no objects" in no_objects.damage[0]
