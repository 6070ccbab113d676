"""The file of the full-text index on SQLite: where it lies, what is in it, which one counts.

Theory. Files are numbered and a number is never used again, so that a new file cannot meet the write-ahead
log or the readers of an old one. The file with the highest number counts. One that is built beside the one in
use has another ending until it is whole; then it is renamed, in one step. A file that is not of this store,
of another format, or damaged is as good as none: it is removed by the process that writes the index, and
readers look through the messages themselves meanwhile.

A file is of a store when it has the store's mark: a digest of the generation that a restored backup changes
and of the first tenant's key. Characters are classed and folded by Python's tables, so their version is part
of the format.
"""

import contextlib
import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import apsw

from pymailcore.store.fulltext.words import TOKENIZER
from pymailcore.store.types import Row

FORMAT: Final = f"4 {unicodedata.unidata_version}"
BITS: Final = 32
"""An account's documents and chunks of vocabulary are numbered `no << BITS | n`."""

COLUMNS: Final = ("body", "subject", "from_", "to_", "cc", "bcc", "header", "attachment")
"""Of `words`, each with the stream of one text."""


def mark_of_account(no: int) -> str:
    """What stands before each token of an account in `words`: nobody meets the words of another."""
    return f"{no}~"


def rows_of(no: int) -> tuple[int, int]:
    """The first and the last number that documents and chunks of an account may have."""
    return no << BITS, (no + 1 << BITS) - 1


def schema(prefix: str = "") -> str:
    """The tables; `prefix` is the name of an attached database with a dot.

    `docs` has what is in `words`; `unread` those Emails that nobody could read when their turn came. An
    account has every Email in one of them whose changed_modseq is at most `modseq`. `terms` has the account's
    vocabulary, some words to a chunk, and `grams` where three characters of theirs are; chunk 0 is open, not
    in `grams`.
    """
    tokenizer = TOKENIZER.replace('"', '""')
    return f"""
CREATE TABLE {prefix}state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE {prefix}accounts (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL UNIQUE,
    modseq INTEGER NOT NULL DEFAULT 0,
    next_doc INTEGER NOT NULL DEFAULT 1,
    next_chunk INTEGER NOT NULL DEFAULT 1,
    gone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE {prefix}docs (doc INTEGER PRIMARY KEY, email INTEGER NOT NULL);
CREATE UNIQUE INDEX {prefix}docs_email ON docs (email);
CREATE TABLE {prefix}unread (email INTEGER PRIMARY KEY, no INTEGER NOT NULL);
CREATE VIRTUAL TABLE {prefix}words USING fts5({", ".join(COLUMNS)}, content='', columnsize=0,
    tokenize="{tokenizer}");
CREATE TABLE {prefix}terms (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE VIRTUAL TABLE {prefix}grams USING fts5(text, content='', columnsize=0, detail=none,
    tokenize="trigram case_sensitive 1");
"""


MARK: Final = "SELECT name, value FROM secrets WHERE name IN ('generation', 'tenant:1') ORDER BY name"
STATE: Final = "SELECT name, value FROM {}state"

_NAME: Final = re.compile(r"text-(\d{6,})\.sqlite3\Z")
_ANY: Final = re.compile(r"text-(\d{6,})\.sqlite3")


def mark_of(secrets: Iterable[Row]) -> str:
    """The mark of a store, of the rows of `MARK`. Pure."""
    digest = hashlib.sha256()
    for name, value in secrets:
        digest.update(str(name).encode() + b"=" + bytes(value) + b"\n")
    return digest.hexdigest()


def is_fit(state: Iterable[Row], secrets: Iterable[Row]) -> bool:
    """Whether an index with this state is of the store with these secrets, and can be read. Pure."""
    there = {str(name): value for name, value in state}
    return there.get("format") == FORMAT and there.get("store") == mark_of(secrets)


class IndexFolder:
    """The folder that index files lie in."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def current(self) -> Path | None:
        """The file that counts."""
        return self._numbers().get(max(self._numbers(), default=0))

    def _numbers(self) -> dict[int, Path]:
        try:
            entries = list(self.path.iterdir())
        except FileNotFoundError:
            return {}
        return {int(match[1]): path for path in entries if (match := _NAME.match(path.name))}

    def fresh(self, *, beside: bool) -> Path:
        """A path for a new file; with another ending, to be built beside the one that counts."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        used = [int(match[1]) for path in self.path.iterdir() if (match := _ANY.match(path.name))]
        name = f"text-{max(used, default=0) + 1:06d}.sqlite3"
        return self.path / (name + ".new" if beside else name)

    def take(self, built: Path) -> Path:
        """Let a file count that was built beside; it is closed and has no log."""
        whole = built.with_name(built.name.removesuffix(".new"))
        if (later := self.current()) is not None and later.name > whole.name:
            whole = self.fresh(beside=False)
        built.rename(whole)
        return whole

    def remove_others(self, kept: Path | None, *, built: bool = False) -> None:
        """Remove files that do not count (any more); `built` those being built, too."""
        for path in list(self.path.iterdir()) if self.path.is_dir() else ():
            match = _ANY.match(path.name)
            if match is None or (kept is not None and path.name.startswith(kept.name)):
                continue
            if ".new" not in path.name or built:
                path.unlink(missing_ok=True)

    def octets(self) -> int:
        """Octets of all files."""
        total = 0
        for path in list(self.path.iterdir()) if self.path.is_dir() else ():
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size
        return total


def make_file(path: Path, secrets: Iterable[Row]) -> None:
    """Make an empty index.

    Raises:
        apsw.Error: the disk is full, or cannot be written.
    """
    connection = apsw.Connection(str(path))
    try:
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "normal")
        with connection:
            connection.execute(schema())
            connection.executemany(
                "INSERT INTO state VALUES (?, ?)", [("format", FORMAT), ("store", mark_of(secrets))]
            )
    finally:
        connection.close()
