"""mbox files as a source: one file is one folder; a folder of files, Thunderbird's too, is a tree of them.

A message is named by its digest and by how many like it stood before it in the file, so that it is known
again when the file was rewritten or its flags changed. Nothing may write to the files meanwhile.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from pymailcore.admin.transfer.flags import Flags
from pymailcore.admin.transfer.lines import plausible, told_ms
from pymailcore.admin.transfer.mbox import (
    NotMbox,
    Piece,
    Variant,
    content_of,
    from_line_ms,
    is_from_line,
    split,
)
from pymailcore.admin.transfer.names import clean_path, decode_level
from pymailcore.admin.transfer.source import BadSource, Entry, Folder, FolderReader, Taker
from pymailcore.runtime.threads import run_in_thread

_BATCH_OCTETS: Final = 4 * 1024 * 1024
_BATCH_MESSAGES: Final = 500
_NO_MAIL: Final = frozenset({".msf", ".dat", ".json", ".sqlite"})
_ENDINGS: Final = frozenset({".mbox", ".mbx", ".mboxrd"})


class MboxSource:
    """Some files, each with the path of its folder.

    Args:
        places: files, or folders of files.
        name: names the source instead of the files' places, so that they are known again elsewhere.
        mailbox: path of the one file that is given.
    """

    def __init__(
        self,
        places: Sequence[Path],
        *,
        variant: Variant = "auto",
        most_octets: int,
        now_ms: int,
        name: str | None = None,
        mailbox: str | None = None,
    ) -> None:
        self.name = name or "mbox"
        self._named = name is not None
        self._places = places
        self._variant = variant
        self._most = most_octets
        self._now_ms = now_ms
        self._mailbox = mailbox
        self._files: dict[str, Path] = {}

    async def folders(self) -> list[Folder]:
        """Find the files."""
        return await run_in_thread(self._find)

    def _find(self) -> list[Folder]:
        found: list[Folder] = []
        single = len(self._places) == 1 and self._places[0].is_file()
        if self._mailbox is not None and not single:
            raise BadSource("--mailbox names the folder of one file; give one")
        for place in self._places:
            if not place.exists():
                raise BadSource(f"{place}: there is no such file")
            subscribed = _subscriptions(place)
            for path, levels in _files(place):
                levels = self._mailbox.split("/") if self._mailbox else levels
                key = "/".join(levels) if self._named else str(path.absolute())
                self._files[key] = path
                listed = subscribed is None or "/".join(levels) in subscribed
                found.append(Folder(key=key, path=clean_path(levels), subscribed=listed))
            if not found:
                raise BadSource(f"{place}: there is no mbox in it")
        return found

    async def open(self, folder: Folder) -> FolderReader:
        """Open one file."""
        return _File(self._files[folder.key], self._variant, self._most, self._now_ms)

    async def close(self) -> None:
        """Nothing is open."""


def _files(place: Path) -> Iterator[tuple[Path, list[str]]]:
    """Files that are mbox, with their levels."""
    if place.is_file():
        yield place, [_level(place)]
        return
    for path in sorted(place.iterdir()):
        if path.name.startswith(".") or path.suffix in _NO_MAIL:
            continue
        if path.is_symlink():
            continue  # see `transfer.files`
        if path.is_dir():
            for inner, levels in _files(path):
                yield inner, [_decoded(path.name.removesuffix(".sbd")), *levels]
        elif path.is_file() and (path.suffix in _ENDINGS or _looks_right(path)):
            yield path, [_level(path)]


def _decoded(name: str) -> str:
    return decode_level(name.encode("utf-8", "surrogateescape"))


def _level(path: Path) -> str:
    return _decoded(path.name.removesuffix(path.suffix) if path.suffix in _ENDINGS else path.name)


def _looks_right(path: Path) -> bool:
    with path.open("rb") as file:
        line = file.readline(1_024)
    return is_from_line(line.rstrip(b"\r\n"))


def _subscriptions(place: Path) -> frozenset[str] | None:
    """Dovecot's list beside the files; None when there is none and everything counts as subscribed."""
    try:
        text = (place / ".subscriptions").read_text("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    return frozenset("/".join(map(_decoded, line.split("/"))) for line in text.splitlines())


class _File:
    """A file that is read from its beginning to its end."""

    generation = ""
    messages = None

    def __init__(self, path: Path, variant: Variant, most_octets: int, now_ms: int) -> None:
        self._path = path
        self._variant = variant
        self._most = most_octets
        self._now_ms = now_ms
        self._file: BinaryIO | None = None
        self._pieces: Iterator[Piece] | None = None
        self._seen: dict[bytes, int] = {}

    async def next(self) -> list[Entry]:
        """Read some messages."""
        try:
            return await run_in_thread(self._read_some)
        except NotMbox:
            raise BadSource(f"{self._path}: this is no mbox: it does not begin with a From_ line") from None
        except OSError as fault:
            raise BadSource(f"{self._path}: {fault.strerror}") from None

    def _read_some(self) -> list[Entry]:
        if self._pieces is None:
            self._file = self._path.open("rb")
            self._pieces = split(self._file.read, variant=self._variant, most_octets=self._most)
        entries: list[Entry] = []
        octets = 0
        for piece in self._pieces:
            entry = self._entry(piece)
            if entry is not None:
                entries.append(entry)
                octets += min(entry.size_octets, self._most)
            if octets >= _BATCH_OCTETS or len(entries) >= _BATCH_MESSAGES:
                break
        return entries

    def _entry(self, piece: Piece) -> Entry | None:
        if piece.octets is None:
            digest, size, flags, place = piece.digest[:16], piece.size_octets, Flags(), None
        else:
            content = content_of(piece, self._variant)
            if content.internal:
                return None
            digest, size = hashlib.sha256(content.octets).digest()[:16], len(content.octets)
            flags, place = content.flags, (content.octets, self._time(piece.from_line, content.octets))
        number = self._seen.get(digest, 0)
        self._seen[digest] = number + 1
        return Entry(
            item=f"{digest.hex()}.{number}",
            keywords=flags.keywords,
            deleted=flags.deleted,
            size_octets=size,
            place=place,
        )

    def _time(self, from_line: bytes, octets: bytes) -> int | None:
        time_ms = from_line_ms(from_line)
        return (
            time_ms
            if time_ms is not None and plausible(time_ms, self._now_ms)
            else told_ms(octets, self._now_ms)
        )

    async def read(self, entries: Sequence[Entry], taker: Taker) -> None:
        """Bring what is in memory already."""
        for entry in entries:
            if not isinstance(entry.place, tuple):
                taker.fail(entry, f"{entry.size_octets} octets are more than a message may have")
                continue
            octets, time_ms = entry.place
            await taker.take(entry, octets, time_ms)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
