"""One moment of the rows of a store.

SQLite: the pages are copied into a scratch file by SQLite itself, under one read transaction, as fast as
the disk takes them; writers go on meanwhile. Rows are then read from the copy at leisure, so that the log of
the live database can be written back again. PostgreSQL: one long snapshot.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import apsw
import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.backup.dump import Sink, dump
from pymailcore.store.backup.target import SCRATCH
from pymailcore.store.connection import open_connection
from pymailcore.store.engine import Engine
from pymailcore.store.layout import Layout
from pymailcore.store.transaction import SqliteTransaction, drive

_STEP_PAGES: Final = 4_096
_ROOM: Final = 1.1
_MOST_DAMAGE: Final = 20


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder for files that go again; those that a killed process left go, too.

    Each is locked while it is in use, so one that can be locked is nobody's.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in parent.glob(f"{SCRATCH}*"):
        with contextlib.suppress(OSError), _locked(old):
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=parent) as folder, _locked(Path(folder)):
        yield Path(folder)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


async def dump_store(
    engine: Engine, sink: Sink, scratch: Path, progress: Callable[[float], None]
) -> list[str]:
    """Read all rows of an open store, as of one moment, into a sink; gives what is damaged in its file.

    Args:
        scratch: a folder with room for a copy of the database.
        progress: told the share of the pages that is copied.

    Raises:
        TemporaryFailure: there is no room for the copy.
    """
    if engine.database.kind != "sqlite":
        await engine.database.read_long(lambda tx: dump(tx, sink))
        return []
    database = Layout(engine.settings.data).database
    cut = scratch / "cut.sqlite"
    await trio.to_thread.run_sync(copy_database, database, cut, progress)
    return await trio.to_thread.run_sync(_dump_file, cut, sink)


def copy_database(database: Path, copy: Path, progress: Callable[[float], None]) -> None:
    """Copy a live SQLite database as of one moment; blocks."""
    octets = database.stat().st_size
    status = os.statvfs(copy.parent)
    if status.f_bavail * status.f_frsize < octets * _ROOM:
        raise TemporaryFailure(
            f"{copy.parent} has no room for a copy of the database ({octets} octets): give --scratch"
        )
    source = open_connection(database, cache_octets=1 << 20, read_only=True)
    target = apsw.Connection(str(copy))
    try:
        target.execute("PRAGMA journal_mode = off; PRAGMA synchronous = off").fetchall()
        # Under a read transaction what others commit meanwhile does not make the copy begin anew.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM schema_versions").fetchall()
        with target.backup("main", source, "main") as copying:
            while not copying.done:
                copying.step(_STEP_PAGES)
                progress(1 - copying.remaining / max(1, copying.page_count))
        source.execute("ROLLBACK")
    finally:
        target.close(True)
        source.close(True)


def _dump_file(database: Path, sink: Sink) -> list[str]:
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute("PRAGMA journal_mode = off; PRAGMA query_only = on").fetchall()
        # The live file cannot be checked so without a read that lasts; its copy can.
        found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_MOST_DAMAGE})")]
        drive(lambda tx: dump(tx, sink), SqliteTransaction(connection))
    except apsw.CorruptError as error:
        raise TemporaryFailure(
            f"the database file is damaged and cannot be read whole ({error}); restore the newest backup"
        ) from error
    finally:
        connection.close(True)
    return [f"the database file: {line}" for line in found if line != "ok"]
