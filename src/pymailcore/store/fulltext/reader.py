"""The index as the reading threads have it: attached to their connections under the name `idx`.

Theory. Before each reading a thread looks whether the folder of the index has changed, and attaches the file
that counts. Where there is none that is fit for use an empty index is attached, kept in memory: then the
index knows nothing, and every search looks through the messages. The same happens when SQLite finds the file
damaged in the midst of a search, which then begins anew; the mark that is left lets the writer of the index
make another.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw

from pymailcore.store.fulltext.index_file import MARK, STATE, IndexFolder, is_fit, schema
from pymailcore.store.fulltext.sqlite_lookup import IN_FIELD, in_field
from pymailcore.store.fulltext.sqlite_phrases import COUNTS, PLACES

DAMAGED: Final = ".damaged"
"""Ending of the file that says that an index is damaged."""

_CLOCK_NS: Final = 50_000_000
_CACHE_OCTETS: Final = 8 * 1024 * 1024


def is_damage(error: apsw.Error) -> bool:
    """Whether this is what SQLite says of a file that is not what it wrote."""
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return True
    return isinstance(error, apsw.SQLError) and "vtable constructor failed" in str(error)


class IndexReader:
    """Keeps the index attached to one connection; for one thread."""

    def __init__(self, folder: IndexFolder) -> None:
        self._folder = folder
        self._seen: int | None = None
        self._file: Path | None = None
        self._attached = False
        self._prepared = False

    def refresh(self, connection: apsw.Connection) -> None:
        """Attach the file that counts, if that is another one now; outside of transactions."""
        try:
            changed = os.stat(self._folder.path).st_mtime_ns  # noqa: PTH116 - some times as fast
        except FileNotFoundError:
            changed = 0
        if changed != self._seen:
            self._attach(connection, self._folder.current())
            # The clock of files stands still for some milliseconds, in which more may happen.
            self._seen = None if abs(time.time_ns() - changed) < _CLOCK_NS else changed

    def distrust(self, connection: apsw.Connection) -> bool:
        """Do without a file that seems to be damaged; False when there was none."""
        if self._file is None:
            return False
        _note(self._file)
        self._attach(connection, None)
        return True

    def _attach(self, connection: apsw.Connection, file: Path | None) -> None:
        if self._attached and file is not None and file == self._file and not _is_noted(file):
            return
        if self._attached:
            connection.execute("DETACH idx")
            self._attached = False
        elif not self._prepared:
            connection.register_fts5_function(IN_FIELD, in_field)
            with _writable(connection):
                connection.execute(PLACES)
                connection.execute(COUNTS)
            self._prepared = True
        self._file = None
        if file is not None and self._attach_file(connection, file):
            self._file = file
        else:
            connection.execute("ATTACH ':memory:' AS idx")
            with _writable(connection):
                connection.execute(schema("idx."))
        self._attached = True

    def _attach_file(self, connection: apsw.Connection, file: Path) -> bool:
        if _is_noted(file):
            return False
        attached = False
        try:
            connection.execute("ATTACH ? AS idx", (f"{file.absolute().as_uri()}?mode=rw",))
            attached = True
            if is_fit(connection.execute(STATE.format("idx.")), connection.execute(MARK)):
                connection.execute(f"PRAGMA idx.cache_size = -{_CACHE_OCTETS // 1024}")
                return True
        except apsw.Error as error:
            if is_damage(error):
                _note(file)
        if attached:
            connection.execute("DETACH idx")
        return False


@contextlib.contextmanager
def _writable(connection: apsw.Connection) -> Iterator[None]:
    """Let the connection write, for what is in memory."""
    read_only = connection.pragma("query_only")
    connection.pragma("query_only", False)
    try:
        yield
    finally:
        connection.pragma("query_only", read_only)


def _is_noted(file: Path) -> bool:
    return file.with_name(file.name + DAMAGED).exists()


def _note(file: Path) -> None:
    """Tell the writer that a file is damaged."""
    with contextlib.suppress(OSError):
        file.with_name(file.name + DAMAGED).touch()
