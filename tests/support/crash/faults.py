"""A tap that makes the k-th write-class call fail, once or from then on."""

import errno
import os
import threading
from typing import Final

ERRORS: Final = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EROFS": errno.EROFS}


class Faults:
    """Counts calls; armed, it makes one fail.

    Attributes:
        calls: how many there were since it was armed.
        fired: the calls that failed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = 0
        self._error = 0
        self._lasting = False
        self.calls = 0
        self.fired: list[str] = []

    def arm(self, at: int, error: int, *, lasting: bool) -> None:
        """From now on the call number `at`, counted from 1, fails; all after it too if `lasting`."""
        with self._lock:
            self._at, self._error, self._lasting = at, error, lasting
            self.calls = 0
            self.fired = []

    def lift(self) -> None:
        """The disk is well again."""
        with self._lock:
            self._at = 0

    def before(self, call: str, path: str) -> None:
        """Fail, if it is this call's turn."""
        with self._lock:
            if not self._at:
                return
            self.calls += 1
            if self.calls < self._at or (self.calls > self._at and not self._lasting):
                return
            self.fired.append(f"{call} {path.rpartition('/')[2]}")
            raise OSError(self._error, os.strerror(self._error), path)

    def after(self, call: str, path: str, place: int = 0, octets: bytes = b"") -> None:
        """Nothing to do."""
