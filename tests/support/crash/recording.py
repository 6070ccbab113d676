"""A disk that forgets: all writes to a store are recorded, and what a power cut could leave of them is made.

Theory: what was synced is there. Of what was written after the last sync of a file, each write is there or
not, whatever its order, and one of them may be torn between two sectors. A name is there once its folder was
synced (SQLite syncs the folder with the first sync of a log that it made). A sync that fails may have thrown
away what it was to write, and a later one does not bring it back (that is how Linux behaves). Runs as any
user.
"""

import errno
import os
import random
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

SECTOR_OCTETS: Final = 512


class Event(NamedTuple):
    """One call that was done, or a line of the ledger."""

    call: str
    path: str  # below the store's folder
    place: int = 0
    octets: bytes = b""
    line: dict[str, Any] | None = None


class Recorder:
    """A tap that keeps what was done, in order; now and then a sync fails.

    Args:
        folder: of the store.
        failing: the share of syncs that fail.
    """

    def __init__(self, folder: Path, *, failing: float, seed: int) -> None:
        self._start = f"{folder}/"
        self._failing = failing
        self._chance = random.Random(seed)  # noqa: S311
        self._lock = threading.Lock()
        self.failed = 0
        self.events: list[Event] = []

    def before(self, call: str, path: str) -> None:
        """Let a sync fail now and then."""
        if call != "sync":
            return
        with self._lock:
            if self._chance.random() >= self._failing:
                return
            self.failed += 1
            self.events.append(Event("failed sync", path.removeprefix(self._start)))
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    def after(self, call: str, path: str, place: int = 0, octets: bytes = b"") -> None:
        """Keep it."""
        self.events.append(Event(call, path.removeprefix(self._start), place, octets))

    def heal(self) -> None:
        """From now on no sync fails."""
        self._failing = 0.0

    def report(self, line: dict[str, Any]) -> None:
        """Keep a line of the ledger at its place among the calls."""
        self.events.append(Event("line", "", line=line))


@dataclass
class _File:
    """One file: what is on the disk for certain, and what happened since."""

    octets: bytearray
    named: bool  # its name is on disk
    since: list[Event] = field(default_factory=list)

    def settle(self) -> None:
        """A sync: all that happened is on the disk."""
        for event in self.since:
            _apply(self.octets, event)
        self.since.clear()

    def lose(self, chance: random.Random) -> None:
        """A sync that failed: of what happened since the last one, some will never be there."""
        self.since = [event for event in self.since if event.call == "truncate" or chance.random() < 0.5]

    def left(self, chance: random.Random) -> bytes:
        """What a power cut leaves."""
        octets = bytearray(self.octets)
        kind = chance.random()
        for number, event in enumerate(self.since):
            if kind < 0.3:  # nothing of it
                break
            if kind < 0.5 or chance.random() < 0.5:  # all, or some of it
                torn = event.call == "write" and number == len(self.since) - 1 and chance.random() < 0.5
                _apply(octets, _torn(event, chance) if torn else event)
        return bytes(octets)


def _apply(octets: bytearray, event: Event) -> None:
    if event.call == "truncate":
        del octets[event.place :]
        return
    end = event.place + len(event.octets)
    if len(octets) < end:
        octets.extend(bytes(end - len(octets)))
    octets[event.place : end] = event.octets


def _torn(event: Event, chance: random.Random) -> Event:
    """The first sectors of a write."""
    first = SECTOR_OCTETS - event.place % SECTOR_OCTETS
    kept = first + SECTOR_OCTETS * chance.randrange(1 + len(event.octets) // SECTOR_OCTETS)
    return event._replace(octets=event.octets[:kept])


def leave(before: Path, events: list[Event], to: Path, *, seed: int) -> None:  # noqa: C901
    """Make the folder that a power cut after these calls could leave.

    Args:
        before: a copy of the store's folder as it was when the recording began.
        to: is made.
    """
    chance = random.Random(seed)  # noqa: S311
    shutil.copytree(before, to)
    files: dict[str, _File] = {}

    def file(path: str) -> _File:
        if path not in files:
            there = before / path
            files[path] = _File(bytearray(there.read_bytes() if there.exists() else b""), there.exists())
        return files[path]

    for event in events:
        if event.call == "open":
            files[event.path] = _File(bytearray(), named=False)
        elif event.call in ("write", "truncate"):
            file(event.path).since.append(event)
        elif event.call == "sync":
            file(event.path).settle()
            file(event.path).named |= "/" not in event.path
        elif event.call == "failed sync":
            file(event.path).lose(chance)
        elif event.call == "sync_folder":
            for path, there in files.items():
                there.named |= str(Path(event.path or ".") / Path(path).name) == path
        elif event.call == "delete":
            file(event.path)
    for path, there in files.items():
        target = to / path
        if there.named or chance.random() < 0.5:
            target.write_bytes(there.left(chance))
        else:
            target.unlink(missing_ok=True)
