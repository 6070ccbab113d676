"""Stores that must not be used: one that is being filled and is not whole yet, one that was moved away.

Contract: whoever fills a store claims it first, and lets it go when all of it is there. A claim outlives its
process, so what was killed half-way is known as that by everybody who opens the store, and the same command
can go on or begin anew. Where there is a database the claim is a row of it; a restore that makes the SQLite
file itself leaves a file in the data folder instead.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Final

from pymailcore.base.errors import AlreadyExists, PermanentFailure, TemporaryFailure
from pymailcore.store.layout import sync_folder
from pymailcore.store.types import Database, Transaction

MARK: Final = "unfinished"
"""The file in the data folder; its text is the name of the backup."""


class UnfinishedStore(PermanentFailure):
    """The store is not whole; with what to do about it."""


class Filling(StrEnum):
    """What fills a store."""

    MOVE = "move"
    RESTORE = "restore"


_BROKE_OFF: Final = {
    Filling.MOVE: "`pymailcore move-engine` has not finished copying into this database: run it again with"
    " the old configuration, or empty the database",
    Filling.RESTORE: "a restore into this database broke off: run the same `pymailcore restore --from` again,"
    " or empty the database",
}
_IN_USE: Final = {
    Filling.MOVE: "give an empty database",
    Filling.RESTORE: "give an empty one, or restore single accounts with --account",
}


async def claim(database: Database, filling: Filling) -> None:
    """Take a store that is empty, or that the same command has left unfinished, to fill it.

    Raises:
        AlreadyExists: it has an account, so it is somebody's.
        UnfinishedStore: another command was filling it.
    """

    async def work(tx: Transaction) -> None:
        found = await _claimed(tx)
        if found is filling:
            return
        if found is not None:
            raise UnfinishedStore(_BROKE_OFF[found])
        row = await tx.row("SELECT name FROM accounts LIMIT 1")
        if row is not None:
            raise AlreadyExists(
                f"there is a store in use already, with the account {row[0]}; {_IN_USE[filling]}"
            )
        await tx.run("INSERT INTO unfinished (what) VALUES (?1)", filling.value)

    await database.write(work)


async def is_in_use(database: Database) -> bool:
    """Whether a store has an account, and nothing is filling it."""

    async def work(tx: Transaction) -> bool:
        return await _claimed(tx) is None and await tx.row("SELECT 1 FROM accounts LIMIT 1") is not None

    return await database.read(work)


async def let_go(database: Database) -> None:
    """The store is whole and can be used."""
    await database.write(lambda tx: tx.run("DELETE FROM unfinished"))


async def require_usable(database: Database) -> None:
    """Refuse a store that is not whole, or was moved away.

    Raises:
        UnfinishedStore: something was filling it.
        TemporaryFailure: it was moved; with where to.
    """
    retired = await database.retired()
    if retired:
        raise TemporaryFailure(retired)
    await require_whole(database)


async def require_whole(database: Database) -> None:
    """Refuse a store that is not whole.

    Raises:
        UnfinishedStore: something was filling it.
    """
    found = await database.look(_claimed)
    if found is not None:
        raise UnfinishedStore(_BROKE_OFF[found])


async def _claimed(tx: Transaction) -> Filling | None:
    row = await tx.row("SELECT what FROM unfinished LIMIT 1")
    return None if row is None else Filling(row[0])


def claim_folder(data: Path, backup: str) -> None:
    """Note in a data folder, on disk, that a backup is being restored into it; blocks."""
    descriptor = os.open(data / MARK, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, backup.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(data)


def is_claimed(data: Path) -> bool:
    """Whether a restore into a data folder has not ended."""
    return (data / MARK).exists()


def let_folder_go(data: Path) -> None:
    """The restore has ended; blocks."""
    (data / MARK).unlink()
    sync_folder(data)


def require_whole_folder(data: Path) -> None:
    """Refuse a data folder into which a restore has not ended.

    Raises:
        UnfinishedStore: it is one.
    """
    if is_claimed(data):
        backup = (data / MARK).read_text(encoding="utf-8", errors="replace").strip()
        raise UnfinishedStore(
            f"the restore of {backup or 'a backup'} into {data} broke off: run the same"
            " `pymailcore restore --from` again, or empty the folder"
        )
