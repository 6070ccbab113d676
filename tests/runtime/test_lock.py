import os
from pathlib import Path

import pytest

from pymailcore.runtime.lock import FolderLock, LockHeld


def test_a_folder_is_locked_once(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(LockHeld, match=str(os.getpid())):
        FolderLock(tmp_path)
    lock.close()
    FolderLock(tmp_path).close()
