import os
from pathlib import Path

import pytest

from pymailcore.admin.transfer.files import NotPlain, is_folder, open_folder, open_plain


def test_plain_files_and_folders_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "way").symlink_to(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    with open_plain(tmp_path / "file") as file:
        assert file.read() == b"x"
    for name in ("folder", "pipe"):
        with pytest.raises(NotPlain):
            open_plain(tmp_path / name)
    with pytest.raises(OSError, match="link"):
        open_plain(tmp_path / "link")
    with pytest.raises(OSError, match="way"):
        open_folder(tmp_path / "way")
    descriptor = open_folder(tmp_path)
    with open_plain("file", descriptor) as file:
        assert file.read() == b"x"
    os.close(descriptor)
    assert [is_folder(tmp_path / name) for name in ("folder", "file", "link", "way", "nothing")] == [
        True, False, False, False, False,
    ]  # fmt: skip
