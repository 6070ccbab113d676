"""One server on a data folder, one runner of its queue: locks that the kernel lets go of with the process."""

import fcntl
import os
from pathlib import Path


class LockHeld(Exception):
    """Another process has the lock."""


class FolderLock:
    """Holds a file in `FOLDER/run` while open.

    Raises:
        LockHeld: by another process, which the text names.
    """

    def __init__(self, folder: Path, name: str = "serve.lock") -> None:
        path = folder / "run" / name
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
