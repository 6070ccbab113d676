"""What was imported already: rows that are written with the message, in one transaction.

An item is the source's own name of a message within one folder. The folder "" stands for the whole source and
holds what names a message across folders (Gmail's message number, EMAILID).
"""

import json
from collections.abc import Sequence
from typing import Final

from pymailcore.admin.transfer.names import shortened
from pymailcore.base.ids import AccountId
from pymailcore.store.types import Transaction

WHOLE_SOURCE = ""
_MAX_OCTETS: Final = 1024  # two of them are in one key, for which PostgreSQL has 2,704


def plain(text: str) -> str:
    """Give a name without what the database cannot keep: NUL, halves of characters, more than a key has."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")
    return shortened(text, _MAX_OCTETS)


async def remembered(tx: Transaction, account: AccountId, source: str, folder: str) -> int | None:
    """The number of a folder from which mail was imported; None when none was."""
    row = await tx.row(
        "SELECT id FROM imports WHERE account = ?1 AND source = ?2 AND folder = ?3",
        account,
        plain(source),
        plain(folder),
    )
    return None if row is None else int(row[0])


async def remember(tx: Transaction, account: AccountId, source: str, folder: str, new_id: int) -> int:
    """The number of a folder; it gets one the first time."""
    await tx.run(
        "INSERT INTO imports (id, account, source, folder) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (account, source, folder) DO NOTHING",
        new_id,
        account,
        plain(source),
        plain(folder),
    )
    found = await remembered(tx, account, source, folder)
    assert found is not None  # noqa: S101 - for the type checker
    return found


async def known(tx: Transaction, folder: int, items: Sequence[str]) -> dict[str, int]:
    """Which of some items are here already, with the Emails that they became."""
    rows = await tx.rows(
        "SELECT item, email FROM imported"
        " WHERE import = ?1 AND item IN (SELECT value FROM json_each(?2 /*text*/))",
        folder,
        json.dumps([plain(item) for item in items]),
    )
    return {str(item): int(email) for item, email in rows}


async def note(tx: Transaction, folder: int, item: str, email: int) -> None:
    """Remember that an item became an Email.

    Raises:
        AlreadyExists: another import was quicker.
    """
    await tx.run("INSERT INTO imported (import, item, email) VALUES (?1, ?2, ?3)", folder, plain(item), email)


async def begun(tx: Transaction, folder: int) -> str | None:
    """Some item of a folder; None when nothing of it was imported yet."""
    row = await tx.row("SELECT item FROM imported WHERE import = ?1 LIMIT 1", folder)
    return None if row is None else str(row[0])


async def forget(tx: Transaction, account: AccountId, source: str | None) -> int:
    """Forget what an account imported from a source, or from all; the mail stays. Gives how many messages."""
    rows = await tx.rows(
        "SELECT id FROM imports WHERE account = ?1 AND (?2 = '' OR source = ?2)", account, plain(source or "")
    )
    folders = json.dumps([row[0] for row in rows])
    count = await tx.run("DELETE FROM imported WHERE import IN (SELECT value FROM json_each(?1))", folders)
    await tx.run("DELETE FROM imports WHERE id IN (SELECT value FROM json_each(?1))", folders)
    return count
