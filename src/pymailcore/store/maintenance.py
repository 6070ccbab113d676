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


class Maintenance:
    """Looks at the log a few times a second, in a thread of its own, until it is closed."""

    def __init__(
        self,
        connect: Callable[[], apsw.Connection],
        wal: Path,
        lock: Path,
        space: Space,
        settings: StoreSettings,
    ) -> None:
        self._connect = connect
        self._wal = wal
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

    def look(self) -> None:
        """Do now what is due."""
        self._space.make_reserve()
        try:
            size = self._wal.stat().st_size
        except OSError:
            return
        if size < self._settings.passive_checkpoint_octets:
            return
        try:
            connection = self._connect()
        except TemporaryFailure:
            return
        try:
            if size < self._settings.restart_checkpoint_octets:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            else:
                self._restart(connection)
        except apsw.Error:
            return  # busy or full: the next look tries again
        finally:
            connection.close(True)

    def _restart(self, connection: apsw.Connection) -> None:
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            connection.set_busy_timeout(1_000)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            os.close(descriptor)
