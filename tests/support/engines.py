"""Which tests run on which engine of the store: on both, unless it says here why not."""

from pathlib import PurePath
from typing import Final

ENGINES: Final = ("sqlite", "postgresql")

SQLITE_ONLY: Final = {
    "tests/store/test_writer.py": "the writer thread, its batches and its lock file",
    "tests/store/test_blobs.py": "blobs on their way into packs",
    "tests/store/test_readers.py": "the reading threads",
    "tests/store/test_database.py": "threads, the queue and the loop's own connection",
    "tests/store/test_maintenance.py": "checkpoints of the write-ahead log",
    "tests/store/test_transaction.py": "how an operation is driven in one step",
}
"""Modules of tests that speak about SQLite or its files, with what they speak about."""


def engines_of(path: str) -> tuple[str, ...]:
    """The engines on which the tests of a module run.

    Args:
        path: from the root of the tree.
    """
    posix = PurePath(path).as_posix()
    if posix.startswith("tests/store/postgres/"):
        return ENGINES[1:]
    return ENGINES[:1] if posix in SQLITE_ONLY else ENGINES
