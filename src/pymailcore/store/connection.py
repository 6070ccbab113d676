"""Connections to the SQLite file, with what durability needs read back on each.

With WAL and EXTRA a COMMIT returns once it is on disk. A full disk can make the switch to WAL fail while
the connection goes on in another mode, so both are read back and a connection without them is refused.
"""

from pathlib import Path
from typing import Final

import apsw

from pymailcore.base.errors import TemporaryFailure

BUSY_MS: Final = 10_000
_EXTRA: Final = 3
_FLAGS: Final = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI

_SCRATCH: Final = (
    "CREATE TEMP TABLE thread_delta (thread INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c INTEGER, d INTEGER)"
)
"""What set statements of one operation pass on to each other (ops.stretch)."""

ENVIRONMENT: Final = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.NoMemError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.ProtocolError,
    apsw.InterruptError,
)
"""What SQLite raises for a reason outside of the program."""


class NotDurable(TemporaryFailure):
    """The database cannot be put into the mode in which a commit is a promise."""


def open_connection(path: Path, *, cache_octets: int, read_only: bool = False) -> apsw.Connection:
    """Open the database.

    Raises:
        NotDurable: WAL or EXTRA could not be set.
        TemporaryFailure: the file cannot be opened now.
    """
    try:
        connection = apsw.Connection(str(path), flags=_FLAGS, statementcachesize=400)
        connection.set_busy_timeout(BUSY_MS)
        mode = connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "extra")
        synchronous = connection.pragma("synchronous")
        if mode != "wal" or synchronous != _EXTRA:
            connection.close()
            raise NotDurable(f"journal_mode is {mode}, synchronous is {synchronous}: need wal and {_EXTRA}")
        connection.wal_autocheckpoint(0)
        connection.pragma("cache_size", -(cache_octets // 1024))
        connection.pragma("temp_store", "memory")
        if not read_only:
            connection.execute(_SCRATCH)
        connection.pragma("query_only", read_only)
    except ENVIRONMENT as error:
        raise TemporaryFailure(f"cannot open the database: {error}") from error
    return connection
