from pathlib import Path

import msgspec
import pytest

from pymailcore.store.backup import streams
from pymailcore.store.backup.manifest import TableFiles, UnfitBackup
from pymailcore.store.backup.streams import TableWriter, read_rows
from pymailcore.store.backup.tables import Table
from pymailcore.store.backup.target import FolderTarget

ROWS = [(number, b"octets" * number, None if number % 2 else f"tëxt {number}") for number in range(50)]
TABLE = Table("t", ("id", "octets", "text"), ("id",))


@pytest.fixture
def target(tmp_path: Path) -> FolderTarget:
    return FolderTarget(tmp_path)


@pytest.fixture
def written(target: FolderTarget, monkeypatch: pytest.MonkeyPatch) -> TableFiles:
    monkeypatch.setattr(streams, "PART_OCTETS", 200)
    writer = TableWriter(target, "x/")
    writer.begin(TABLE, len(ROWS))
    for first in range(0, len(ROWS), 5):
        writer.rows(ROWS[first : first + 5])
    writer.end()
    return writer.tables[0]


def test_rows_come_back_from_several_files(target: FolderTarget, written: TableFiles) -> None:
    assert len(written.parts) > 2
    assert [row for page in read_rows(target, written) for row in page] == ROWS


def test_a_table_without_rows_has_no_file(target: FolderTarget) -> None:
    writer = TableWriter(target, "x/")
    writer.begin(TABLE, 0)
    writer.end()
    assert writer.tables[0].parts == ()
    assert list(read_rows(target, writer.tables[0])) == []


def test_a_file_too_few_and_another_width_are_noticed(target: FolderTarget, written: TableFiles) -> None:
    short = msgspec.structs.replace(written, parts=written.parts[:-1])
    with pytest.raises(UnfitBackup, match="rows, not 50"):
        list(read_rows(target, short))
    wide = msgspec.structs.replace(written, columns=("id", "octets"))
    with pytest.raises(UnfitBackup, match="another width"):
        list(read_rows(target, wide))


def test_the_end_of_each_pack_is_known(target: FolderTarget) -> None:
    writer = TableWriter(target, "x/")
    writer.begin(Table("blobs", ("id", "pack", "position", "stored_octets"), ("id",)), 3)
    writer.rows([(1, 7, 16, 10), (2, 7, 100, 5), (3, -9, 20, 1)])
    writer.end()
    assert writer.pack_ends == {7: 105, -9: 21}
