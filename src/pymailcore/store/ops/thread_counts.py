"""Threads in a revision: their counters, their place in the change log, the thread counters of Mailboxes.

Standards: RFC 8621 sections 2 (totalThreads, unreadThreads) and 3.2 (Thread/changes).
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from pymailcore.base.ids import AccountId
from pymailcore.store.types import Transaction

_IN: Final = "(SELECT value FROM json_each(?1))"
_LOAD: Final = (
    "SELECT id, members, emails, unread, unread_trash, created_modseq, changed_modseq FROM threads"
    f" WHERE id IN {_IN}"
)
_LOAD_PAIRS: Final = f"SELECT thread, mailbox, emails FROM thread_mailboxes WHERE thread IN {_IN}"
_WRITE: Final = (
    "INSERT INTO threads (id, account, members, emails, unread, unread_trash, created_modseq, changed_modseq)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET"
    " members = excluded.members, emails = excluded.emails, unread = excluded.unread,"
    " unread_trash = excluded.unread_trash, created_modseq = excluded.created_modseq,"
    " changed_modseq = excluded.changed_modseq"
)
_WRITE_PAIR: Final = (
    "INSERT INTO thread_mailboxes (thread, mailbox, emails) VALUES (?1, ?2, ?3)"
    " ON CONFLICT (thread, mailbox) DO UPDATE SET emails = excluded.emails"
)


@dataclass(slots=True)
class ThreadDelta:
    """What a revision changes of one Thread.

    Attributes:
        list_changed: an Email of it became visible or ceased to be.
        pairs: change of the number of visible Emails in each Mailbox.
    """

    members: int = 0
    emails: int = 0
    unread: int = 0
    unread_trash: int = 0
    list_changed: bool = False
    pairs: dict[int, int] = field(default_factory=dict)

    @property
    def row_changed(self) -> bool:
        """Whether the Thread's own row changes."""
        return bool(self.list_changed or self.members or self.unread or self.unread_trash)


class _Thread(NamedTuple):
    id: int
    members: int = 0
    emails: int = 0
    unread: int = 0
    unread_trash: int = 0
    created: int = 0
    changed: int = 0


class ThreadCounts:
    """Writes the Threads of a revision.

    Attributes:
        mailboxes: change of [totalThreads, unreadThreads] of Mailboxes.
        logged: rows for the change log.
    """

    def __init__(self, tx: Transaction, account: AccountId, modseq: int, trash: int | None) -> None:
        self._tx = tx
        self._account = account
        self._modseq = modseq
        self._trash = trash
        self.mailboxes: dict[int, list[int]] = {}
        self.logged: list[tuple[int, str, int, int, int, int | None]] = []
        self._written: list[tuple[int, ...]] = []
        self._gone: list[tuple[int]] = []
        self._pairs: list[tuple[int, int, int]] = []
        self._pairs_gone: list[tuple[int, int]] = []

    async def write(self, deltas: dict[int, ThreadDelta], begun: Container[int] = ()) -> None:
        """Load the Threads concerned, add the changes up, write.

        Args:
            begun: Threads that are new: nothing is to be loaded.
        """
        moved = {
            id_: delta for id_, delta in deltas.items() if delta.row_changed or any(delta.pairs.values())
        }
        if not moved:
            return
        known = [id_ for id_ in moved if id_ not in begun]
        ids = orjson.dumps(known).decode()
        rows: dict[int, Any] = {row[0]: row for row in await self._tx.rows(_LOAD, ids)} if known else {}
        held: dict[int, dict[int, int]] = {}
        if rows:
            for id_, mailbox, emails in await self._tx.rows(_LOAD_PAIRS, ids):
                held.setdefault(id_, {})[mailbox] = emails
        for id_, delta in moved.items():
            row = rows.get(id_)
            thread = _Thread(id_) if row is None else _Thread._make(row)
            self._count_mailboxes(thread, delta, held.get(id_, {}))
            self._move(thread, delta)
        await self._store()

    def _count_mailboxes(self, thread: _Thread, delta: ThreadDelta, held: dict[int, int]) -> None:
        pairs = delta.pairs
        for mailbox in held.keys() | pairs.keys() if held else pairs:
            there = held.get(mailbox, 0)
            now = there + pairs.get(mailbox, 0)
            if mailbox == self._trash:
                unread, is_unread = thread.unread_trash, thread.unread_trash + delta.unread_trash
            else:
                unread, is_unread = thread.unread, thread.unread + delta.unread
            total = (now > 0) - (there > 0)
            flipped = (now > 0 and is_unread > 0) - (there > 0 and unread > 0)
            if total or flipped:
                sums = self.mailboxes.setdefault(mailbox, [0, 0])
                sums[0] += total
                sums[1] += flipped
            if now == there:
                continue
            if now:
                self._pairs.append((thread.id, mailbox, now))
            else:
                self._pairs_gone.append((thread.id, mailbox))

    def _move(self, thread: _Thread, delta: ThreadDelta) -> None:
        id_, members, emails, unread, unread_trash, created, changed = thread
        members += delta.members
        now = emails + delta.emails
        if delta.list_changed:
            changed = self._modseq
            if emails and not now:
                self.logged.append((self._account, "thread", id_, self._modseq, created, None))
            elif now and not emails:
                created = self._modseq
        if not members:
            self._gone.append((id_,))
        elif delta.row_changed:
            unread += delta.unread
            unread_trash += delta.unread_trash
            self._written.append(
                (id_, int(self._account), members, now, unread, unread_trash, created, changed)
            )

    async def _store(self) -> None:
        run_many = self._tx.run_many
        if self._written:
            await run_many(_WRITE, self._written)
        if self._pairs:
            await run_many(_WRITE_PAIR, self._pairs)
        if self._pairs_gone:
            await run_many(
                "DELETE FROM thread_mailboxes WHERE thread = ?1 AND mailbox = ?2", self._pairs_gone
            )
        if self._gone:
            await run_many("DELETE FROM threads WHERE id = ?1", self._gone)
