"""Work on many messages of a Mailbox, in slices so that no other writer waits long.

A slice is a transaction of its own with a modseq of its own; COPY is one whole, as its RFC wants it.
"""

import functools
from collections.abc import Sequence
from typing import Final

from pymailcore.base.errors import NotEmpty, NotFound
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.engine import Engine
from pymailcore.store.keywords import Keywords
from pymailcore.store.ops import accounts, emails, fetch, kept, mailboxes, selected
from pymailcore.store.types import Copied, FetchRow, FlagChange, Mailbox, Transaction

SLICE_EMAILS: Final = 300
"""Emails that one slice of a long change takes; about 5 ms."""

SLICE_DESTROY: Final = 100
"""The same where whole Emails go, wherever they are."""

SLICE_SET: Final = 1_000
"""The same where set statements do it (ops.stretch)."""

SLICE_TREE: Final = 32
"""Mailboxes that one slice of the removal of a tree takes."""

_TREE_ATTEMPTS: Final = 5

SHORT: Final = 64
"""Rows that are read on the loop; more are read in a thread."""

Ranges = Sequence[tuple[int, int]]


async def _uids(engine: Engine, account: AccountId, mailbox: MailboxId, ranges: Ranges) -> list[int]:
    async def work(tx: Transaction) -> list[int]:
        await mailboxes.get(tx, account, mailbox)
        return await fetch.uids_in(tx, mailbox, ranges)

    if fetch.width(ranges) <= SHORT:
        return await engine.look(work)
    return await engine.database.read(work)


async def _plain(engine: Engine, account: AccountId, mailbox: MailboxId) -> bool:
    """Whether a MOVE out of a Mailbox is one for set statements, as far as the Mailbox tells."""
    found = await engine.look(lambda tx: mailboxes.get(tx, account, mailbox))
    return not found.deleted and found.role != "trash"


async def set_flags(
    engine: Engine,
    account: AccountId,
    mailbox: MailboxId,
    ranges: Ranges,
    how: FlagChange,
    keywords: Keywords,
    *,
    deleted: bool,
    unchanged_since: int | None,
) -> tuple[list[FetchRow], list[int]]:
    """STORE; see `Store.set_flags`."""
    now_ms = engine.now_ms()
    done = await engine.slices(
        await _uids(engine, account, mailbox, ranges),
        lambda uids, tx: selected.set_flags(
            tx,
            account,
            mailbox,
            uids,
            how,
            keywords,
            deleted=deleted,
            unchanged_since=unchanged_since,
            now_ms=now_ms,
        ),
        SLICE_SET,
    )
    return [row for rows, _ in done for row in rows], [uid for _, late in done for uid in late]


async def move(
    engine: Engine, account: AccountId, mailbox: MailboxId, ranges: Ranges, to: MailboxId
) -> Copied:
    """MOVE; see `Store.move`."""
    now_ms = engine.now_ms()
    done = await engine.slices(
        await _uids(engine, account, mailbox, ranges),
        lambda uids, tx: selected.move(tx, account, mailbox, uids, to, now_ms),
        SLICE_SET if await _plain(engine, account, mailbox) else SLICE_EMAILS,
    )
    if not done:
        done = [await engine.database.read(lambda tx: selected.copied_nothing(tx, account, to))]
    return Copied(
        done[0].uid_validity,
        tuple([uid for one in done for uid in one.source]),
        tuple([uid for one in done for uid in one.destination]),
    )


async def expunge(engine: Engine, account: AccountId, mailbox: MailboxId, ranges: Ranges | None) -> list[int]:
    """EXPUNGE; see `Store.expunge`."""
    now_ms = engine.now_ms()
    uids = await engine.database.read(lambda tx: fetch.marked_uids(tx, account, mailbox, ranges))
    done = await engine.slices(
        uids, lambda some, tx: selected.expunge(tx, account, mailbox, some, now_ms), SLICE_SET
    )
    return [uid for some in done for uid in some]


async def destroy_emails(
    engine: Engine, account: AccountId, ids: Sequence[int], if_modseq: int | None
) -> list[int]:
    """Remove Emails; see `Store.destroy_emails`."""
    now_ms = engine.now_ms()
    first, rest = ids[:SLICE_DESTROY], ids[SLICE_DESTROY:]
    gone = await engine.database.write(lambda tx: emails.destroy(tx, account, first, if_modseq, now_ms))
    done = await engine.slices(
        rest, lambda some, tx: emails.destroy(tx, account, some, None, now_ms), SLICE_DESTROY
    )
    return gone + [id_ for some in done for id_ in some]


async def remove_mailbox(
    engine: Engine, account: AccountId, mailbox: MailboxId, *, with_emails: bool, with_children: bool
) -> None:
    """Remove a Mailbox, or a tree of them; see `Store.remove_mailbox`."""
    now_ms = engine.now_ms()

    async def look(tx: Transaction) -> list[Mailbox]:
        return await mailboxes.removable(
            tx, account, mailbox, with_emails=with_emails, with_children=with_children
        )

    attempts = _TREE_ATTEMPTS if with_children else 1
    while True:
        attempts -= 1
        tree = await engine.database.read(look)
        for one in tree:
            await _empty(engine, account, one, now_ms)
        try:
            for some in _slices(tree):
                ids = [one.id for one in some]
                await engine.database.write(
                    functools.partial(_remove, account, ids, now_ms=now_ms, with_emails=with_emails)
                )
        except (NotEmpty, NotFound):  # somebody makes and removes Mailboxes there: look again
            if not attempts:
                raise
        else:
            return


async def _remove(
    account: AccountId, ids: Sequence[int], tx: Transaction, *, now_ms: int, with_emails: bool
) -> None:
    """Remove Mailboxes that have no children when it is their turn."""
    for mailbox in ids:
        (found,) = await mailboxes.removable(tx, account, mailbox, with_emails=with_emails)
        uids = await fetch.uids_in(tx, found.id, None)  # those that came meanwhile
        if uids:
            await selected.expunge(tx, account, found.id, uids, now_ms, marked_only=False)
        await mailboxes.remove_row(tx, account, found, now_ms)


def _slices(tree: Sequence[Mailbox]) -> list[Sequence[Mailbox]]:
    return [tree[first : first + SLICE_TREE] for first in range(0, len(tree), SLICE_TREE)]


async def _empty(engine: Engine, account: AccountId, mailbox: Mailbox, now_ms: int) -> None:
    """Take all Emails out of a Mailbox, in slices."""
    if not mailbox.messages:
        return
    await engine.slices(
        await engine.database.read(lambda tx: fetch.uids_in(tx, mailbox.id, None)),
        lambda uids, tx: selected.expunge(tx, account, mailbox.id, uids, now_ms, marked_only=False),
        SLICE_SET,
    )


async def remove_account(engine: Engine, account: AccountId) -> None:
    """Remove all mail of an account, what is kept for undelete, too; see `Store.remove_account`."""

    async def some(tx: Transaction) -> list[int]:
        return await accounts.some_emails(tx, account, SLICE_EMAILS)

    done = False
    while not done:  # what was on its way when the removal began may still come
        now_ms = engine.now_ms()
        while ids := await engine.database.read(some):
            gone = list(ids)

            async def destroy(tx: Transaction, gone: list[int] = gone, now_ms: int = now_ms) -> None:
                await emails.destroy(tx, account, gone, None, now_ms, visible_only=False)

            await engine.database.write(destroy)

        async def let_go(tx: Transaction, before_ms: int = now_ms + 1) -> int:
            return await kept.purge(tx, account, before_ms, SLICE_EMAILS)

        while await engine.database.write(let_go):
            pass
        done = await engine.database.write(lambda tx: accounts.clear(tx, account, SLICE_SET))
