from pathlib import Path

import pytest

from pymailcore.store.files import Files


def test_octets_are_written_where_they_belong(tmp_path: Path) -> None:
    files = Files()
    path = tmp_path / "pack"
    descriptor = files.create(path)
    files.write(descriptor, b"cd", 2)
    files.write(descriptor, b"ab", 0)
    files.sync(descriptor)
    files.sync_folder(tmp_path)
    files.close(descriptor)
    assert path.read_bytes() == b"abcd"


def test_a_file_that_is_there_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "pack"
    path.write_bytes(b"x")
    with pytest.raises(FileExistsError):
        Files().create(path)


def test_nobody_else_may_read_a_pack(tmp_path: Path) -> None:
    path = tmp_path / "pack"
    files = Files()
    files.close(files.create(path))
    assert path.stat().st_mode & 0o077 == 0
