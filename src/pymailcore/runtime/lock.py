"""One server on a data folder: a lock that the kernel lets go of when the process dies."""

import fcntl
import os
from pathlib import Path


class LockHeld(Exception):
    """Another process has the lock."""


class FolderLock:
    """Holds `FOLDER/run/serve.lock` while open."""

    def __init__(self, folder: Path) -> None:
        path = folder / "run" / "serve.lock"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise LockHeld(holder) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let go."""
        os.close(self._descriptor)
