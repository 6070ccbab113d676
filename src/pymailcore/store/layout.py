"""The folder of a store: what lies where, and on what file system it may lie."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pymailcore.base.errors import PermanentFailure

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.davfs2", "fuse.glusterfs",
        "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs2", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2",
        "orangefs", "smb3", "smbfs",
    }
)  # fmt: skip
"""File systems where locks or a shared memory file do not hold what SQLite needs."""


class UnfitFileSystem(PermanentFailure):
    """The folder lies on a file system that cannot hold a store."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below the data folder."""

    data: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data / "store.sqlite"

    @property
    def wal(self) -> Path:
        """Its write-ahead log."""
        return self.data / "store.sqlite-wal"

    @property
    def packs(self) -> Path:
        """Folder of the pack files."""
        return self.data / "packs"

    @property
    def index(self) -> Path:
        """Folder of the full-text index; without it the store is whole, and slower to search."""
        return self.data / "index"

    @property
    def locks(self) -> Path:
        """Folder of lock files; they stay empty."""
        return self.data / "locks"

    @property
    def keys(self) -> Path:
        """Folder of key files of other packages (TLS, signing)."""
        return self.data / "keys"

    @property
    def reserve(self) -> Path:
        """The file that is given up when the disk is full."""
        return self.data / "reserve"

    def make(self) -> None:
        """Make the folders that are missing, readable by the owner only, and put them on disk.

        Raises:
            UnfitFileSystem: the folder lies on a network file system.
        """
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_network_file_system(self.data)
        for folder in (self.packs, self.locks, self.keys, self.index):
            folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(self.data)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_network_file_system(folder: Path, mountinfo: str | None = None) -> None:
    """Look up the file system that a folder lies on.

    Args:
        folder: must be there.
        mountinfo: text of /proc/self/mountinfo; None reads it.

    Raises:
        UnfitFileSystem: it is one of `NETWORK_FILE_SYSTEMS`.
    """
    if mountinfo is None:
        mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) > 2 and fields[2] == wanted and after:
            kind = after.split(" ", 1)[0]
            if kind in NETWORK_FILE_SYSTEMS:
                raise UnfitFileSystem(f"{folder} is on a {kind} file system; a store needs a local one")
            return
