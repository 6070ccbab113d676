"""Mailboxes: names, roles, the tree.

Standards: RFC 9051 section 5.1 (names), RFC 8621 section 2, RFC 6154 (special use).

A path is NFC with `/` between levels. The account's first level `INBOX`, in any case, is the Mailbox with
the role inbox. Its `name` is `Inbox`: JMAP and people see that, IMAP sees the path.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotEmpty, NotFound, OverQuota
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.ops import quota
from pymailcore.store.ops.quota import Limits
from pymailcore.store.types import ROLES, Mailbox, Quota, Transaction

MAX_LEVEL_OCTETS: Final = 255
MAX_LEVELS: Final = 32
MAX_PATH_OCTETS: Final = 2048
INBOX: Final = "INBOX"
INBOX_NAME: Final = "Inbox"

ALL_ROLES: Final = frozenset(
    {*ROLES, "all", "flagged", "important", "scheduled", "snoozed", "subscribed", "templates", "memos"}
)
"""Roles that a Mailbox may have (the registry of RFC 8621 section 10.5)."""

DEFAULTS: Final = (
    (INBOX, "inbox", 1),
    ("Drafts", "drafts", 2),
    ("Sent", "sent", 3),
    ("Archive", "archive", 4),
    ("Junk", "junk", 5),
    ("Trash", "trash", 6),
)
"""What every account has from its first day: path, role, sort order."""

_COLUMNS: Final = (
    "id, path, parent, role, sort_order, subscribed, uid_validity, uid_next, highest_modseq, messages,"
    " unseen, deleted, size_octets, total_emails, unread_emails, total_threads, unread_threads"
)


def mailbox_of(row: tuple[Any, ...]) -> Mailbox:
    """Make a value of a row of `_COLUMNS`."""
    id_, path, parent, role, sort_order, subscribed, *rest = row
    name = INBOX_NAME if role == "inbox" else path.rpartition("/")[2]
    return Mailbox(id_, name, path, parent, role, sort_order, bool(subscribed), *rest)


def normal_path(path: str) -> str:
    """Give a path its one form; no check."""
    path = path if path.isascii() else unicodedata.normalize("NFC", path)
    first, slash, rest = path.partition("/")
    return INBOX + slash + rest if first.upper() == INBOX else path


def checked_path(path: str) -> str:
    """Give a path its one form.

    Raises:
        InvalidValue: it is empty, has an empty level, is too long or too deep, or has control characters.
    """
    if len(path) > MAX_PATH_OCTETS:
        raise InvalidValue("the name is too long")
    path = normal_path(path)
    levels = path.split("/")
    if len(levels) > MAX_LEVELS:
        raise InvalidValue("the name has too many levels")
    for level in levels:
        if not level:
            raise InvalidValue("a level of the name is empty")
        if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in level):
            raise InvalidValue("the name has a character that is not allowed")
        if len(level.encode()) > MAX_LEVEL_OCTETS:
            raise InvalidValue("a level of the name is too long")
    if len(path.encode()) > MAX_PATH_OCTETS:
        raise InvalidValue("the name is too long")
    return path


async def create_defaults(
    tx: Transaction, accounts: Sequence[tuple[AccountId, Sequence[int]]], now_ms: int
) -> int:
    """Give new accounts, in which nothing was done yet, the Mailboxes with their roles; gives their modseq.

    Args:
        accounts: each with one id for each of `DEFAULTS`.
    """
    count, validity = len(DEFAULTS), now_ms // 1000
    await tx.run_many(
        "UPDATE accounts SET modseq = ?2, mailbox_modseq = ?2, last_uid_validity = ?3, used_mailboxes = ?2"
        " WHERE id = ?1",
        [(account, count, validity + count - 1) for account, _ in accounts],
    )
    rows = [
        (id_, account, path, role, sort_order, validity + place, place + 1)
        for account, ids in accounts
        for place, (id_, (path, role, sort_order)) in enumerate(zip(ids, DEFAULTS, strict=True))
    ]
    await tx.run_many(
        "INSERT INTO mailboxes (id, account, path, role, sort_order, subscribed, uid_validity,"
        " highest_modseq, created_modseq, changed_modseq, counts_modseq)"
        " VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?7, ?7, ?7)",
        rows,
    )
    return count


async def list_all(tx: Transaction, account: AccountId) -> list[Mailbox]:
    """All Mailboxes, ordered by sort order and path."""
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM mailboxes WHERE account = ?1 ORDER BY sort_order, path", account
    )
    return [mailbox_of(row) for row in rows]


async def named(tx: Transaction, account: AccountId, path: str) -> Mailbox | None:
    """Find by path."""
    row = await tx.row(
        f"SELECT {_COLUMNS} FROM mailboxes WHERE account = ?1 AND path = ?2", account, normal_path(path)
    )
    return None if row is None else mailbox_of(row)


async def get(tx: Transaction, account: AccountId, mailbox: int) -> Mailbox:
    """Find by id.

    Raises:
        NotFound: the account has no such Mailbox.
    """
    row = await tx.row(f"SELECT {_COLUMNS} FROM mailboxes WHERE id = ?1 AND account = ?2", mailbox, account)
    if row is None:
        raise NotFound("no such Mailbox")
    return mailbox_of(row)


async def create(
    tx: Transaction,
    account: AccountId,
    path: str,
    ids: Sequence[int],
    *,
    role: str | None,
    subscribed: bool,
    sort_order: int,
    now_ms: int,
    most: int,
    limits: Limits,
) -> Mailbox:
    """Make a Mailbox and the parents that it lacks.

    Args:
        path: checked.
        ids: as many as the path has levels.
        most: Mailboxes that the account may have.
    """
    _check_role(role)
    await tx.lock("accounts", (account,))
    modseq, validity = await _tick(tx, account, now_ms)
    levels = path.split("/")
    parent: int | None = None
    created: int | None = None
    number = 0
    for depth, id_ in zip(range(1, len(levels) + 1), ids, strict=True):
        here = "/".join(levels[:depth])
        row = await tx.row("SELECT id FROM mailboxes WHERE account = ?1 AND path = ?2", account, here)
        last = depth == len(levels)
        if row is not None:
            if last:
                raise AlreadyExists("the name is taken")
            parent = row[0]
            continue
        await _insert(
            tx, account, id_, parent, here, role if last else None, sort_order if last else 10,
            subscribed or not last, validity, modseq,
        )  # fmt: skip
        parent = created = id_
        number += 1
    await _count(tx, account, number, most, limits)
    if created is None:
        raise InvalidValue("the name is empty")
    tx.announce(account, modseq)
    return await get(tx, account, created)


async def update(
    tx: Transaction,
    account: AccountId,
    mailbox: MailboxId,
    *,
    path: str | None,
    parent_ids: Sequence[int],
    role: str | None,
    sort_order: int | None,
    subscribed: bool | None,
    now_ms: int,
    most: int,
    limits: Limits,
) -> None:
    """Change properties; see `Store.update_mailbox`. `path` was checked."""
    await tx.lock("accounts", (account,))
    before = await get(tx, account, mailbox)
    new_role = before.role if role is None else role or None
    moved = path is not None and path != before.path
    if (
        not moved
        and new_role == before.role
        and sort_order in (None, before.sort_order)
        and subscribed in (None, before.subscribed)
    ):
        return
    _check_role(new_role)
    if before.role == "inbox" and (moved or new_role != "inbox"):
        raise Forbidden("the Inbox keeps its name and role")
    if new_role != before.role and new_role is not None:
        taken = await tx.row("SELECT 1 FROM mailboxes WHERE account = ?1 AND role = ?2", account, new_role)
        if taken is not None:
            raise AlreadyExists("the role is taken")
    modseq, _ = await _tick(tx, account, now_ms)
    if moved and path is not None:
        await _move(tx, account, before, path, parent_ids, modseq, now_ms, most, limits)
    await tx.run(
        "UPDATE mailboxes SET role = ?2, sort_order = ?3, subscribed = ?4, changed_modseq = ?5 WHERE id = ?1",
        mailbox,
        new_role,
        before.sort_order if sort_order is None else sort_order,
        int(before.subscribed if subscribed is None else subscribed),
        modseq,
    )
    if "trash" in (new_role, before.role) and new_role != before.role:
        await _recount_threads(tx, account, modseq)
    tx.announce(account, modseq)


async def _move(
    tx: Transaction,
    account: AccountId,
    before: Mailbox,
    path: str,
    ids: Sequence[int],
    modseq: int,
    now_ms: int,
    most: int,
    limits: Limits,
) -> None:
    """Give a Mailbox and all below it new paths, making the parents that are missing."""
    if path.startswith(before.path + "/"):
        raise InvalidValue("a Mailbox cannot be moved below itself")
    taken = await tx.row("SELECT 1 FROM mailboxes WHERE account = ?1 AND path = ?2", account, path)
    if taken is not None:
        raise AlreadyExists("the name is taken")
    deepest = await tx.row(
        "SELECT max(length(path) - length(replace(path, '/', ''))), max(octet_length(path))"
        " FROM mailboxes WHERE account = ?1 AND substr(path, 1, ?3) = ?2",
        account,
        before.path + "/",
        len(before.path) + 1,
    )
    if deepest is not None and deepest[0] is not None:
        deeper = deepest[0] - before.path.count("/") + path.count("/") + 1
        longer = deepest[1] - len(before.path.encode()) + len(path.encode())
        if deeper > MAX_LEVELS or longer > MAX_PATH_OCTETS:
            raise InvalidValue("a name below it would be too deep or too long")
    parent: int | None = None
    levels = path.split("/")
    number = 0
    for depth in range(1, len(levels)):
        here = "/".join(levels[:depth])
        row = await tx.row("SELECT id FROM mailboxes WHERE account = ?1 AND path = ?2", account, here)
        if row is None:
            _, validity = await _tick(tx, account, now_ms, again=True)
            await _insert(tx, account, ids[depth - 1], parent, here, None, 10, True, validity, modseq)
            parent = ids[depth - 1]
            number += 1
        else:
            parent = row[0]
    if number:
        await _count(tx, account, number, most, limits)
    await tx.run(
        "UPDATE mailboxes SET path = ?4 || substr(path, ?3), changed_modseq = ?5"
        " WHERE account = ?1 AND (path = ?2 OR substr(path, 1, ?3) = ?2 || '/')",
        account,
        before.path,
        len(before.path) + 1,
        path,
        modseq,
    )
    await tx.run("UPDATE mailboxes SET parent = ?2 WHERE id = ?1", before.id, parent)


async def remove_row(tx: Transaction, account: AccountId, mailbox: Mailbox, now_ms: int) -> None:
    """Remove an empty Mailbox; its name, annotations and what was in it are remembered for undelete."""
    row = await tx.row("SELECT created_modseq FROM mailboxes WHERE id = ?1", mailbox.id)
    if row is None:
        raise NotFound("no such Mailbox")
    modseq, _ = await _tick(tx, account, now_ms)
    await tx.run(
        "INSERT INTO kept_mailboxes (id, account, path, role, subscribed, gone_ms)"
        " SELECT id, account, path, role, subscribed, ?2 FROM mailboxes WHERE id = ?1",
        mailbox.id,
        now_ms,
    )
    await tx.run("DELETE FROM mailboxes WHERE id = ?1", mailbox.id)
    await tx.run("DELETE FROM rights WHERE mailbox = ?1", mailbox.id)
    await tx.run(
        "INSERT INTO removed (account, kind, id, modseq, created, gone_ms)"
        " VALUES (?1, 'mailbox', ?2, ?3, ?4, ?5)",
        account,
        mailbox.id,
        modseq,
        row[0],
        now_ms,
    )
    await _count(tx, account, -1)
    if mailbox.role == "trash":
        await _recount_threads(tx, account, modseq)
    tx.announce(account, modseq)


async def removable(
    tx: Transaction, account: AccountId, mailbox: int, *, with_emails: bool, with_children: bool = False
) -> list[Mailbox]:
    """Look up a Mailbox that is to be removed, after all that is below it, the deepest first.

    Raises:
        NotFound, NotEmpty, Forbidden: see `Store.remove_mailbox`.
    """
    await tx.lock("accounts", (account,))
    root = await get(tx, account, mailbox)
    if root.role == "inbox":
        raise Forbidden("the Inbox cannot be removed")
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM mailboxes WHERE account = ?1 AND substr(path, 1, ?3) = ?2",
        account,
        root.path + "/",
        len(root.path) + 1,
    )
    if rows and not with_children:
        raise NotEmpty("the Mailbox has children")
    tree = sorted(map(mailbox_of, rows), key=lambda found: (-found.path.count("/"), found.path))
    tree.append(root)
    if not with_emails and any(found.messages for found in tree):
        raise NotEmpty("the Mailbox has Emails")
    return tree


def _check_role(role: str | None) -> None:
    if role is not None and role not in ALL_ROLES:
        raise InvalidValue("no such role")


async def _tick(tx: Transaction, account: AccountId, now_ms: int, *, again: bool = False) -> tuple[int, int]:
    """Take a modseq for a change of Mailboxes and a UIDVALIDITY that no Mailbox of the account had."""
    row = await tx.row(
        "UPDATE accounts SET modseq = modseq + ?3, mailbox_modseq = modseq + ?3,"
        " last_uid_validity = max(last_uid_validity + 1, ?2) WHERE id = ?1"
        " RETURNING modseq, last_uid_validity",
        account,
        now_ms // 1000,
        0 if again else 1,
    )
    if row is None:
        raise NotFound("no such account")
    return row[0], row[1]


async def _count(
    tx: Transaction,
    account: AccountId,
    number: int,
    most: int | None = None,
    limits: Limits = quota.NO_LIMITS,
) -> None:
    """Count Mailboxes that came or went.

    Raises:
        OverQuota: there are more than `most` now, or than a quota.
    """
    row = await tx.row(
        "UPDATE accounts SET used_mailboxes = used_mailboxes + ?2 WHERE id = ?1"
        " RETURNING used_mailboxes, quota_mailboxes, name, tenant",
        account,
        number,
    )
    if row is None or most is None:
        return
    used, allowed, name, tenant = row
    if used > most or (allowed is not None and used > allowed):
        raise OverQuota("over the account's quota of Mailboxes")
    quota.require_shared(limits, name, tenant, Quota(0, 0, number))


async def _insert(
    tx: Transaction,
    account: AccountId,
    id_: int,
    parent: int | None,
    path: str,
    role: str | None,
    sort_order: int,
    subscribed: bool,
    validity: int,
    modseq: int,
) -> None:
    await tx.run(
        "INSERT INTO mailboxes (id, account, parent, path, role, sort_order, subscribed, uid_validity,"
        " highest_modseq, created_modseq, changed_modseq, counts_modseq)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?9, ?9)",
        id_,
        account,
        parent,
        path,
        role,
        sort_order,
        int(subscribed),
        validity,
        modseq,
    )


async def _recount_threads(tx: Transaction, account: AccountId, modseq: int) -> None:
    """Count unread Threads anew after the trash has become another Mailbox, or none."""
    unread = (
        "(SELECT count(*) FROM emails e WHERE e.thread = threads.id AND e.visible = 1 AND (e.flags & 9) = 0"
        " AND EXISTS (SELECT 1 FROM placements p JOIN mailboxes m ON m.id = p.mailbox"
        " WHERE p.email = e.id AND p.deleted = 0 AND (m.role {} 'trash')))"
    )
    await tx.run(
        f"UPDATE threads SET unread = {unread.format('IS DISTINCT FROM')},"
        f" unread_trash = {unread.format('IS NOT DISTINCT FROM')} WHERE account = ?1",
        account,
    )
    await tx.run(
        "UPDATE mailboxes SET counts_modseq = ?2, unread_threads = (SELECT count(*) FROM thread_mailboxes tm"
        " JOIN threads t ON t.id = tm.thread WHERE tm.mailbox = mailboxes.id AND"
        " CASE WHEN mailboxes.role IS NOT DISTINCT FROM 'trash' THEN t.unread_trash ELSE t.unread END > 0)"
        " WHERE account = ?1",
        account,
        modseq,
    )
