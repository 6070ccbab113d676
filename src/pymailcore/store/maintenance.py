"""Checkpoints of the write-ahead log and the reserve: the work of one process of the family.

A PASSIVE checkpoint disturbs nobody; where the log has grown large all the same, RESTART waits for readers
while writers queue at the lock file.
"""

import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.settings import StoreSettings
from pymailcore.store.space import Space

LOOK_SECONDS: Final = 0.25
RESTART_BUSY_MS: Final = 1_000
PAGE_OCTETS: Final = 4096 + 24  # a page and its frame's head


class Maintenance:
    """Looks at the log a few times a second, in a thread of its own, until it is closed."""

    def __init__(
        self, connect: Callable[[], apsw.Connection], lock: Path, space: Space, settings: StoreSettings
    ) -> None:
        self._connect = connect
        self._connection: apsw.Connection | None = None
        self._lock = lock
        self._space = space
        self._settings = settings
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
                self._restart(self._connection)
            elif (in_log - copied) * PAGE_OCTETS >= self._settings.passive_checkpoint_octets:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.BusyError, apsw.LockedError):
            return  # the next look tries again
        except (apsw.Error, OSError, TemporaryFailure):
            self._forget()

    def _forget(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close(True)

    def _restart(self, connection: apsw.Connection) -> None:
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            connection.set_busy_timeout(RESTART_BUSY_MS)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        finally:
            os.close(descriptor)
