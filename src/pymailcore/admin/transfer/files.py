"""Files of somebody else, read by a process that may read more than he.

A symbolic link in a user's Maildir could name a file of the server or of another user, and its content would
become his mail. So links are not followed below the place that the operator names, and only plain files are
read.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotPlain(OSError):
    """It is a link, a pipe, a device or the like."""


def open_plain(path: Path | str, folder: int | None = None) -> BinaryIO:
    """Open a file for reading, if it is one.

    Args:
        folder: descriptor of the folder that `path` begins at.

    Raises:
        OSError: it cannot be read, or is no plain file.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe would wait for its writer
    descriptor = os.open(path, flags, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlain(f"{path} is no plain file")
    return os.fdopen(descriptor, "rb")


def open_folder(path: Path) -> int:
    """Open a folder that is no link; gives a descriptor.

    Raises:
        OSError: it cannot be read, or is no folder.
    """
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY)


def names_in(folder: int) -> list[str]:
    """The names in a folder, by its descriptor."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def is_folder(path: Path) -> bool:
    """Whether it is a folder, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False
