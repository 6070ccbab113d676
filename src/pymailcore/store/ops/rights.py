"""Rights of others in a Mailbox.

Standards: RFC 4314 sections 2 (identifiers and rights), 2.1.1 (the older `c` and `d`), 3.

The owner of a Mailbox has every right, whatever the list says. An identifier is `anyone` or the name of an
account; with a `-` before it, it takes rights away.
"""

from typing import Final, NamedTuple

from pymailcore.base.errors import InvalidValue, NotFound, OverQuota
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.types import Transaction

ALL_RIGHTS: Final = "lrswipkxtea"
"""Every right, in the order in which they are kept."""

ANYONE: Final = "anyone"
MAX_IDENTIFIER_OCTETS: Final = 255
_OBSOLETE: Final = {"c": "k", "d": "xte"}


class Right(NamedTuple):
    """A line of an access control list."""

    identifier: str
    account: AccountId | None  # whom it names, with or without the `-`; None for anyone
    rights: str


def checked_rights(rights: str) -> str:
    """Give rights their one form, each once, in order.

    Raises:
        InvalidValue: a letter is no right.
    """
    wanted = {right for letter in rights for right in _OBSOLETE.get(letter, letter)}
    if not wanted <= set(ALL_RIGHTS):
        raise InvalidValue("no such right")
    return "".join(right for right in ALL_RIGHTS if right in wanted)


def checked_identifier(identifier: str) -> str:
    """Give an identifier its one form.

    Raises:
        InvalidValue: it is empty, too long or has control characters.
    """
    name = identifier.removeprefix("-")
    if (
        not name
        or not name.isprintable()
        or len(identifier.encode("utf-8", "replace")) > MAX_IDENTIFIER_OCTETS
    ):
        raise InvalidValue("not an identifier")
    return identifier.lower()


async def listed(tx: Transaction, account: AccountId, mailbox: MailboxId) -> list[Right]:
    """The access control list of a Mailbox.

    Raises:
        NotFound: the account has no such Mailbox.
    """
    await _require(tx, account, mailbox)
    rows = await tx.rows(
        "SELECT identifier, account, rights FROM rights WHERE mailbox = ?1 ORDER BY identifier", mailbox
    )
    return [Right(*row) for row in rows]


async def change(
    tx: Transaction, account: AccountId, mailbox: MailboxId, identifier: str, rights: str, *, most: int
) -> None:
    """Give an identifier exactly these rights; none takes it off the list. A Mailbox that changes says so.

    Args:
        identifier, rights: checked.

    Raises:
        NotFound: the account has no such Mailbox, or nobody has this name.
        OverQuota: the list would have more than `most` lines.
    """
    await tx.lock("accounts", (account,))
    await _require(tx, account, mailbox)
    if not rights:
        done = await tx.run("DELETE FROM rights WHERE mailbox = ?1 AND identifier = ?2", mailbox, identifier)
    else:
        named = await _named(tx, identifier.removeprefix("-"))
        done = await tx.run(
            "INSERT INTO rights (mailbox, identifier, account, rights) VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT (mailbox, identifier) DO UPDATE SET rights = excluded.rights"
            " WHERE rights.rights <> excluded.rights",
            mailbox,
            identifier,
            named,
            rights,
        )
        count = await tx.row("SELECT count(*) FROM rights WHERE mailbox = ?1", mailbox)
        if count is not None and count[0] > most:
            raise OverQuota("the list of rights is as long as it may be")
    if done:
        await _announce(tx, account, mailbox)


async def rights_of(tx: Transaction, mailbox: MailboxId, reader: AccountId) -> str:
    """What an account may do with a Mailbox; nothing where there is none."""
    row = await tx.row("SELECT account FROM mailboxes WHERE id = ?1", mailbox)
    if row is None:
        return ""
    if row[0] == reader:
        return ALL_RIGHTS
    given: set[str] = set()
    taken: set[str] = set()
    for identifier, rights in await tx.rows(
        "SELECT identifier, rights FROM rights WHERE mailbox = ?1 AND (account = ?2 OR account IS NULL)",
        mailbox,
        reader,
    ):
        (taken if identifier.startswith("-") else given).update(rights)
    return "".join(right for right in ALL_RIGHTS if right in given - taken)


async def shared_with(tx: Transaction, reader: AccountId) -> list[tuple[AccountId, MailboxId]]:
    """Mailboxes of others in whose list an account is named, as (owner, Mailbox); those of anyone are not."""
    rows = await tx.rows(
        "SELECT DISTINCT m.account, m.id FROM rights r JOIN mailboxes m ON m.id = r.mailbox"
        " WHERE r.account = ?1 AND m.account <> ?1 ORDER BY m.account, m.id",
        reader,
    )
    return [(AccountId(row[0]), MailboxId(row[1])) for row in rows]


async def _require(tx: Transaction, account: AccountId, mailbox: MailboxId) -> None:
    if await tx.row("SELECT 1 FROM mailboxes WHERE id = ?1 AND account = ?2", mailbox, account) is None:
        raise NotFound("no such Mailbox")


async def _named(tx: Transaction, name: str) -> int | None:
    if name == ANYONE:
        return None
    row = await tx.row("SELECT id FROM accounts WHERE name = ?1", name)
    if row is None:
        raise NotFound("nobody has this name")
    return int(row[0])


async def _announce(tx: Transaction, account: AccountId, mailbox: MailboxId) -> None:
    row = await tx.row(
        "UPDATE accounts SET modseq = modseq + 1, mailbox_modseq = modseq + 1 WHERE id = ?1 RETURNING modseq",
        account,
    )
    if row is not None:
        await tx.run("UPDATE mailboxes SET changed_modseq = ?2 WHERE id = ?1", mailbox, row[0])
        tx.announce(account, row[0])
