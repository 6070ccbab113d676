"""Checkpoints of the write-ahead log and the reserve: the work of one process of the family.

A PASSIVE checkpoint disturbs nobody; where the log has grown large all the same, RESTART waits for readers
while writers queue at the lock file. The file of the log never shrinks by itself: once nothing has been
written for some seconds and it is long, it is emptied, so that a busy day does not stay on the disk.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable
from typing import Final

import apsw

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.layout import Layout
from pymailcore.store.settings import StoreSettings
from pymailcore.store.space import Space

LOOK_SECONDS: Final = 0.25
RESTART_BUSY_MS: Final = 1_000
QUIET_SECONDS: Final = 3.0
TRUNCATE_BUSY_MS: Final = 100  # writers wait as long when a reader is in the way; the next look tries again
PAGE_OCTETS: Final = 4096 + 24  # a page and its frame's head


class Maintenance:
    """Looks at the log a few times a second, in a thread of its own, until it is closed."""

    def __init__(
        self,
        connect: Callable[[], apsw.Connection],
        layout: Layout,
        space: Space,
        settings: StoreSettings,
        *,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._connect = connect
        self._connection: apsw.Connection | None = None
        self._lock = layout.locks / "write"
        self._log = layout.wal
        self._quiet_seconds = quiet_seconds
        self._space = space
        self._settings = settings
        self._in_log = -1
        self._moved_at = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-maintenance", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; blocks."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        self.look()
        while not self._end.wait(LOOK_SECONDS):
            self.look()
        self._forget()

    def look(self) -> None:
        """Do now what is due."""
        self._space.make_reserve()
        try:
            if self._connection is None:
                self._connection = self._connect()
            in_log, copied = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
            if in_log * PAGE_OCTETS >= self._settings.restart_checkpoint_octets:
                self._checkpoint(self._connection, apsw.SQLITE_CHECKPOINT_RESTART, RESTART_BUSY_MS)
            elif (in_log - copied) * PAGE_OCTETS >= self._settings.passive_checkpoint_octets:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            elif self._is_quiet(in_log) and self._log_octets() >= self._settings.passive_checkpoint_octets:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)  # without the lock
                self._checkpoint(self._connection, apsw.SQLITE_CHECKPOINT_TRUNCATE, TRUNCATE_BUSY_MS)
        except (apsw.BusyError, apsw.LockedError):
            return  # the next look tries again
        except (apsw.Error, OSError, TemporaryFailure):
            self._forget()

    def _forget(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close(True)

    def _is_quiet(self, in_log: int) -> bool:
        """Whether the log has stayed as it is for some seconds."""
        now = time.monotonic()
        if in_log != self._in_log:
            self._in_log = in_log
            self._moved_at = now
        return now - self._moved_at >= self._quiet_seconds

    def _log_octets(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def _checkpoint(self, connection: apsw.Connection, mode: int, busy_ms: int) -> None:
        """Checkpoint in a way that keeps writers out."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            connection.set_busy_timeout(busy_ms)
            connection.wal_checkpoint(mode=mode)
        finally:
            os.close(descriptor)
