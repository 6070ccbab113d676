"""Free space: a watermark below which nothing is taken in, and a reserve to delete with."""

import contextlib
import errno
import os
import threading
import time
from pathlib import Path
from typing import Final

import apsw

from pymailcore.base.errors import InsufficientStorage, TemporaryFailure

_LOOK_SECONDS: Final = 1.0
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: BaseException | None) -> bool:
    """Whether an error of the file system or of SQLite says that there is no room."""
    return isinstance(error, apsw.FullError) or (isinstance(error, OSError) and error.errno in _FULL)


class Space:
    """Watches the file system of one folder.

    When the disk is full SQLite cannot even delete, so a file of `reserve_octets` is kept to be given up
    then, and made again once there is room.
    """

    def __init__(self, folder: Path, reserve: Path, *, reserve_octets: int, watermark_octets: int) -> None:
        self._folder = folder
        self._reserve = reserve
        self._reserve_octets = reserve_octets
        self._watermark_octets = watermark_octets
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._free = 0

    def free_octets(self) -> int:
        """What is free now, at most a second old."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            status = os.statvfs(self._folder)
            self._free = status.f_bavail * status.f_frsize
            self._looked = now
        return self._free

    def require(self, octets: int = 0) -> None:
        """Refuse to take anything in while space is short, or would be with so many octets more.

        Raises:
            InsufficientStorage: less is free than the watermark.
            TemporaryFailure: nobody can tell.
        """
        try:
            free = self.free_octets()
        except OSError as error:
            raise TemporaryFailure(f"the disk does not answer: {error}") from error
        if free - octets < self._watermark_octets:
            raise InsufficientStorage("the disk is nearly full")

    def release_reserve(self) -> bool:
        """Give up the reserve; True when there was one."""
        with self._lock:
            self._looked = float("-inf")
            try:
                self._reserve.unlink()
            except OSError:
                return False
            return True

    def make_reserve(self) -> None:
        """Set the reserve aside if it is missing and there is twice the room for it and the watermark.

        Where that fails nothing is left of it, and the next call tries again.
        """
        with self._lock, contextlib.suppress(OSError):
            if not self._reserve_octets or self._reserve.exists():
                return
            status = os.statvfs(self._folder)
            if status.f_bavail * status.f_frsize < 2 * self._reserve_octets + self._watermark_octets:
                return
            fresh = self._reserve.with_suffix(f".{os.getpid()}")
            try:
                descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
                try:
                    os.posix_fallocate(descriptor, 0, self._reserve_octets)
                finally:
                    os.close(descriptor)
                fresh.rename(self._reserve)
            except OSError:
                fresh.unlink(missing_ok=True)
