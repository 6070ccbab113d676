"""Annotations of Mailboxes and of accounts.

Standards: RFC 5464 sections 3 (entries, `/private` and `/shared`), 4.3 (NIL removes), 5.

An annotation takes no modseq: no state of RFC 8620 and no HIGHESTMODSEQ covers it.
"""

from collections.abc import Mapping
from typing import Final

from pymailcore.base.errors import InvalidValue, NotFound, OverQuota, TooLarge
from pymailcore.base.ids import AccountId
from pymailcore.store.types import Transaction

MAX_ENTRY_OCTETS: Final = 255
SHARED: Final = "/shared/"
PRIVATE: Final = "/private/"


def checked_entry(entry: str) -> tuple[bool, str]:
    """Take an entry's name apart: whether it is shared, and the rest in lower case (RFC 5464 section 3.2).

    Raises:
        InvalidValue: it is no name of an entry.
    """
    name = entry.lower()
    for prefix in (SHARED, PRIVATE):
        rest = name.removeprefix(prefix)
        if rest == name:
            continue
        good = name.isascii() and name.isprintable() and not {"*", "%"} & set(rest)
        if not good or not all(rest.split("/")) or len(name) > MAX_ENTRY_OCTETS:
            break
        return prefix == SHARED, rest
    raise InvalidValue("not a name of an annotation")


async def read(tx: Transaction, account: AccountId, mailbox: int, reader: AccountId) -> dict[str, bytes]:
    """Annotations that somebody sees, by name: all shared ones, and those that are private to them.

    Args:
        mailbox: 0 for those of the account itself.
    """
    rows = await tx.rows(
        "SELECT owner, entry, value FROM annotations WHERE account = ?1 AND mailbox = ?2"
        " AND owner IN (0, ?3) ORDER BY owner, entry",
        account,
        mailbox,
        reader,
    )
    return {(PRIVATE if owner else SHARED) + entry: bytes(value) for owner, entry, value in rows}


async def write(
    tx: Transaction,
    account: AccountId,
    mailbox: int,
    reader: AccountId,
    changes: Mapping[str, bytes | None],
    *,
    most: int,
    most_octets: int,
) -> None:
    """Set annotations, or remove those whose value is None: all of them, or none.

    Raises:
        NotFound: the account has no such Mailbox.
        InvalidValue: a name is none.
        TooLarge: a value has more than `most_octets` (METADATA MAXSIZE).
        OverQuota: the Mailbox would have more than `most` (METADATA TOOMANY).
    """
    await tx.lock("accounts", (account,))
    if mailbox:
        row = await tx.row("SELECT 1 FROM mailboxes WHERE id = ?1 AND account = ?2", mailbox, account)
    else:
        row = await tx.row("SELECT 1 FROM accounts WHERE id = ?1", account)
    if row is None:
        raise NotFound("no such Mailbox")
    for name, value in changes.items():
        shared, entry = checked_entry(name)
        owner = 0 if shared else reader
        if value is None:
            await tx.run(
                "DELETE FROM annotations WHERE account = ?1 AND mailbox = ?2 AND owner = ?3 AND entry = ?4",
                account,
                mailbox,
                owner,
                entry,
            )
            continue
        if len(value) > most_octets:
            raise TooLarge("the annotation is too large")
        await tx.run(
            "INSERT INTO annotations (account, mailbox, owner, entry, value) VALUES (?1, ?2, ?3, ?4, ?5)"
            " ON CONFLICT (account, mailbox, owner, entry) DO UPDATE SET value = excluded.value",
            account,
            mailbox,
            owner,
            entry,
            value,
        )
    count = await tx.row(
        "SELECT count(*) FROM annotations WHERE account = ?1 AND mailbox = ?2", account, mailbox
    )
    if count is not None and count[0] > most:
        raise OverQuota("the Mailbox has as many annotations as it may")
