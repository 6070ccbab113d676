"""Accounts' mail: the one interface that delivery, IMAP and JMAP share."""

from collections.abc import Awaitable, Callable, Sequence

from pymailcore.base.ids import AccountId, BlobId, EmailId, MailboxId, TenantId, ThreadId
from pymailcore.message.prepare import Prepared
from pymailcore.store.keywords import Keywords
from pymailcore.store.query import Filter, Sort
from pymailcore.store.types import (
    Appended,
    Changes,
    Copied,
    Database,
    EmailRow,
    EmailUpdate,
    FetchRow,
    FlagChange,
    Mailbox,
    MailboxDelta,
    Snapshot,
    States,
    StoredMessage,
    Target,
    Transaction,
    Want,
)


class Store:
    """Accounts, Mailboxes, Emails, blobs of one installation.

    Made by `store.opening.open_store`. Every method that writes returns once the change is on disk, and
    then tells `notify(account, modseq)` for each account that changed.
    """

    database: Database

    # --- accounts -------------------------------------------------------------------------------

    async def create_account(self, tx: Transaction, account: AccountId, tenant: TenantId) -> None:
        """Give an account its Mailboxes with their roles, inside the caller's transaction (directory)."""
        raise NotImplementedError

    async def remove_account(self, account: AccountId) -> None:
        """Remove all mail of an account, in slices."""
        raise NotImplementedError

    async def states(self, account: AccountId) -> States:
        """The account's counters. Short: read on the loop."""
        raise NotImplementedError

    async def bump(self, tx: Transaction, account: AccountId, kind: str) -> int:
        """Take a modseq for a change of data that other packages keep ("identity", "submission")."""
        raise NotImplementedError

    # --- putting mail in ------------------------------------------------------------------------

    async def prepare(self, octets: bytes) -> Prepared:
        """Parse and split a message: on the loop when it is small, in a thread when it is not."""
        raise NotImplementedError

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
        raise NotImplementedError

    async def hold_blobs(self, tx: Transaction, message: StoredMessage, owner: int) -> None:
        """Keep a message's blobs for a row of another package (the queue), whose id is `owner`."""
        raise NotImplementedError

    async def release_blobs(self, tx: Transaction, owner: int) -> None:
        """Let go of what `hold_blobs` kept."""
        raise NotImplementedError

    async def rebuild(self, tenant: TenantId, recipe: bytes) -> bytes:
        """Give the exact octets of a stored message."""
        raise NotImplementedError

    # --- blobs ----------------------------------------------------------------------------------

    async def upload(self, account: AccountId, octets: bytes, *, now_ms: int) -> BlobId:
        """Keep octets for a client for a day (RFC 8620 section 6.1).

        Raises:
            OverQuota: the account holds too many uploads.
        """
        raise NotImplementedError

    async def blob(self, account: AccountId, blob: BlobId) -> bytes:
        """Give the octets of a blob that this account may see: an upload, an Email, a part of an Email.

        Raises:
            NotFound: no such blob, or the account has no claim to it; the two look the same.
        """
        raise NotImplementedError

    async def message(self, account: AccountId, email: EmailId) -> bytes:
        """Give the exact octets of an Email.

        Raises:
            NotFound: the account has no such Email.
        """
        raise NotImplementedError

    # --- Mailboxes ------------------------------------------------------------------------------

    async def mailboxes(self, account: AccountId) -> list[Mailbox]:
        """All Mailboxes of an account, ordered by sort order and path."""
        raise NotImplementedError

    async def mailbox_named(self, account: AccountId, path: str) -> Mailbox | None:
        """Find a Mailbox by its path; `INBOX` in any case is the one with the role inbox."""
        raise NotImplementedError

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
        raise NotImplementedError

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
        raise NotImplementedError

    async def remove_mailbox(self, account: AccountId, mailbox: MailboxId, *, with_emails: bool) -> None:
        """Remove a Mailbox; Emails that are in no other go with it if asked.

        Raises:
            NotFound: no such Mailbox.
            NotEmpty: it has children, or has Emails and `with_emails` is False.
            Forbidden: it is the Inbox.
        """
        raise NotImplementedError

    # --- a selected Mailbox (IMAP) ---------------------------------------------------------------

    async def snapshot(self, account: AccountId, mailbox: MailboxId) -> Snapshot:
        """A Mailbox with its UIDs, all from one moment.

        Raises:
            NotFound: no such Mailbox.
        """
        raise NotImplementedError

    async def delta(self, account: AccountId, mailbox: MailboxId, since: int) -> MailboxDelta | None:
        """What happened after a modseq; None when the change log does not reach back, or it is gone."""
        raise NotImplementedError

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
        raise NotImplementedError

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
        raise NotImplementedError

    async def copy(
        self, account: AccountId, mailbox: MailboxId, ranges: Sequence[tuple[int, int]], to: MailboxId
    ) -> Copied:
        """COPY inside one account: all or nothing; new placements of the same Emails.

        Raises:
            NotFound: the destination is gone.
        """
        raise NotImplementedError

    async def move(
        self, account: AccountId, mailbox: MailboxId, ranges: Sequence[tuple[int, int]], to: MailboxId
    ) -> Copied:
        """MOVE inside one account (RFC 6851), in slices; each message is moved whole or not at all."""
        raise NotImplementedError

    async def expunge(
        self, account: AccountId, mailbox: MailboxId, ranges: Sequence[tuple[int, int]] | None
    ) -> list[int]:
        r"""Remove the placements that have `\Deleted` (in the ranges); gives their UIDs, ascending."""
        raise NotImplementedError

    async def search(
        self,
        account: AccountId,
        mailbox: MailboxId,
        filter: Filter,  # noqa: A002 - the word of the standard
    ) -> list[int]:
        """UIDs of the messages of one Mailbox that a filter takes, ascending."""
        raise NotImplementedError

    # --- Emails and Threads (JMAP) ---------------------------------------------------------------

    async def emails(
        self, account: AccountId, ids: Sequence[int], *, facts: bool = True, parts: bool = False
    ) -> list[EmailRow]:
        """Emails by id, in the order asked for; ids that the account does not have are left out."""
        raise NotImplementedError

    async def query(
        self,
        account: AccountId,
        filter: Filter,  # noqa: A002 - the word of the standard
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
        raise NotImplementedError

    async def threads(self, account: AccountId, ids: Sequence[int]) -> list[tuple[ThreadId, tuple[int, ...]]]:
        """Threads by id with their Emails, oldest first (RFC 8621 section 3); unknown ids are left out."""
        raise NotImplementedError

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
        raise NotImplementedError

    async def destroy_emails(
        self, account: AccountId, ids: Sequence[int], *, if_modseq: int | None = None
    ) -> list[int]:
        """Remove Emails from all Mailboxes, for good; gives those that were there."""
        raise NotImplementedError

    async def changes(self, account: AccountId, kind: str, since: int, limit: int) -> Changes | None:
        """Ids of a type ("email", "mailbox", "thread") that changed since a state; None: cannot tell."""
        raise NotImplementedError
