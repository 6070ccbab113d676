"""Where backups are kept: a folder, or a prefix of an S3 bucket.

Theory: a target holds files under names with slashes. A file is written once, whole, and is on disk when
`put` returns; none is ever changed. So whatever ends a backup in its middle, what was there before stays
as it was.
"""

import contextlib
import fcntl
import importlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from pymailcore.base.errors import InvalidValue, NotFound, TemporaryFailure
from pymailcore.store.layout import sync_folder
from pymailcore.store.objects.settings import ObjectSettings

_PART: Final = ".part"
_LOCK: Final = "lock"
SCRATCH: Final = "scratch-"


class Entry(NamedTuple):
    """A file that a target has."""

    name: str
    octets: int


class Target(Protocol):
    """A place for backups; blocks, for one thread at a time."""

    @property
    def folder(self) -> Path | None:
        """Where scratch files may lie, if it is a folder."""
        ...

    def put(self, name: str, octets: bytes) -> None:
        """Keep a file, whole or not at all; on return it is on disk."""
        ...

    def get(self, name: str, start: int, octets: int) -> bytes:
        """Give a stretch of a file.

        Raises:
            NotFound: there is no such file.
        """
        ...

    def whole(self, name: str) -> bytes:
        """Give a file.

        Raises:
            NotFound: there is no such file.
        """
        ...

    def delete(self, names: Sequence[str]) -> None:
        """Remove files; those that are not there are no fault."""
        ...

    def listed(self) -> Iterator[Entry]:
        """Give all files."""
        ...

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Be the only one that changes it, as far as the place can tell.

        Raises:
            TemporaryFailure: somebody else is at it.
        """
        ...


class FolderTarget:
    """A folder; made when something is put into it."""

    def __init__(self, folder: Path) -> None:
        self.folder: Path | None = folder
        self._folder = folder

    def put(self, name: str, octets: bytes) -> None:
        """Keep a file; see `Target.put`."""
        path = self._folder / name
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True)
            for folder in (path.parent, path.parent.parent):
                sync_folder(folder)
        fresh = path.with_name(path.name + _PART)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            view = memoryview(octets)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.rename(path)
        sync_folder(path.parent)

    def get(self, name: str, start: int, octets: int) -> bytes:
        """Give a stretch; see `Target.get`."""
        try:
            with (self._folder / name).open("rb", buffering=0) as file:
                return os.pread(file.fileno(), octets, start)
        except FileNotFoundError as error:
            raise NotFound(f"{name} is missing") from error

    def whole(self, name: str) -> bytes:
        """Give a file; see `Target.whole`."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"{name} is missing") from error

    def delete(self, names: Sequence[str]) -> None:
        """Remove files, and folders that become empty."""
        for name in names:
            path = self._folder / name
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # it is not empty
                path.parent.rmdir()

    def listed(self) -> Iterator[Entry]:
        """Give all files, those that were never finished among them."""
        for path in sorted(self._folder.rglob("*")):
            name = path.relative_to(self._folder).as_posix()
            if path.is_file() and name != _LOCK and not name.startswith(SCRATCH):
                yield Entry(name, path.stat().st_size)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock file of the folder."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TemporaryFailure(f"another backup to {self._folder} is running") from None
            yield
        finally:
            os.close(descriptor)


class BucketTarget:
    """A prefix of an S3 bucket; several backups to one at a time are the operator's to avoid."""

    def __init__(self, settings: ObjectSettings) -> None:
        self.folder: Path | None = None
        client = importlib.import_module("pymailcore.store.objects.client")
        self._client = client.ObjectClient(settings)

    def put(self, name: str, octets: bytes) -> None:
        """Keep an object; see `Target.put`."""
        self._client.put(name, octets)

    def get(self, name: str, start: int, octets: int) -> bytes:
        """Give a stretch; see `Target.get`."""
        return bytes(self._client.get(name, start, octets))

    def whole(self, name: str) -> bytes:
        """Give an object; see `Target.whole`."""
        return bytes(self._client.whole(name))

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects, a thousand at a time."""
        for first in range(0, len(names), 1_000):
            self._client.delete(names[first : first + 1_000])

    def listed(self) -> Iterator[Entry]:
        """Give all objects."""
        for name, octets, _ in self._client.listed():
            yield Entry(name, octets)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nothing: S3 has no locks."""
        yield


def open_target(place: str, settings: ObjectSettings | None = None) -> Target:
    """Open the place that an operator names: a path, or `s3://bucket/prefix`.

    Args:
        settings: of S3, where the bucket and the prefix are taken from `place`.

    Raises:
        InvalidValue: it is neither.
    """
    if "://" not in place:
        return FolderTarget(Path(place))
    parts = urlsplit(place)
    if parts.scheme != "s3" or not parts.netloc:
        raise InvalidValue(f"{place} is no place for backups: give a folder, or s3://bucket/prefix")
    base = settings or ObjectSettings(
        bucket="",
        prefix="",
        endpoint="",
        region="us-east-1",
        credentials_file=None,
        timeout_seconds=60.0,
    )
    return BucketTarget(base._replace(bucket=parts.netloc, prefix=parts.path.strip("/")))
