"""Sees every call that writes to a store's disk: SQLite's through a VFS, the packs' through `Files`.

Both hand each call to a `Tap` before it is done and after it was. A tap that raises makes the call fail.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import apsw

from pymailcore.store.files import Files

_NAME: Final = "pymailcore-tap"


class Tap(Protocol):
    """What looks at the calls; from many threads."""

    def before(self, call: str, path: str) -> None:
        """Called before a write-class call: open, write, sync, truncate, delete, sync_folder.

        Raises:
            OSError: the call fails with this.
        """
        ...

    def after(self, call: str, path: str, place: int = 0, octets: bytes = b"") -> None:
        """Called when it was done."""
        ...


_CODES: Final = {
    "open": apsw.SQLITE_CANTOPEN,
    "write": apsw.SQLITE_IOERR_WRITE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "delete": apsw.SQLITE_IOERR_DELETE,
}


def _sqlite_error(call: str, error: OSError) -> Exception:
    """What SQLite's own VFS makes of a failed system call."""
    if call == "write" and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return apsw.exception_for(apsw.SQLITE_FULL)
    return apsw.exception_for(_CODES[call])


class _TapFile(apsw.VFSFile):
    def __init__(self, tap: Tap, path: str, name: Any, flags: list[int]) -> None:  # noqa: ANN401
        super().__init__("unix", name, flags)
        self._tap = tap
        self._path = path

    def _before(self, call: str) -> None:
        try:
            self._tap.before(call, self._path)
        except OSError as error:
            raise _sqlite_error(call, error) from error

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: ANN401, N802
        self._before("write")
        super().xWrite(data, offset)
        self._tap.after("write", self._path, offset, bytes(data))

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._before("sync")
        super().xSync(flags)
        self._tap.after("sync", self._path)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._before("truncate")
        super().xTruncate(newsize)
        self._tap.after("truncate", self._path, newsize)


class _TapVfs(apsw.VFS):
    def __init__(self, tap: Tap) -> None:
        super().__init__(_NAME, "unix", makedefault=True)
        self._tap = tap

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: ANN401, N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        fresh = not Path(path).exists()
        if fresh:
            try:
                self._tap.before("open", path)
            except OSError as error:
                raise _sqlite_error("open", error) from error
        file = _TapFile(self._tap, path, name, flags)
        if fresh:
            self._tap.after("open", path)
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        try:
            self._tap.before("delete", filename)
        except OSError as error:
            raise _sqlite_error("delete", error) from error
        super().xDelete(filename, syncdir)
        self._tap.after("delete", filename)


class TapFiles(Files):
    """The system calls of packs."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap
        self._paths: dict[int, str] = {}

    def create(self, path: Path) -> int:
        """Make a file."""
        self._tap.before("open", str(path))
        descriptor = super().create(path)
        self._paths[descriptor] = str(path)
        self._tap.after("open", str(path))
        return descriptor

    def write(self, descriptor: int, octets: bytes, position: int) -> None:
        """Write; a full disk takes the first half."""
        path = self._paths[descriptor]
        try:
            self._tap.before("write", path)
        except OSError:
            os.pwrite(descriptor, octets[: len(octets) // 2], position)
            raise
        super().write(descriptor, octets, position)
        self._tap.after("write", path, position, octets)

    def sync(self, descriptor: int) -> None:
        """Put a file on disk."""
        self._tap.before("sync", self._paths[descriptor])
        super().sync(descriptor)
        self._tap.after("sync", self._paths[descriptor])

    def sync_folder(self, folder: Path) -> None:
        """Put the names in a folder on disk."""
        self._tap.before("sync_folder", str(folder))
        super().sync_folder(folder)
        self._tap.after("sync_folder", str(folder))


@contextmanager
def tapped(tap: Tap) -> Iterator[TapFiles]:
    """Put a tap under all databases that are opened meanwhile; gives what packs are to be written with."""
    vfs = _TapVfs(tap)
    try:
        yield TapFiles(tap)
    finally:
        vfs.unregister()
