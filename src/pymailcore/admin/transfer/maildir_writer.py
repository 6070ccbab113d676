"""Maildir++ as an export writes it, for Dovecot, mutt and others; an import of ours gives the same mail.

Theory. A file's name is made of UIDVALIDITY and UID, so a second export finds what is there and writes only
what is new; a file of another size is what a power cut left, and is written again. Files are made in `tmp`
and renamed. The octets are the store's own, with CRLF. The time of the file is INTERNALDATE.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pymailcore.admin.transfer.exporter import Exported, Item
from pymailcore.admin.transfer.flags import (
    KEYWORDS_FILE,
    read_keywords_file,
    write_keywords_file,
    write_letters,
)
from pymailcore.admin.transfer.maildir import OURS, File
from pymailcore.admin.transfer.names import file_name, shortened
from pymailcore.admin.transfer.sidecar import SIDECAR, Sidecar, write_sidecar
from pymailcore.admin.transfer.sidecar import Exported as ExportedFolder
from pymailcore.store.types import Mailbox

_SUBSCRIPTIONS: Final = "subscriptions"
_MAX_NAME_OCTETS: Final = 250


def folder_name(path: str) -> str:
    """The directory of a Mailbox; "" for the Inbox, which is the Maildir itself."""
    if path == "INBOX":
        return ""
    return shortened("." + ".".join(file_name(level) for level in path.split("/")), _MAX_NAME_OCTETS)


class MaildirWriter:
    """Writes into a folder, made where there is none."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._folder = place
        self._mailbox: Mailbox | None = None
        self._there: dict[str, File] = {}
        self._named: dict[str, str] = {}
        self._named_before: dict[str, str] = {}

    def begin(self, mailboxes: Sequence[Mailbox]) -> None:
        """Make the folders, and the files that say what they are."""
        for mailbox in mailboxes:
            folder = self._place / folder_name(mailbox.path)
            for name in ("cur", "new", "tmp"):
                (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder != self._place:
                (folder / "maildirfolder").touch(mode=0o600)
        for name in ("cur", "new", "tmp"):
            (self._place / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        folders = {
            folder_name(mailbox.path): ExportedFolder(mailbox.path, mailbox.role, mailbox.subscribed)
            for mailbox in mailboxes
        }
        _replace(self._place / SIDECAR, write_sidecar(Sidecar(folders)))
        lines = [
            "\t".join(file_name(level) for level in mailbox.path.split("/"))
            for mailbox in mailboxes
            if mailbox.subscribed
        ]
        _replace(self._place / _SUBSCRIPTIONS, "V\t2\n\n" + "".join(line + "\n" for line in lines))

    def open(self, mailbox: Mailbox) -> None:
        """See what is there already."""
        self._mailbox = mailbox
        self._folder = self._place / folder_name(mailbox.path)
        files = [File("cur", entry.name) for entry in os.scandir(self._folder / "cur")]
        files += [File("new", entry.name) for entry in os.scandir(self._folder / "new")]
        self._there = {file.unique: file for file in files if file.unique.endswith(OURS)}
        try:
            self._named = read_keywords_file((self._folder / KEYWORDS_FILE).read_text("utf-8", "replace"))
        except FileNotFoundError:
            self._named = {}
        self._named_before = dict(self._named)

    def missing(self, items: Sequence[Item], summary: Exported) -> list[Item]:
        """Those without a file of the right size; files with other flags get another name."""
        return [item for item in items if not self._settle(item, summary)]

    def _settle(self, item: Item, summary: Exported) -> bool:
        there = self._there.get(self._unique(item))
        if there is None:
            return False
        path = self._folder / there.folder / there.name
        try:
            if path.stat().st_size != item.size_octets:
                path.unlink()
                return False
            name = self._name(item, summary)
            if (there.folder, there.name) != ("cur", name):
                path.rename(self._folder / "cur" / name)
        except FileNotFoundError:
            return False
        return True

    def write(self, item: Item, octets: bytes, summary: Exported) -> None:
        """Write one file."""
        name = self._name(item, summary)
        path = self._folder / "tmp" / self._unique(item)
        with path.open("wb") as file:
            file.write(octets)
            file.flush()
            os.utime(file.fileno(), ns=(item.received_ms * 1_000_000, item.received_ms * 1_000_000))
        path.rename(self._folder / "cur" / name)

    def _unique(self, item: Item) -> str:
        assert self._mailbox is not None  # noqa: S101 - for the type checker
        return f"{item.received_ms // 1000}.V{self._mailbox.uid_validity}U{item.uid}{OURS}"

    def _name(self, item: Item, summary: Exported) -> str:
        letters, left = write_letters(item.flags, self._named)
        summary.keywords_left += len(left)
        return f"{self._unique(item)},S={item.size_octets}:2,{letters}"

    def close(self) -> None:
        """Write the names of the keywords, and have everything on disk."""
        if self._named != self._named_before:
            _replace(self._folder / KEYWORDS_FILE, write_keywords_file(self._named))
        os.sync()


def _replace(path: Path, text: str) -> None:
    """Write a small file, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
