"""Copies packs as far as rows name them, in pieces of whole records that are checked on their way.

A pack is only ever added to, so what was copied once is never copied again: a later backup takes what has
come behind it.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pymailcore.base.errors import NotFound
from pymailcore.store.backup.manifest import PackFiles, Piece, file_of
from pymailcore.store.backup.target import Target
from pymailcore.store.objects.packs import ObjectPacks
from pymailcore.store.packs import Gap, pack_path, scan

Read = Callable[[int, int], bytes]

PIECE_OCTETS: Final = 32 * 1024 * 1024
_LONGEST_OCTETS: Final = 1024 * 1024 * 1024


@contextlib.contextmanager
def packs_stay(lock: Path) -> Iterator[None]:
    """Keep housekeeping from removing packs; blocks while it is just doing so."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


class PackCopier:
    """Copies packs into one generation.

    Args:
        folder: of the pack files.
        objects: those in S3, if the store has any.
        prefix: of the names of new files.

    Attributes:
        damage: what was not copied whole.
        copied_octets: what was copied, and not there before.
    """

    def __init__(
        self,
        folder: Path,
        objects: ObjectPacks | None,
        target: Target,
        prefix: str,
        *,
        piece_octets: int = PIECE_OCTETS,
    ) -> None:
        self._folder = folder
        self._objects = objects
        self._target = target
        self._prefix = prefix
        self._piece_octets = piece_octets
        self.damage: list[str] = []
        self.copied_octets = 0

    def copy(self, pack: int, end: int, before: PackFiles | None) -> PackFiles | None:
        """Copy a pack up to `end`, behind what an earlier generation has of it; None when nothing is left."""
        pieces = list(before.pieces) if before is not None else []
        place = before.octets if before is not None else 0
        if place >= end:
            return before
        try:
            for start, octets in self._read(pack, place, end):
                file = file_of(f"{self._prefix}{abs(pack):016x}.{start:012}", octets)
                self._target.put(file.name, octets)
                pieces.append(Piece(file=file, start=start))
                place = start + len(octets)
                self.copied_octets += len(octets)
        except (OSError, NotFound) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            self.damage.append(f"pack {abs(pack):016x}: {reason}")
        if place < end:
            self.damage.append(f"pack {abs(pack):016x} ends at {place}, rows name it up to {end}")
        return PackFiles(pack=pack, octets=place, pieces=tuple(pieces)) if pieces else None

    def _read(self, pack: int, place: int, end: int) -> Iterator[tuple[int, bytes]]:
        if pack < 0:
            if self._objects is None:
                raise NotFound("this store has no objects")
            octets = self._objects.whole(pack)[place:end]
            yield from self._pieces(pack, place, end, lambda start, length: octets[start - place :][:length])
            return
        with pack_path(self._folder, pack).open("rb", buffering=0) as file:
            descriptor = file.fileno()
            yield from self._pieces(
                pack, place, end, lambda start, length: os.pread(descriptor, length, start)
            )

    def _pieces(self, pack: int, place: int, end: int, read: Read) -> Iterator[tuple[int, bytes]]:
        """Cut a stretch of a pack between records."""
        wanted = self._piece_octets
        while place < end:
            octets = read(place, min(wanted, end - place))
            if not octets:
                return
            whole = self._whole_records(pack, place, octets)
            if place + len(octets) < end and whole < len(octets):
                if not whole and wanted < _LONGEST_OCTETS:  # a record that is longer than a piece
                    wanted *= 2
                    continue
                octets = octets[: whole or len(octets)]
            wanted = self._piece_octets
            yield place, octets
            place += len(octets)

    def _whole_records(self, pack: int, place: int, octets: bytes) -> int:
        """Where the last whole record ends; notes what is damaged."""
        gap: Gap | None = None
        for item in scan(octets, pack):
            if gap is not None:
                self.damage.append(f"pack {abs(pack):016x} at {place + gap.position}: no record")
                gap = None
            if isinstance(item, Gap):
                gap = item
            elif not item.intact:
                at = place + item.location.position
                self.damage.append(f"pack {abs(pack):016x} at {at}: damaged octets")
        return len(octets) if gap is None else gap.position
