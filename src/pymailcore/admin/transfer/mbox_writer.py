"""mbox as an export writes it: one file of the variant mboxrd for each Mailbox, whole or not at all."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from pymailcore.admin.transfer.exporter import Exported, Item
from pymailcore.admin.transfer.mbox import write_message
from pymailcore.admin.transfer.names import file_name
from pymailcore.base.errors import AlreadyExists
from pymailcore.store.types import Mailbox


class MboxWriter:
    """Writes one file, or a folder of files.

    Args:
        single: `place` is the file of the one Mailbox; else the folder of `a/b.mbox`.
        overwrite: files that are there are replaced.
    """

    def __init__(self, place: Path, *, single: bool, overwrite: bool) -> None:
        self._place = place
        self._single = single
        self._overwrite = overwrite
        self._path = place
        self._file: BinaryIO | None = None

    def begin(self, mailboxes: Sequence[Mailbox]) -> None:
        """Refuse before anything is written.

        Raises:
            AlreadyExists: a file is there.
        """
        for mailbox in mailboxes:
            path = self._path_of(mailbox)
            if path.exists() and not self._overwrite:
                raise AlreadyExists(f"{path} is there already; --overwrite replaces it")

    def _path_of(self, mailbox: Mailbox) -> Path:
        if self._single:
            return self._place
        *above, last = [file_name(level) for level in mailbox.path.split("/")]
        return self._place.joinpath(*above) / (last + ".mbox")

    def open(self, mailbox: Mailbox) -> None:
        """Begin the file beside its place."""
        self._path = self._path_of(mailbox)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = self._fresh.open("wb")

    @property
    def _fresh(self) -> Path:
        return self._path.with_name(f".{self._path.name}.new")

    def missing(self, items: Sequence[Item], summary: Exported) -> list[Item]:  # noqa: ARG002
        """All of them."""
        return list(items)

    def write(self, item: Item, octets: bytes, summary: Exported) -> None:
        """Write one message."""
        assert self._file is not None  # noqa: S101 - `open` comes first
        text, exact = write_message(octets, item.flags, item.received_ms)
        summary.changed += not exact
        self._file.write(text)

    def close(self) -> None:
        """Put the file in its place."""
        if self._file is not None:
            file, self._file = self._file, None
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self._fresh.replace(self._path)
