"""Accounts' mail: the one interface that delivery, IMAP and JMAP share.

Bodies are elsewhere, by subject: `delivering`, `bulk`, `listing`, `past`, `evaluate`, `reading` and `ops`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pymailcore.base.ids import AccountId, BlobId, EmailId, MailboxId, TenantId, ThreadId
from pymailcore.message.prepare import Prepared, prepare
from pymailcore.runtime.threads import compute
from pymailcore.store import bulk, delivering, evaluate, reading, windows
from pymailcore.store.arranging import Arranging
from pymailcore.store.blobids import parse_blob
from pymailcore.store.bulk import SHORT
from pymailcore.store.engine import Engine
from pymailcore.store.evaluate import Progress
from pymailcore.store.keywords import Keywords
from pymailcore.store.ops import (
    accounts,
    blob_rows,
    changes,
    emails,
    fetch,
    mailboxes,
    selected,
    threads,
)
from pymailcore.store.past import Past
from pymailcore.store.query import Filter, Sort
from pymailcore.store.recipes import unpack_recipe
from pymailcore.store.sharing import Sharing
from pymailcore.store.texts import SearchedMessage
from pymailcore.store.types import (
    Appended,
    Changes,
    Copied,
    EmailRow,
    EmailUpdate,
    FetchRow,
    FlagChange,
    Incoming,
    Mailbox,
    MailboxDelta,
    Replaced,
    Snapshot,
    States,
    StoredMessage,
    Target,
    Transaction,
    Want,
)
from pymailcore.store.undelete import Undelete

T = TypeVar("T")


class Store:
    """Accounts, Mailboxes, Emails, blobs of one installation.

    Made by `store.opening.open_store`. Every method that writes returns once the change is on disk, and
    then tells `notify(account, modseq)` for each account that changed.
    """

    def __init__(self, engine: Engine) -> None:
        self.database = engine.database
        self.data_keys = engine.data_keys
        self.engine = self._engine = engine
        self.undelete = Undelete(engine)
        self.quotas = engine.quotas
        self.space = engine.space
        self.sharing = Sharing(engine)
        self.arranging = Arranging(engine)
        self.past = Past(engine)

    # --- accounts -------------------------------------------------------------------------------

    def new_account(self) -> accounts.Foundation:
        """Mint what `create_accounts` needs, before its transaction."""
        return accounts.new_foundation(self._engine.ids.new, self._engine.now_ms())

    async def create_accounts(
        self, tx: Transaction, made: Sequence[tuple[AccountId, TenantId, accounts.Foundation]]
    ) -> None:
        """Give new accounts their Mailboxes with their roles, inside the caller's transaction (directory)."""
        await accounts.create(tx, made)

    async def remove_account(self, account: AccountId) -> None:
        """Remove all mail of an account, what is kept for undelete, too, in slices."""
        await bulk.remove_account(self._engine, account)

    async def states(self, account: AccountId) -> States:
        """The account's counters. Short: read on the loop."""
        return await self.database.look(lambda tx: changes.states(tx, account))

    async def bump(self, tx: Transaction, account: AccountId, kind: str) -> int:
        """Take a modseq for a change of data that other packages keep ("identity", "submission")."""
        return await changes.bump(tx, account, kind)

    # --- putting mail in ------------------------------------------------------------------------

    async def prepare(self, octets: bytes) -> Prepared:
        """Parse and split a message: on the loop when it is small, in a thread when it is not."""
        if len(octets) <= self._engine.settings.inline_prepare_octets:
            return prepare(octets)
        return await compute(prepare, octets)

    async def deliver(
        self,
        prepared: Prepared,
        targets: Sequence[Target],
        *,
        tenant: TenantId,
        received_ms: int,
        also: Callable[[Transaction, StoredMessage], Awaitable[None]] | None = None,
    ) -> list[Appended]:
        """File a message into Mailboxes of one or many accounts: all, or none.

        Blobs are on disk before the transaction; the transaction is on disk before this returns. Several
        targets of one account make one Email with several placements.

        Args:
            also: further rows for the same transaction (the outbound queue); may be all there is to do
                when `targets` is empty. May run more than once.

        Raises:
            NotFound: a Mailbox or account is gone.
            OverQuota: an account cannot take it.
            TemporaryFailure: the disk is full or the database busy.
        """
        (filed,) = await delivering.deliver(
            self._engine, [Incoming(prepared, targets, received_ms)], tenant, also
        )
        return filed

    async def append_many(
        self,
        messages: Sequence[Incoming],
        *,
        tenant: TenantId,
        note: Callable[[Transaction, list[list[Appended]]], Awaitable[None]] | None = None,
    ) -> list[list[Appended]]:
        """File many messages into Mailboxes of one or many accounts in one operation: all, or none.

        Standards: RFC 3502 (MULTIAPPEND). All Emails of an account get one modseq; the blobs of all are
        brought to disk together. The caller bounds the octets, all of which are in memory here.

        Args:
            note: writes further rows in the same transaction (what an import remembers); may run again.

        Returns:
            For each message what its targets gave it, in the order of `messages`.

        Raises:
            NotFound, OverQuota, TemporaryFailure: see `deliver`; nothing was filed.
        """
        return await delivering.deliver(self._engine, messages, tenant, note=note)

    async def replace(
        self,
        account: AccountId,
        mailbox: MailboxId,
        uid: int,
        message: Incoming,
        *,
        tenant: TenantId,
    ) -> list[Appended]:
        """File a message and take another one out of its Mailbox, both or neither (RFC 8508 section 3).

        What the old one leaves free counts as free for the new one. The new one joins the old one's Thread
        where their subjects and references say so.

        Raises:
            NotFound: the Mailbox has no such UID, or as for `deliver`.
            OverQuota, TemporaryFailure: see `deliver`; the old one is still there.
        """
        (filed,) = await delivering.deliver(
            self._engine, [message], tenant, replaced=Replaced(account, mailbox, uid)
        )
        return filed

    async def hold_blobs(self, tx: Transaction, message: StoredMessage, owner: int) -> None:
        """Keep a message's blobs for a row of another package (the queue), whose id is `owner`."""
        keys = tuple(dict.fromkeys(message.keys))
        blobs = await blob_rows.claim(tx, message.tenant, keys, {})
        await blob_rows.refer(tx, owner, message.tenant, 0, blobs)

    async def release_blobs(self, tx: Transaction, owner: int) -> None:
        """Let go of what `hold_blobs` kept."""
        await blob_rows.forget(tx, owner)

    async def rebuild(self, tenant: TenantId, recipe: bytes) -> bytes:
        """Give the exact octets of a stored message."""
        unpacked = unpack_recipe(recipe)
        return await self._engine.reading(lambda blobs: reading.rebuild(blobs, tenant, unpacked))

    # --- blobs ----------------------------------------------------------------------------------

    async def upload(self, account: AccountId, octets: bytes, *, now_ms: int) -> BlobId:
        """Keep octets for a client for a day (RFC 8620 section 6.1).

        Raises:
            OverQuota: the account holds too many uploads.
        """
        return await delivering.upload(self._engine, account, octets, now_ms)

    async def blob(self, account: AccountId, blob: BlobId) -> bytes:
        """Give the octets of a blob that this account may see: an upload, an Email, a part of an Email.

        Raises:
            NotFound: no such blob, or the account has no claim to it; the two look the same.
        """
        claimed = parse_blob(blob)
        return await self._engine.reading(lambda blobs: reading.claimed(blobs, account, claimed))

    async def message(self, account: AccountId, email: EmailId) -> bytes:
        """Give the exact octets of an Email.

        Raises:
            NotFound: the account has no such Email.
        """
        octets, _ = await self._engine.reading(lambda blobs: reading.message(blobs, email, account))
        return octets

    # --- Mailboxes ------------------------------------------------------------------------------

    async def mailboxes(self, account: AccountId) -> list[Mailbox]:
        """All Mailboxes of an account, ordered by sort order and path."""
        return await self.database.look(lambda tx: mailboxes.list_all(tx, account))

    async def mailbox_named(self, account: AccountId, path: str) -> Mailbox | None:
        """Find a Mailbox by its path; `INBOX` in any case is the one with the role inbox."""
        return await self.database.look(lambda tx: mailboxes.named(tx, account, path))

    async def create_mailbox(
        self,
        account: AccountId,
        path: str,
        *,
        role: str | None = None,
        subscribed: bool = True,
        sort_order: int = 10,
    ) -> Mailbox:
        """Make a Mailbox and the parents that it lacks (RFC 9051 section 6.3.4).

        Raises:
            AlreadyExists: the name, or the role, is taken.
            InvalidValue: the name is empty, too long, too deep or has control characters.
            OverQuota: the account has as many Mailboxes as it may.
        """
        path = mailboxes.checked_path(path)
        engine = self._engine
        ids = [engine.ids.new() for _ in path.split("/")]
        now_ms = engine.now_ms()
        limits = await engine.quotas.limits()

        async def work(tx: Transaction) -> Mailbox:
            return await mailboxes.create(
                tx, account, path, ids, role=role, subscribed=subscribed, sort_order=sort_order,
                now_ms=now_ms, most=engine.settings.mailboxes_per_account, limits=limits,
            )  # fmt: skip

        return await self.database.write(work)

    async def update_mailbox(
        self,
        account: AccountId,
        mailbox: MailboxId,
        *,
        path: str | None = None,
        role: str | None = None,
        sort_order: int | None = None,
        subscribed: bool | None = None,
    ) -> None:
        """Rename or move a Mailbox with its children, or change its other properties; None leaves alone.

        `role` of "" takes the role away.

        Raises:
            NotFound, AlreadyExists, InvalidValue: as their names say.
        """
        if path is not None:
            path = mailboxes.checked_path(path)
        parent_ids = [self._engine.ids.new() for _ in range((path or "").count("/"))]
        now_ms = self._engine.now_ms()
        limits = await self._engine.quotas.limits()

        async def work(tx: Transaction) -> None:
            await mailboxes.update(
                tx, account, mailbox, path=path, parent_ids=parent_ids, role=role, sort_order=sort_order,
                subscribed=subscribed, now_ms=now_ms, most=self._engine.settings.mailboxes_per_account,
                limits=limits,
            )  # fmt: skip

        await self.database.write(work)

    async def remove_mailbox(
        self, account: AccountId, mailbox: MailboxId, *, with_emails: bool, with_children: bool = False
    ) -> None:
        """Remove a Mailbox; Emails that are in no other go with it if asked, and all that is below it.

        First Emails leave, then Mailboxes, the deepest first, both in slices; undelete brings all back.

        Raises:
            NotFound: no such Mailbox.
            NotEmpty: it has children, or one that is to go has Emails, and they are not to go.
            Forbidden: it is the Inbox.
        """
        await bulk.remove_mailbox(
            self._engine, account, mailbox, with_emails=with_emails, with_children=with_children
        )

    # --- a selected Mailbox (IMAP) ---------------------------------------------------------------

    async def snapshot(self, account: AccountId, mailbox: MailboxId) -> Snapshot:
        """A Mailbox with its UIDs, all from one moment.

        Raises:
            NotFound: no such Mailbox.
        """
        return await self.database.read(lambda tx: fetch.snapshot(tx, account, mailbox))

    async def delta(self, account: AccountId, mailbox: MailboxId, since: int) -> MailboxDelta | None:
        """What happened after a modseq; None when the change log does not reach back, or it is gone."""
        return await self.database.read(lambda tx: fetch.delta(tx, account, mailbox, since))

    async def fetch(
        self,
        account: AccountId,
        mailbox: MailboxId,
        ranges: Sequence[tuple[int, int]],
        want: Want,
        *,
        limit: int = 1000,
    ) -> list[FetchRow]:
        """Rows of the messages whose UID is in a range (ends included), by UID, at most `limit`."""

        async def work(tx: Transaction) -> list[FetchRow]:
            return await fetch.fetch(tx, account, mailbox, ranges, want, limit)

        if limit <= SHORT or sum(high - low + 1 for low, high in fetch.merged(ranges)) <= SHORT:
            return await self.database.look(work)
        return await self.database.read(work)

    async def set_flags(
        self,
        account: AccountId,
        mailbox: MailboxId,
        ranges: Sequence[tuple[int, int]],
        how: FlagChange,
        keywords: Keywords,
        *,
        deleted: bool = False,
        unchanged_since: int | None = None,
    ) -> tuple[list[FetchRow], list[int]]:
        r"""STORE (RFC 9051 section 6.4.6): change keywords, and `\Deleted` of the placements if `deleted`.

        With REPLACE, `deleted` is the new state of `\Deleted`; with ADD and REMOVE it says whether it is
        among the flags. Runs in slices; what is unchanged takes no modseq and is in the answer all the same.

        Returns:
            The rows after the change, by UID, and the UIDs that `unchanged_since` left alone.
        """
        return await bulk.set_flags(
            self._engine, account, mailbox, ranges, how, keywords, deleted=deleted,
            unchanged_since=unchanged_since,
        )  # fmt: skip

    async def copy(
        self, account: AccountId, mailbox: MailboxId, ranges: Sequence[tuple[int, int]], to: MailboxId
    ) -> Copied:
        """COPY inside one account: all or nothing; new placements of the same Emails.

        Raises:
            NotFound: the destination is gone.
        """
        now_ms = self._engine.now_ms()
        return await self.database.write(lambda tx: selected.copy(tx, account, mailbox, ranges, to, now_ms))

    async def move(
        self, account: AccountId, mailbox: MailboxId, ranges: Sequence[tuple[int, int]], to: MailboxId
    ) -> Copied:
        """MOVE inside one account (RFC 6851), in slices; each message is moved whole or not at all."""
        return await bulk.move(self._engine, account, mailbox, ranges, to)

    async def expunge(
        self, account: AccountId, mailbox: MailboxId, ranges: Sequence[tuple[int, int]] | None
    ) -> list[int]:
        r"""Remove the placements that have `\Deleted` (in the ranges); gives their UIDs, ascending."""
        return await bulk.expunge(self._engine, account, mailbox, ranges)

    async def search(
        self, account: AccountId, mailbox: MailboxId, filter: Filter, progress: Progress | None = None
    ) -> Sequence[int]:
        """UIDs of one Mailbox that a filter takes, ascending.

        Looks through many messages in slices; between them `progress` is awaited, and it may be cancelled.
        """
        return await evaluate.search_slowly(self._engine, account, mailbox, filter, progress)

    # --- Emails and Threads (JMAP) ---------------------------------------------------------------

    async def emails(
        self, account: AccountId, ids: Sequence[int], *, facts: bool = True, parts: bool = False
    ) -> list[EmailRow]:
        """Emails by id, in the order asked for; ids that the account does not have are left out."""

        async def work(tx: Transaction) -> list[EmailRow]:
            return await emails.read(tx, account, ids, facts=facts, parts=parts)

        return await self.database.look(work) if len(ids) <= SHORT else await self.database.read(work)

    async def query(
        self,
        account: AccountId,
        filter: Filter,
        sort: Sequence[Sort],
        *,
        collapse_threads: bool = False,
        position: int = 0,
        limit: int = 256,
        anchor: int | None = None,
        anchor_offset: int = 0,
        total: bool = False,
    ) -> tuple[list[int], int, int | None, int]:
        """Ids of Emails (RFC 8620 section 5.5, RFC 8621 section 4.4); one Email appears once.

        Returns:
            The ids, the position of the first, the total if asked for, the email state they belong to.

        Raises:
            NotFound: the anchor is not in the result.
        """
        return await windows.window(
            self._engine, account, filter, sort, collapse_threads=collapse_threads, position=position,
            limit=limit, anchor=anchor, anchor_offset=anchor_offset, total=total,
        )  # fmt: skip

    async def look_into(
        self, account: AccountId, emails: Sequence[int], work: Callable[[SearchedMessage], T]
    ) -> dict[int, T]:
        """Do something with messages in a thread, and give what came of it by id.

        In slices, between which it may be cancelled. The caller has seen that the Emails are the account's.
        """
        return await evaluate.look_into(self._engine, account, emails, work)

    async def threads(self, account: AccountId, ids: Sequence[int]) -> list[tuple[ThreadId, tuple[int, ...]]]:
        """Threads by id with their Emails, oldest first (RFC 8621 section 3); unknown ids are left out."""

        async def work(tx: Transaction) -> list[tuple[ThreadId, tuple[int, ...]]]:
            return await threads.read_threads(tx, account, ids)

        return await self.database.look(work) if len(ids) <= SHORT else await self.database.read(work)

    async def update_emails(
        self, account: AccountId, updates: Sequence[EmailUpdate], *, if_modseq: int | None = None
    ) -> dict[int, Exception]:
        """Change keywords and Mailboxes of Emails in one transaction.

        Returns:
            For each Email that was not changed why: NotFound (Email or Mailbox), InvalidValue (no Mailbox
            would be left).

        Raises:
            StateMismatch: the email state is not `if_modseq`.
        """
        now_ms = self._engine.now_ms()
        return await self.database.write(lambda tx: emails.update(tx, account, updates, if_modseq, now_ms))

    async def destroy_emails(
        self, account: AccountId, ids: Sequence[int], *, if_modseq: int | None = None
    ) -> list[int]:
        """Remove Emails from all Mailboxes, in slices; gives those that were there. Undelete restores them.

        Raises:
            StateMismatch: the state of Emails is another than `if_modseq`; nothing is removed then.
        """
        return await bulk.destroy_emails(self._engine, account, ids, if_modseq)

    async def changes(self, account: AccountId, kind: str, since: int, limit: int) -> Changes | None:
        """Ids of a type ("email", "mailbox", "thread") that changed since a state; None: cannot tell."""
        return await self.database.read(lambda tx: changes.changes(tx, account, kind, since, limit))

    async def headers(self, account: AccountId, ids: Sequence[int]) -> list[tuple[int, bytes]]:
        """Give the header sections of many Emails, as (id, octets), in the order asked for.

        A section ends with its empty line. Emails that the account does not have are left out.
        """
        return await self._engine.reading(lambda blobs: reading.headers(blobs, account, ids))

    async def messages(
        self, account: AccountId, ids: Sequence[int], *, most_octets: int = 4 * 1024 * 1024
    ) -> list[tuple[int, bytes]]:
        """Give the exact octets of many Emails in one go, as (id, octets), in the order asked for.

        Emails that the account does not have are left out. Stops after the one with which `most_octets` is
        reached, so the caller asks again for what is missing.
        """
        return await self._engine.reading(lambda blobs: reading.messages(blobs, account, ids, most_octets))
