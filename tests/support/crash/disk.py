"""A disk whose power can be cut: ext4 on a loop device, shut down without its journal being written out.

Theory: after the shutdown ioctl of ext4 without log flush nothing more reaches the disk: what was not
synced is gone at the next mount, as after a power cut. Needs root and loop devices.

The kernel is not exact at the very moment: a sync that is under way may succeed and yet have done nothing
(seen in 6 of 60 trials with nothing but pwrite and fdatasync). A machine without power says nothing, though:
what is reported after the switch was turned does not count (`child`).
"""

import fcntl
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_SHUTDOWN: Final = 0x8004587D  # EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)
_NO_LOG_FLUSH: Final = 2
_SBIN: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class NoSuchDisk(Exception):
    """This machine does not let us mount a file system of our own."""


def _run(*command: str) -> None:
    program = shutil.which(command[0], path=_SBIN)
    if program is None:
        raise NoSuchDisk(f"there is no {command[0]}")
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoSuchDisk(f"{command[0]} failed: {done.stderr.strip().rpartition(': ')[2][:80]}")


class LoopDisk:
    """A mounted file system of its own; entered: it is there, left: it is gone.

    Raises:
        NoSuchDisk: root or loop devices are missing.
    """

    def __init__(self, folder: Path, *, mebibytes: int) -> None:
        self._image = folder / "disk.img"
        self.folder = folder / "disk"
        with self._image.open("wb") as image:
            image.truncate(mebibytes * 1024 * 1024)
        self.folder.mkdir()
        _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1", str(self._image))
        self._mounted = False

    def cut_power(self) -> None:
        """From now on nothing reaches the disk."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def mount(self) -> None:
        """Mount it, which reads the journal back."""
        _run("mount", "-o", "loop", str(self._image), str(self.folder))
        self._mounted = True

    def unmount(self) -> None:
        """Unmount it; the processes that used it are gone, the kernel may be a moment behind."""
        deadline = time.monotonic() + 5
        while self._mounted:
            try:
                _run("umount", str(self.folder))
                self._mounted = False
            except NoSuchDisk:
                if time.monotonic() > deadline:
                    raise

    def restore_power(self) -> None:
        """Mount it again."""
        self.unmount()
        self.mount()

    def remount(self, options: str) -> None:
        """Change how it is mounted ("ro", "rw")."""
        _run("mount", "-o", f"remount,{options}", str(self.folder))

    def __enter__(self) -> Self:
        self.mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.unmount()
        else:
            _run("umount", "-l", str(self.folder))
