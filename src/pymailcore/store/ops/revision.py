r"""One revision of an account: what one modseq changes, with all counters that follow from it.

Theory of operation. Every change of Emails and placements goes through here, so that counters, states and
the change log have one place where they can be right. An operation begins a revision, loads the Emails
concerned, changes them in memory, and finishes. `finish` compares what each touched Email contributed before
with what it contributes now (its *footprint*) and writes the differences with few set statements: Emails,
placements, Threads, Mailboxes, the change log, and last the account's clock. When nothing was touched it
writes nothing and takes no modseq.

An Email is visible when one of its placements lacks `\Deleted`; only visible Emails exist for JMAP
(RFC 8621 section 4.1.1). Becoming visible is a creation there, ceasing to be is a removal.

An Email that loses its last placement is kept for undelete: its row moves to `kept_emails`, and its other
rows and its blobs stay as they are (ops.kept brings it back or lets it go).

Standards: RFC 7162 section 3.1 (mod-sequences), RFC 8514 (a placement knows when it was made), RFC 8620
section 5.2, RFC 8621 sections 2 to 4.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Self

import orjson

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.store.keywords import Keywords
from pymailcore.store.ops.footprint import NOTHING, Footprint, Message, Placement, Share, footprint
from pymailcore.store.ops.thread_counts import ThreadCounts, ThreadDelta
from pymailcore.store.types import Transaction

MESSAGES: Final = 0
UNSEEN: Final = 1
DELETED: Final = 2
OCTETS: Final = 3
TOTAL_EMAILS: Final = 4
UNREAD_EMAILS: Final = 5
TOTAL_THREADS: Final = 6
UNREAD_THREADS: Final = 7
_COUNTERS: Final = 8

_LOAD_EMAILS: Final = (
    "SELECT id, thread, size_octets, received_ms, flags, extra, visible, flags_modseq,"
    " created_modseq FROM emails"
    " WHERE +account = ?1 AND id IN (SELECT value FROM json_each(?2))"
)
_LOAD_PLACEMENTS: Final = (
    "SELECT email, mailbox, uid, deleted, arrived_modseq, modseq, saved_ms FROM placements"
    " WHERE email IN (SELECT value FROM json_each(?1)) ORDER BY mailbox, uid"
)
_BEGIN: Final = (
    "SELECT modseq, tenant, email_modseq, used_octets, quota_octets,"
    " (SELECT id FROM mailboxes WHERE account = ?1 AND role = 'trash'), used_emails, quota_emails, name"
    " FROM accounts WHERE id = ?1"
)
_KEEP: Final = (
    "INSERT INTO kept_emails (id, account, mailbox, thread, flags, extra, size_octets, received_ms, sent_ms,"
    " sent_local_ms, has_attachment, gone_ms) SELECT id, account, ?2, thread, flags, extra, size_octets,"
    " received_ms, sent_ms, sent_local_ms, has_attachment, ?3 FROM emails"
    " WHERE id IN (SELECT value FROM json_each(?1))"
)
_LOG: Final = (
    "INSERT INTO removed (account, kind, id, modseq, created, thread, gone_ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
)


@dataclass(slots=True)
class MailboxDelta:
    """What a revision changes of one Mailbox; `counts` by the constants above."""

    uid_validity: int
    uid_next: int
    touched: bool = False  # for IMAP: its highest modseq moves
    counts: list[int] = field(default_factory=lambda: [0] * _COUNTERS)


class Revision:
    """Changes of one account under one modseq; see the module's text."""

    def __init__(self, tx: Transaction, account: AccountId, row: tuple[Any, ...], now_ms: int) -> None:
        self._tx = tx
        self.account = account
        self.now_ms = now_ms
        self.modseq: int = row[0] + 1
        self.tenant = TenantId(row[1])
        self.email_modseq: int = row[2]
        self.used_octets: int = row[3]
        self.quota_octets: int | None = row[4]
        self.trash: int | None = row[5]
        self.used_emails: int = row[6]
        self.quota_emails: int | None = row[7]
        self.name: str = row[8]
        self.messages: dict[int, Message] = {}
        self._touched: list[Message] = []
        self._mailboxes: dict[int, MailboxDelta] = {}
        self._fresh: list[tuple[Message, tuple[int | None, int | None, int]]] = []
        self._placed: list[tuple[Message, Placement]] = []
        self._unplaced: list[tuple[Message, Placement]] = []
        self._marked: list[Placement] = []
        self._removed: list[Message] = []
        self._threads: dict[int, ThreadDelta] = {}
        self.begun: set[int] = set()  # Threads that this revision begins
        self.octets = 0  # what is added to the counters of the account
        self.emails = 0
        self.kept_octets = 0
        self._logged: list[tuple[int, str, int, int, int, int | None]] = []

    @classmethod
    async def begin(cls, tx: Transaction, account: AccountId, now_ms: int) -> Self:
        """Look the account up; on an engine with several writers this is where its row is locked.

        Args:
            now_ms: when the operation began: what it saves or takes away says so.

        Raises:
            NotFound: no such account.
        """
        await tx.lock("accounts", (account,))
        row = await tx.row(_BEGIN, account)
        if row is None:
            raise NotFound("no such account")
        return cls(tx, account, row, now_ms)

    # --- reading --------------------------------------------------------------------------------

    async def load(self, ids: list[int]) -> None:
        """Load Emails with all their placements; ids that the account does not have are left out."""
        listed = orjson.dumps(ids).decode()
        rows = await self._tx.rows(_LOAD_EMAILS, self.account, listed)
        for row in rows:
            self.messages[row[0]] = Message(*row)
        if len(rows) < len(ids):
            listed = orjson.dumps([row[0] for row in rows]).decode()
        for email, *rest in await self._tx.rows(_LOAD_PLACEMENTS, listed):
            self.messages[email].placements.append(Placement(*rest))

    async def mailbox(self, mailbox: int) -> MailboxDelta:
        """Load a Mailbox.

        Raises:
            NotFound: the account has no such Mailbox.
        """
        found = self._mailboxes.get(mailbox)
        if found is None:
            row = await self._tx.row(
                "SELECT uid_validity, uid_next FROM mailboxes WHERE id = ?1 AND account = ?2",
                mailbox,
                self.account,
            )
            if row is None:
                raise NotFound("no such Mailbox")
            found = self._mailboxes[mailbox] = MailboxDelta(*row)
        return found

    async def mailbox_with_role(self, role: str) -> int:
        """Load the Mailbox that has a role; gives its id.

        Raises:
            NotFound: no Mailbox of the account has it.
        """
        row = await self._tx.row(
            "SELECT id, uid_validity, uid_next FROM mailboxes WHERE account = ?1 AND role = ?2",
            self.account,
            role,
        )
        if row is None:
            raise NotFound("no Mailbox has this role")
        if row[0] not in self._mailboxes:
            self._mailboxes[row[0]] = MailboxDelta(row[1], row[2])
        return int(row[0])

    # --- changing -------------------------------------------------------------------------------

    def _touch(self, message: Message) -> None:
        if message.before is None:
            message.before = footprint(message, self.trash)
            self._touched.append(message)

    def add(self, message: Message, fixed: tuple[int | None, int | None, int]) -> None:
        """Take in a new Email; it must be placed somewhere before `finish`.

        Args:
            fixed: its sent_ms, sent_local_ms and has_attachment.
        """
        message.before = NOTHING
        message.flags_modseq = self.modseq
        self.messages[message.id] = message
        self._touched.append(message)
        self._fresh.append((message, fixed))

    def place(self, message: Message, mailbox: int, deleted: int = 0) -> Placement:
        """Add a placement in a Mailbox that was loaded; it gets the next UID."""
        self._touch(message)
        there = self._mailboxes[mailbox]
        placement = Placement(mailbox, there.uid_next, deleted, self.modseq, self.modseq, self.now_ms)
        there.uid_next += 1
        there.touched = True
        message.placements.append(placement)
        self._placed.append((message, placement))
        return placement

    def unplace(self, message: Message, placement: Placement) -> None:
        """Take a placement away; an Email without any is removed, and kept for undelete."""
        self._touch(message)
        message.placements.remove(placement)
        self._unplaced.append((message, placement))

    def mark(self, message: Message, placement: Placement, deleted: int) -> None:
        r"""Set or clear `\Deleted` of a placement."""
        if placement.deleted != deleted:
            self._touch(message)
            placement.deleted = deleted
            placement.modseq = self.modseq
            self._marked.append(placement)

    def set_keywords(self, message: Message, keywords: Keywords) -> None:
        """Give an Email a new set of keywords."""
        if (message.flags, message.extra) != keywords:
            self._touch(message)
            message.flags, message.extra = keywords
            message.flags_modseq = self.modseq
            message.keywords_changed = True

    # --- writing --------------------------------------------------------------------------------

    async def finish(self) -> int | None:
        """Write what changed; gives the modseq, or None when nothing did."""
        if not self._touched:
            return None
        for message in self._touched:
            self._compare(message)
        await self._write_emails()
        await self._write_placements()
        thread_counts = ThreadCounts(self._tx, self.account, self.modseq, self.trash)
        await thread_counts.write(self._threads, self.begun)
        for mailbox, (total, unread) in thread_counts.mailboxes.items():
            sums = self.counted(mailbox).counts
            sums[TOTAL_THREADS] += total
            sums[UNREAD_THREADS] += unread
        self._logged += thread_counts.logged
        if self._logged:
            await self._tx.run_many(_LOG, [(*row, self.now_ms) for row in self._logged])
        await self.settle(listed=any(thread.list_changed for thread in self._threads.values()))
        return self.modseq

    async def settle(self, *, listed: bool = False) -> None:
        """Write the counters of Mailboxes and the clock; something else has changed.

        Args:
            listed: the Emails of some Thread are others now.
        """
        counted = await self._write_mailboxes()
        row = (
            self.account,
            self.modseq,
            self.octets,
            self.emails,
            self.kept_octets,
            int(counted),
            int(listed),
        )
        await self._tx.run_many(
            "UPDATE accounts SET modseq = ?2, email_modseq = ?2, used_octets = used_octets + ?3,"
            " used_emails = used_emails + ?4, kept_octets = kept_octets + ?5,"
            " mailbox_modseq = CASE WHEN ?6 <> 0 THEN ?2 ELSE mailbox_modseq END,"
            " thread_modseq = CASE WHEN ?7 <> 0 THEN ?2 ELSE thread_modseq END WHERE id = ?1",
            (row,),
        )
        self._tx.announce(self.account, self.modseq)

    def _compare(self, message: Message) -> None:
        """Add up what an Email's footprint changed."""
        before = message.before or NOTHING
        after = footprint(message, self.trash)
        thread = self._threads.get(message.thread)
        if thread is None:
            thread = self._threads[message.thread] = ThreadDelta()
        if before is NOTHING:
            thread.members += 1
            self.octets += message.size_octets
            self.emails += 1
        if not message.placements:
            thread.members -= 1
            self.octets -= message.size_octets
            self.emails -= 1
            self.kept_octets += message.size_octets
            self._removed.append(message)
        thread.emails += after.visible - before.visible
        thread.unread += after.unread - before.unread
        thread.unread_trash += after.unread_trash - before.unread_trash
        if after.visible != before.visible:
            thread.list_changed = True
            if after.visible:
                message.created = self.modseq
            else:
                self._logged.append(
                    (self.account, "email", message.id, self.modseq, message.created, message.thread)
                )
            message.visible = after.visible
        self._compare_mailboxes(message, before, after, thread.pairs)

    def _compare_mailboxes(
        self, message: Message, before: Footprint, after: Footprint, pairs: dict[int, int]
    ) -> None:
        if after.mailboxes != before.mailboxes:
            for share in after.mailboxes:
                self._count(share, 1, pairs)
            for share in before.mailboxes:
                self._count(share, -1, pairs)
        if message.keywords_changed:
            for share in (*before.mailboxes, *after.mailboxes):
                self.counted(share.mailbox).touched = True

    def counted(self, mailbox: int) -> MailboxDelta:
        """Where the changes of a Mailbox are added up."""
        there = self._mailboxes.get(mailbox)
        if there is None:
            there = self._mailboxes[mailbox] = MailboxDelta(0, 0)
        return there

    def _count(self, share: Share, sign: int, pairs: dict[int, int]) -> None:
        mailbox, messages, unseen, deleted, octets, emails, unread = share
        sums = self.counted(mailbox).counts
        sums[MESSAGES] += sign * messages
        sums[UNSEEN] += sign * unseen
        sums[DELETED] += sign * deleted
        sums[OCTETS] += sign * octets
        if emails:
            sums[TOTAL_EMAILS] += sign
            sums[UNREAD_EMAILS] += sign * unread
            pairs[mailbox] = pairs.get(mailbox, 0) + sign

    async def _write_emails(self) -> None:
        run_many = self._tx.run_many
        if self._fresh:
            await run_many(
                "INSERT INTO emails (id, account, thread, flags, extra, visible, flags_modseq,"
                " created_modseq, changed_modseq, size_octets, received_ms, sent_ms, sent_local_ms,"
                " has_attachment)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?7, ?9, ?10, ?11, ?12, ?13)",
                [
                    (
                        m.id, self.account, m.thread, m.flags, m.extra, m.visible, self.modseq, m.created,
                        m.size_octets, m.received_ms, *fixed,
                    )
                    for m, fixed in self._fresh
                ],
            )  # fmt: skip
        changed = [m for m in self._touched if m.placements and m.before is not NOTHING]
        if changed:
            await run_many(
                "UPDATE emails SET flags = ?2, extra = ?3, visible = ?4, flags_modseq = ?5,"
                " created_modseq = ?6, changed_modseq = ?7 WHERE id = ?1",
                [
                    (m.id, m.flags, m.extra, m.visible, m.flags_modseq, m.created, self.modseq)
                    for m in changed
                ],
            )
        if self._removed:
            await self._keep()

    async def _keep(self) -> None:
        """Move the rows of Emails that are in no Mailbox any more to where undelete finds them."""
        left = {message.id: placement.mailbox for message, placement in self._unplaced}
        by_mailbox: dict[int, list[int]] = {}
        for message in self._removed:
            by_mailbox.setdefault(left[message.id], []).append(message.id)
        for mailbox, ids in by_mailbox.items():
            listed = orjson.dumps(ids).decode()
            await self._tx.run(_KEEP, listed, mailbox, self.now_ms)
            await self._tx.run("DELETE FROM emails WHERE id IN (SELECT value FROM json_each(?1))", listed)

    async def _write_placements(self) -> None:
        run_many = self._tx.run_many
        for mailbox in {p.mailbox for p in self._marked} | {p.mailbox for _, p in self._unplaced}:
            self.counted(mailbox).touched = True
        if self._placed:
            await run_many(
                "INSERT INTO placements (mailbox, uid, email, deleted, arrived_modseq, modseq, received_ms,"
                " saved_ms) VALUES (?1, ?2, ?3, ?7, ?4, ?4, ?5, ?6)",
                [
                    (p.mailbox, p.uid, m.id, self.modseq, m.received_ms, p.saved_ms, p.deleted)
                    for m, p in self._placed
                ],
            )
        if self._marked:
            await run_many(
                "UPDATE placements SET deleted = ?3, modseq = ?4 WHERE mailbox = ?1 AND uid = ?2",
                [(p.mailbox, p.uid, p.deleted, self.modseq) for p in self._marked],
            )
        if self._unplaced:
            await run_many(
                "DELETE FROM placements WHERE mailbox = ?1 AND uid = ?2",
                [(p.mailbox, p.uid) for _, p in self._unplaced],
            )
            await run_many(
                "INSERT INTO expunged (mailbox, modseq, uid, arrived, email, saved_ms, gone_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                [
                    (p.mailbox, self.modseq, p.uid, p.arrived, m.id, p.saved_ms, self.now_ms)
                    for m, p in self._unplaced
                ],
            )

    async def _write_mailboxes(self) -> bool:
        """Counters of Mailboxes; tells whether those that JMAP shows changed."""
        counted = False
        rows = []
        for id_, mailbox in self._mailboxes.items():
            counts = mailbox.counts
            jmap = any(counts[TOTAL_EMAILS:])
            counted = counted or jmap
            if mailbox.touched or any(counts):
                rows.append((id_, mailbox.uid_next, int(mailbox.touched), int(jmap), self.modseq, *counts))
        if rows:
            await self._tx.run_many(
                "UPDATE mailboxes SET uid_next = max(uid_next, ?2),"
                " highest_modseq = CASE WHEN ?3 <> 0 THEN ?5 ELSE highest_modseq END,"
                " counts_modseq = CASE WHEN ?4 <> 0 THEN ?5 ELSE counts_modseq END,"
                " messages = messages + ?6, unseen = unseen + ?7, deleted = deleted + ?8,"
                " size_octets = size_octets + ?9, total_emails = total_emails + ?10,"
                " unread_emails = unread_emails + ?11, total_threads = total_threads + ?12,"
                " unread_threads = unread_threads + ?13 WHERE id = ?1",
                rows,
            )
        return counted
