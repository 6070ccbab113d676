"""Maildir as a source: Dovecot's and Courier's, with folders as Maildir++ or as a tree.

Theory. A message is named by its unique name: what stands before the first `,` or `:` of the file's name,
which no flag changes. A server that is still at work may rename a file between the listing and the reading;
it is then looked for again by its unique name. What an export of ours wrote beside (`transfer.sidecar`)
brings names and roles.
"""

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pymailcore.admin.transfer.files import is_folder, names_in, open_folder, open_plain
from pymailcore.admin.transfer.flags import KEYWORDS_FILE, Flags, read_keywords_file, read_letters
from pymailcore.admin.transfer.lines import plausible, told_ms, with_crlf
from pymailcore.admin.transfer.names import clean_path, decode_level
from pymailcore.admin.transfer.sidecar import Sidecar, read_sidecar
from pymailcore.admin.transfer.source import BadSource, Entry, Folder, FolderReader, Taker
from pymailcore.runtime.threads import run_in_thread

Layout = Literal["auto", "maildir++", "fs"]

_BATCH_MESSAGES: Final = 500
_READ_OCTETS: Final = 4 * 1024 * 1024
_SUBSCRIPTIONS: Final = ("subscriptions", "courierimapsubscribed")
_SMALL_FILE_OCTETS: Final = 4 * 1024 * 1024
OURS: Final = ".pymailcore"
"""How unique names end that an export of ours made."""


class File(NamedTuple):
    """A message's file: its folder ("cur" or "new") and its name."""

    folder: str
    name: str

    @property
    def unique(self) -> str:
        """What never changes of the name."""
        return self.name.partition(":")[0].partition(",")[0]

    @property
    def letters(self) -> str:
        """The flags."""
        _, mark, letters = self.name.partition(":2,")
        return letters.partition(",")[0] if mark else ""


class MaildirSource:
    """A Maildir with its folders.

    Args:
        name: names the source instead of its place, so that it is known again elsewhere.
        received: take the time of a message from its Received field first, not from the file's time.
    """

    def __init__(
        self,
        place: Path,
        *,
        layout: Layout = "auto",
        now_ms: int,
        name: str | None = None,
        received: bool = False,
    ) -> None:
        self.name = name or f"maildir:{place.absolute()}"
        self._place = place
        self._layout = layout
        self._now_ms = now_ms
        self._received = received
        self._sidecar: Sidecar | None = None

    async def folders(self) -> list[Folder]:
        """Find all folders."""
        return await run_in_thread(self._find)

    def _find(self) -> list[Folder]:
        place = self._place
        if not place.is_dir():
            raise BadSource(f"{place}: there is no such folder")
        layout = self._layout
        self._sidecar = read_sidecar(place)
        if layout == "auto":
            dotted = any(path.name.startswith(".") and _has_mail(path) for path in place.iterdir())
            layout = "maildir++" if dotted else "fs"
        found = [self._folder("", ["INBOX"], None)] if is_folder(place / "cur") else []
        subscribed = _subscriptions(place)
        walk = _dotted(place) if layout == "maildir++" else _tree(place, ())
        found += [self._folder(key, levels, subscribed) for key, levels in walk]
        if not found:
            raise BadSource(f"{place}: this is no Maildir: there is no folder `cur` in it or below it")
        return found

    def _folder(self, key: str, levels: list[str], subscribed: frozenset[str] | None) -> Folder:
        ours = None if self._sidecar is None else self._sidecar.folders.get(key)
        if ours is not None:
            return Folder(
                key=key,
                path=clean_path(ours.path.split("/")),
                role=ours.role,
                subscribed=ours.subscribed,
            )
        listed = subscribed is None or "/".join(levels) in subscribed
        return Folder(key=key, path=clean_path(levels), subscribed=listed)

    async def open(self, folder: Folder) -> FolderReader:
        """List one folder."""
        exact = self._sidecar is not None and folder.key in self._sidecar.folders
        opened = _Opened(self._place / folder.key, self._now_ms, received=self._received, exact=exact)
        try:
            await run_in_thread(opened.list_files)
        except OSError as fault:
            opened.close()
            raise BadSource(f"{fault.filename or folder.key}: {fault.strerror or fault}") from None
        return opened

    async def close(self) -> None:
        """Nothing is open."""


def _dotted(place: Path) -> Iterator[tuple[str, list[str]]]:
    """Folders of Maildir++: `.a.b` is the folder b below a."""
    for path in sorted(place.iterdir()):
        if path.name.startswith(".") and _has_mail(path):
            yield path.name, [_decoded(level) for level in path.name[1:].split(".")]


def _tree(place: Path, above: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Folders of the layout `fs`: directories with a `cur`."""
    for path in sorted(place.joinpath(*above).iterdir()):
        if path.name in ("cur", "new", "tmp") or path.name.startswith(".") or not is_folder(path):
            continue
        here = (*above, path.name)
        if _has_mail(path):
            yield "/".join(here), [_decoded(level) for level in here]
        yield from _tree(place, here)


def _has_mail(path: Path) -> bool:
    return is_folder(path) and is_folder(path / "cur")


def _decoded(level: str) -> str:
    return decode_level(os.fsencode(level))


def _subscriptions(place: Path) -> frozenset[str] | None:
    """Paths in Dovecot's or Courier's list; None when there is none and everything counts as subscribed."""
    for name in _SUBSCRIPTIONS:
        try:
            with open_plain(place / name) as file:
                lines = file.read(_SMALL_FILE_OCTETS).decode("utf-8", "surrogateescape").splitlines()
        except FileNotFoundError:
            continue
        tabs = bool(lines) and lines[0].startswith("V\t")
        found = set()
        for line in lines[1:] if tabs else lines:
            levels = line.split("\t") if tabs else line.replace("/", ".").split(".")
            if name == "courierimapsubscribed" and levels[0] == "INBOX" and len(levels) > 1:
                del levels[0]
            found.add("/".join([_decoded(level) for level in levels]))
        return frozenset(found)
    return None


class _Opened:
    """One folder; the names of its files are in memory, about 200 octets each, their content is not."""

    generation = ""

    def __init__(self, place: Path, now_ms: int, *, received: bool, exact: bool) -> None:
        self._place = place
        self._now_ms = now_ms
        self._received = received
        self._exact = exact
        self._files: list[File] = []
        self._next = 0
        self._named: Mapping[str, str] = {}
        self._folders: dict[str, int] = {}

    @property
    def messages(self) -> int:
        """So many files."""
        return len(self._files)

    def list_files(self) -> None:
        """Read the directories; files of `new` have no flags yet."""
        try:
            with open_plain(self._place / KEYWORDS_FILE) as file:
                self._named = read_keywords_file(file.read(_SMALL_FILE_OCTETS).decode("utf-8", "replace"))
        except FileNotFoundError:
            self._named = {}
        for name in ("cur", "new"):
            if is_folder(self._place / name):
                self._folders[name] = open_folder(self._place / name)
        self._files = sorted(
            (
                File(folder, name)
                for folder, descriptor in self._folders.items()
                for name in names_in(descriptor)
                if not name.startswith(".")
            ),
            key=_order,
        )

    async def next(self) -> list[Entry]:
        """Some files, with their sizes."""
        return await run_in_thread(self._entries)

    def _entries(self) -> list[Entry]:
        entries: list[Entry] = []
        while not entries and self._next < len(self._files):
            some = self._files[self._next : self._next + _BATCH_MESSAGES]
            self._next += len(some)
            entries = [entry for file in some if (entry := self._entry(file)) is not None]
        return entries

    def _entry(self, file: File) -> Entry | None:
        try:
            size = os.stat(file.name, dir_fd=self._folders[file.folder], follow_symlinks=False).st_size
        except OSError:
            size = 0  # renamed meanwhile, perhaps; who reads it looks again
        flags = read_letters(file.letters, self._named) if file.folder == "cur" else Flags()
        return Entry(
            item=file.unique, keywords=flags.keywords, deleted=flags.deleted, size_octets=size, place=file
        )

    async def read(self, entries: Sequence[Entry], taker: Taker) -> None:
        """Read files, a few megabytes at a time."""
        at = 0
        while at < len(entries):
            stop, octets = at, 0
            while stop < len(entries) and (stop == at or octets + entries[stop].size_octets <= _READ_OCTETS):
                octets += entries[stop].size_octets
                stop += 1
            for entry, content in await run_in_thread(self._read_some, entries[at:stop]):
                if isinstance(content, str):
                    taker.fail(entry, content)
                elif content is not None:
                    await taker.take(entry, *content)
            at = stop

    def _read_some(
        self, entries: Sequence[Entry]
    ) -> list[tuple[Entry, tuple[bytes, int | None] | str | None]]:
        """Octets and time of messages; text: why not; None: it is gone."""
        return [(entry, self._read_one(entry)) for entry in entries]

    def _read_one(self, entry: Entry) -> tuple[bytes, int | None] | str | None:
        assert isinstance(entry.place, File)  # noqa: S101 - for the type checker
        try:
            octets, time_ms = self._content(entry.place)
        except OSError as fault:
            if fault.errno != errno.ENOENT:
                return fault.strerror or str(fault)
            found = self._again(entry.item)
            if found is None:
                return None
            try:
                octets, time_ms = self._content(found)
            except OSError as again:
                return again.strerror or str(again)
        if not (self._exact and entry.item.endswith(OURS)):
            octets = with_crlf(octets)
        told = (
            told_ms(octets, self._now_ms) if self._received or not plausible(time_ms, self._now_ms) else None
        )
        if told is None:
            told = time_ms if plausible(time_ms, self._now_ms) else None
        return octets, told

    def _content(self, file: File) -> tuple[bytes, int]:
        with open_plain(file.name, self._folders[file.folder]) as opened:
            return opened.read(), os.fstat(opened.fileno()).st_mtime_ns // 1_000_000

    def _again(self, unique: str) -> File | None:
        """Find a file that has got another name."""
        for folder, descriptor in self._folders.items():
            for name in names_in(descriptor):
                if name.startswith(unique) and File(folder, name).unique == unique:
                    return File(folder, name)
        return None

    def close(self) -> None:
        """Close the folders."""
        while self._folders:
            os.close(self._folders.popitem()[1])


def _order(file: File) -> tuple[int, str]:
    """By the second in which the message came, as the name says."""
    seconds = file.name.partition(".")[0]
    return (int(seconds) if seconds.isascii() and seconds.isdecimal() else 0), file.name
