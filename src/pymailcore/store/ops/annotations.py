"""Annotations of Mailboxes and of the server.

Standards: RFC 5464 sections 3 (entries, `/private` and `/shared`), 4.3 (NIL removes), 5.

A change of an annotation of a Mailbox takes a modseq, which becomes the Mailbox's (RFC 7162 section 3.2); no
state of RFC 8620 covers it.

Where they are kept: those of a Mailbox under its account and its id, those of the server under the Mailbox 0;
private ones with their owner, shared ones with the owner 0. What is private to somebody and of the server is
kept under their account; what is shared and of the server is shared by the accounts of a tenant, and is kept
under the negative of its id.

Those of a Mailbox that is removed stay under its id for undelete, as long as the Mailbox is remembered
(`ops.kept`) and the room is not needed for others.
"""

# ruff: noqa: S608 - statements are put together from constants of this module; values are always bound

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Self

from pymailcore.base.errors import InvalidValue, NotFound, OverQuota, TooLarge
from pymailcore.base.ids import AccountId
from pymailcore.store.ops.accounts import tenant_of
from pymailcore.store.settings import StoreSettings
from pymailcore.store.types import Transaction

MAX_ENTRY_OCTETS: Final = 255
SHARED: Final = "/shared/"
PRIVATE: Final = "/private/"

ENTRY_OCTETS: Final = 100
"""What an annotation counts for, beside its name and its value, when those of an account are added up."""

_THERE: Final = "(?2 = 0 OR EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = ?2))"


class TooManyAnnotations(OverQuota):
    """A Mailbox, or the server, would have more annotations than it may."""


class AnnotationLimits(NamedTuple):
    """How much of it there may be.

    Attributes:
        entries: of one Mailbox, or of the server.
        octets: of one value.
        octets_together: of an account, or of what a tenant shares.
    """

    entries: int
    octets: int
    octets_together: int

    @classmethod
    def of(cls, settings: StoreSettings) -> Self:
        """Those of a store."""
        return cls(
            settings.annotations_per_mailbox,
            settings.annotation_octets,
            settings.annotation_octets_per_account,
        )


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


async def sizes(tx: Transaction, account: AccountId, mailbox: int, reader: AccountId) -> dict[str, int]:
    """Octets of the annotations that somebody sees, by name: all shared ones, and those private to them.

    Args:
        mailbox: 0 for those of the server.
    """
    rows = await tx.rows(
        f"SELECT owner, entry, length(value) FROM annotations WHERE mailbox = ?2 AND {_THERE}"
        " AND ((account = ?1 AND owner = ?4) OR (account = ?3 AND owner = 0))"
        " ORDER BY owner, entry",
        account,
        mailbox,
        await _sharers(tx, account, mailbox),
        reader,
    )
    return {(PRIVATE if owner else SHARED) + entry: size for owner, entry, size in rows}


async def read(
    tx: Transaction, account: AccountId, mailbox: int, reader: AccountId, names: Iterable[str]
) -> dict[str, bytes]:
    """Values of annotations by name, as `sizes` gives it; those that are not there are left out.

    Raises:
        InvalidValue: a name is none.
    """
    wanted = [checked_entry(name) for name in names]
    rows = await tx.rows(
        f"SELECT owner, entry, value FROM annotations WHERE mailbox = ?2 AND {_THERE} AND ("
        "(account = ?1 AND owner = ?4 AND entry IN (SELECT value FROM json_each(?6 /*text*/)))"
        " OR (account = ?3 AND owner = 0 AND entry IN (SELECT value FROM json_each(?5 /*text*/))))"
        " ORDER BY owner, entry",
        account,
        mailbox,
        await _sharers(tx, account, mailbox),
        reader,
        json.dumps([entry for shared, entry in wanted if shared]),
        json.dumps([entry for shared, entry in wanted if not shared]),
    )
    return {(PRIVATE if owner else SHARED) + entry: bytes(value) for owner, entry, value in rows}


async def _sharers(tx: Transaction, account: AccountId, mailbox: int) -> int:
    """Under which account shared annotations are kept."""
    return account if mailbox else -await tenant_of(tx, account)


async def write(
    tx: Transaction,
    account: AccountId,
    mailbox: int,
    reader: AccountId,
    changes: Mapping[str, bytes | None],
    *,
    limits: AnnotationLimits,
) -> None:
    """Set annotations, or remove those whose value is None: all of them, or none.

    Raises:
        NotFound: the account has no such Mailbox.
        InvalidValue: a name is none.
        TooLarge: a value is (METADATA MAXSIZE).
        TooManyAnnotations: the Mailbox would have too many (METADATA TOOMANY).
        OverQuota: those of the account together would be too large.
    """
    await tx.lock("accounts", (account,))
    if mailbox:
        await _require(tx, account, mailbox)
    else:
        await tx.lock("annotations")  # those of a tenant belong to no account
    sharers = await _sharers(tx, account, mailbox)
    before = [await _used(tx, keeper, mailbox) for keeper in (account, sharers)]
    changed = 0
    for name, value in changes.items():
        shared, entry = checked_entry(name)
        place = (sharers if shared else account, mailbox, 0 if shared else reader, entry)
        if value is None:
            changed += await tx.run(
                "DELETE FROM annotations WHERE account = ?1 AND mailbox = ?2 AND owner = ?3 AND entry = ?4",
                *place,
            )
            continue
        if len(value) > limits.octets:
            raise TooLarge("the annotation is too large")
        changed += await tx.run(
            "INSERT INTO annotations (account, mailbox, owner, entry, value) VALUES (?1, ?2, ?3, ?4, ?5)"
            " ON CONFLICT (account, mailbox, owner, entry) DO UPDATE SET value = excluded.value"
            " WHERE annotations.value IS DISTINCT FROM excluded.value",
            *place,
            value,
        )
    for was, keeper in zip(before, (account, sharers), strict=True):
        await _check(tx, keeper, mailbox, was, limits)
    if changed and mailbox:
        await _bump(tx, account, mailbox)


async def _bump(tx: Transaction, account: AccountId, mailbox: int) -> None:
    """Give a Mailbox the account's next modseq."""
    row = await tx.row("UPDATE accounts SET modseq = modseq + 1 WHERE id = ?1 RETURNING modseq", account)
    if row is not None:
        await tx.run(
            "UPDATE mailboxes SET highest_modseq = ?3 WHERE id = ?2 AND account = ?1",
            account,
            mailbox,
            row[0],
        )
        tx.announce(account, row[0])


async def copy(
    tx: Transaction, account: AccountId, mailbox: int, to: int, *, limits: AnnotationLimits
) -> None:
    """Give a Mailbox the annotations of another, private ones of everybody included.

    Raises:
        NotFound: the account has no such Mailbox.
        OverQuota: as `write`.
    """
    await tx.lock("accounts", (account,))
    await _require(tx, account, to)
    before = await _used(tx, account, to)
    await tx.run(
        "INSERT INTO annotations (account, mailbox, owner, entry, value)"
        " SELECT account, ?3, owner, entry, value FROM annotations WHERE account = ?1 AND mailbox = ?2"
        " ON CONFLICT (account, mailbox, owner, entry) DO UPDATE SET value = excluded.value",
        account,
        mailbox,
        to,
    )
    await _check(tx, account, to, before, limits)


class Annotation(NamedTuple):
    """An annotation as it is kept; `owner` is 0 for a shared one."""

    owner: int
    entry: str
    value: bytes


async def bring_back(
    tx: Transaction,
    account: AccountId,
    mailbox: int,
    wanted: Sequence[Annotation],
    *,
    limits: AnnotationLimits,
) -> int:
    """Give a Mailbox, or the server, annotations that it had; gives how many it got.

    What is there under the same name stays as it is; what goes beyond the limits is left out.

    Raises:
        NotFound: the account has no such Mailbox.
    """
    await tx.lock("accounts", (account,))
    if mailbox:
        await _require(tx, account, mailbox)
    rows = await tx.rows(
        "SELECT owner, entry FROM annotations WHERE account = ?1 AND mailbox = ?2", account, mailbox
    )
    there = {(owner, entry) for owner, entry in rows}
    entries, octets = await _used(tx, account, mailbox)
    given: list[Annotation] = []
    for one in wanted:
        more = _counted(one.entry, one.value)
        if (one.owner, one.entry) in there or octets + more > limits.octets_together:
            continue
        if entries + len(given) == limits.entries:
            break
        given.append(one)
        octets += more
    await tx.run_many(
        "INSERT INTO annotations (account, mailbox, owner, entry, value) VALUES (?1, ?2, ?3, ?4, ?5)",
        [(account, mailbox, *one) for one in given],
    )
    return len(given)


async def stand_in(
    tx: Transaction, account: AccountId, removed: int, mailbox: int, *, limits: AnnotationLimits
) -> None:
    """Give the annotations of a removed Mailbox to the one that stands for it now; see `bring_back`."""
    rows = await tx.rows(
        "SELECT owner, entry, value FROM annotations WHERE account = ?1 AND mailbox = ?2"
        " ORDER BY owner, entry",
        account,
        removed,
    )
    await let_go(tx, removed)
    kept = [Annotation(owner, entry, bytes(value)) for owner, entry, value in rows]
    await bring_back(tx, account, mailbox, kept, limits=limits)


async def let_go(tx: Transaction, removed: int) -> None:
    """Forget the annotations of a removed Mailbox."""
    await tx.run("DELETE FROM annotations WHERE mailbox = ?1", removed)


def _counted(entry: str, value: bytes) -> int:
    return len(entry) + len(value) + ENTRY_OCTETS


class _Used(NamedTuple):
    entries: int  # of the Mailbox
    octets: int  # of all Mailboxes


async def _used(tx: Transaction, keeper: int, mailbox: int) -> _Used:
    row = await tx.row(
        "SELECT count(*) FILTER (WHERE mailbox = ?2), coalesce(sum(length(entry) + length(value)), 0),"
        " count(*) FROM annotations WHERE account = ?1",
        keeper,
        mailbox,
    )
    entries, octets, rows = row or (0, 0, 0)
    return _Used(entries, int(octets) + rows * ENTRY_OCTETS)


async def _check(tx: Transaction, keeper: int, mailbox: int, before: _Used, limits: AnnotationLimits) -> None:
    """Refuse what grows beyond a limit; what was beyond it before may shrink.

    Annotations of removed Mailboxes make room for it.
    """
    after = await _used(tx, keeper, mailbox)
    if after.entries > max(limits.entries, before.entries):
        raise TooManyAnnotations("there are as many annotations as there may be")
    if after.octets > limits.octets_together and keeper > 0:
        await tx.run(
            "DELETE FROM annotations WHERE account = ?1 AND mailbox <> 0"
            " AND NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = annotations.mailbox)",
            keeper,
        )
        after = await _used(tx, keeper, mailbox)
    if after.octets > max(limits.octets_together, before.octets):
        raise OverQuota("the annotations take as much room as they may")


async def _require(tx: Transaction, account: AccountId, mailbox: int) -> None:
    if await tx.row("SELECT 1 FROM mailboxes WHERE id = ?1 AND account = ?2", mailbox, account) is None:
        raise NotFound("no such Mailbox")
