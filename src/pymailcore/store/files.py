"""The few system calls that packs are written with, so that tests can make them fail."""

import fcntl
import os
from pathlib import Path

from pymailcore.store.layout import sync_folder


class Files:
    """The real file system."""

    def create(self, path: Path) -> int:
        """Make a file that is not there yet and open it for writing.

        It is locked until it is closed, so that housekeeping sees which packs a living process writes.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor

    def write(self, descriptor: int, octets: bytes, position: int) -> None:
        """Write all octets at a position."""
        view = memoryview(octets)
        while view:
            written = os.pwrite(descriptor, view, position)
            position += written
            view = view[written:]

    def sync(self, descriptor: int) -> None:
        """Put the octets and the length of a file on disk."""
        os.fdatasync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Put the names in a folder on disk."""
        sync_folder(folder)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)
