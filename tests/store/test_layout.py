import os
import stat
from pathlib import Path

import pytest

from pymailcore.store.layout import (
    NETWORK_FILE_SYSTEMS,
    Layout,
    UnfitFileSystem,
    refuse_network_file_system,
)


def test_folders_are_for_the_owner_only(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "a" / "data")
    layout.make()
    layout.make()
    for folder in (layout.data, layout.packs, layout.locks, layout.keys):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", sorted(NETWORK_FILE_SYSTEMS))
def test_network_file_systems_are_refused(tmp_path: Path, kind: str) -> None:
    device = tmp_path.stat().st_dev
    mounted = f"36 35 {os.major(device)}:{os.minor(device)} / /x rw shared:1 - {kind} server:/x rw\n"
    with pytest.raises(UnfitFileSystem, match=kind):
        refuse_network_file_system(tmp_path, "1 1 0:99 / / rw - ext4 /dev/x rw\n" + mounted)


def test_local_and_unknown_file_systems_are_taken(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    refuse_network_file_system(
        tmp_path, f"1 1 {os.major(device)}:{os.minor(device)} / / rw - ext4 /dev/x rw\n"
    )
    refuse_network_file_system(tmp_path, "nonsense\n\n1 2\n1 1 0:99 / / rw - nfs x rw\n")
    refuse_network_file_system(tmp_path)
