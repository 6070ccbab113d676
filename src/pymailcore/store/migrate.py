"""Brings a database to the schema of this version, once, whoever comes first.

Each migration is `schema/NNNN_name.sql` and runs in one transaction together with what fills its columns
(`refill`) and the row that says so.
Beside the version the database keeps a floor: the oldest schema version whose code may still use it.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

import apsw

from pymailcore.base.errors import PermanentFailure
from pymailcore.store.refill import FILLS
from pymailcore.store.transaction import SqliteTransaction, drive

VERSION: Final = 8
"""The schema that this code knows."""

FLOOR: Final = 7
"""The oldest schema version whose code can still use a database of `VERSION`."""

VERSIONS: Final = (
    "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY, floor INTEGER NOT NULL)"
)
NEWEST: Final = "SELECT coalesce(max(version), 0), coalesce(max(floor), 0) FROM schema_versions"

_NAME: Final = re.compile(r"(\d{4})_\w+\.sql\Z")


class NewerDatabase(PermanentFailure):
    """The database was changed by a newer version that this code cannot follow."""


def migrations() -> list[tuple[int, str]]:
    """All migrations as (version, SQL), ascending."""
    found = []
    for entry in resources.files("pymailcore.store.schema").iterdir():
        match = _NAME.match(entry.name)
        if match:
            found.append((int(match[1]), entry.read_text(encoding="utf-8")))
    return sorted(found)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock file, so that of several processes one at a time makes or migrates a database; blocks.

    The switch to WAL of a new file does not wait for others by itself, so it belongs in here, too.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def missing(version: int, floor: int) -> list[tuple[int, str]]:
    """The migrations that a database of a version lacks.

    Args:
        floor: the oldest version whose code may use it, as the database says.

    Raises:
        NewerDatabase: that is above `VERSION`.
    """
    if floor > VERSION:
        raise NewerDatabase(
            f"the database has schema {version} and needs a version of pymailcore that knows schema {floor}; "
            f"this one knows {VERSION}"
        )
    return [(number, sql) for number, sql in migrations() if number > version]


def migrate(connection: apsw.Connection) -> list[int]:
    """Run the migrations that a database lacks, and give their numbers; the caller is `alone`.

    Raises:
        NewerDatabase: the floor of the database is above `VERSION`.
    """
    connection.execute(VERSIONS)
    row = connection.execute(NEWEST).fetchone()
    done = []
    for number, sql in missing(*(row or (0, 0))):
        with connection:
            connection.execute(sql)
            if number in FILLS:
                drive(FILLS[number], SqliteTransaction(connection))
            connection.execute("INSERT INTO schema_versions VALUES (?, ?)", (number, min(number, FLOOR)))
        done.append(number)
    return done
