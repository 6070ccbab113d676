"""Values that the store takes and gives.

Times are whole milliseconds since 1970, UTC (`_ms`), because rows of them are made by the ten thousand;
sizes are octets; a modseq is the account's counter (RFC 7162 section 3.1; RFC 8620 section 5.1).
"""

import enum
from array import array
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar

from pymailcore.base.ids import AccountId, BlobId, EmailId, MailboxId, ModSeq, TenantId, ThreadId, Uid
from pymailcore.message.prepare import Prepared
from pymailcore.store.keywords import Keywords

T = TypeVar("T")
Row = tuple[Any, ...]
Numbers: TypeAlias = "array[int]"
"""Whole numbers of 64 bits, in eight octets each."""

ROLES: Final = ("inbox", "drafts", "sent", "junk", "trash", "archive")
"""Mailbox roles that every account has from its first day (RFC 8621 section 2, RFC 6154)."""


class Transaction(Protocol):
    """What a store operation may await; see `Database.write`.

    SQL takes its arguments as `?1`, `?2`, …; a list travels as one JSON argument (`json_each`). A statement
    that breaks a constraint raises AlreadyExists; the operation is then to end.
    """

    async def row(self, sql: str, *args: object) -> Row | None:
        """Run one statement and give its first row, or None."""
        ...

    async def rows(self, sql: str, *args: object) -> list[Row]:
        """Run one statement and give all its rows."""
        ...

    async def numbers(self, columns: int, sql: str, *args: object) -> Numbers:
        """Run one statement of so many columns, all of whole numbers, and give all its rows, end to end.

        For very many rows: eight octets a number, where a row of `rows` has some 130.
        """
        ...

    async def run(self, sql: str, *args: object) -> int:
        """Run one statement and give the number of rows that it changed."""
        ...

    async def run_many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run one statement for each row of arguments."""
        ...

    async def load(self, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
        """Put many rows into a table, the fastest way that there is; a bounded batch of them."""
        ...

    async def lock(self, table: str, ids: Iterable[int] = ()) -> None:
        """Keep other operations from changing rows, found by their ids, until this one has ended.

        Where several operations run at a time this comes before the first reading of what is to be changed.
        Without ids the lock is the name itself. Nothing on SQLite, which runs one operation at a time.
        """
        ...

    def announce(self, account: AccountId, modseq: int) -> None:
        """Once this is on disk, tell the listeners that the account is at this modseq."""
        ...


ReadWork = Callable[[Transaction], Awaitable[Any]]
"""A reading operation: rows only."""

Reading = Generator[ReadWork, Any, T]
"""Yields operations and is sent what they give; reads octets in between. See `store.reading`."""


class Database(Protocol):
    """One database under all of the product's tables."""

    @property
    def kind(self) -> str:
        """Which engine it is: "sqlite" or "postgresql"."""
        ...

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run an operation and return once it is on disk.

        `work` awaits only its transaction, may run more than once and changes nothing else; ids and times
        come from outside. Several operations share one commit.
        What `work` raises rolls back its own changes only, and is raised here. A cancelled caller waits for
        the outcome, which is then delivered or, when it is Cancelled, the operation was never begun.

        Raises:
            TemporaryFailure: the disk is full, or the database cannot be written now.
        """
        ...

    async def write_each(self, works: Sequence[Callable[[Transaction], Awaitable[T]]]) -> list[T]:
        """Run several operations in order, each a transaction of its own; slices of one long piece of work.

        The first failure is raised when all have ended; those that did not fail stay done.
        """
        ...

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation on one snapshot, outside of the trio loop."""
        ...

    async def read_long(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """The same for one that may last minutes (a backup, a check of everything)."""
        ...

    async def look(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation that is certain to be short on one snapshot.

        SQLite does it on the loop without a checkpoint; elsewhere it is as `read`.
        """
        ...

    async def settle(self) -> None:
        """Wait until every write that has begun by now has ended; on SQLite they take turns."""
        ...

    def freeze(self) -> AbstractAsyncContextManager[Callable[[str], Awaitable[None]]]:
        """Keep all processes from writing: once entered, nothing is being written, and reading goes on.

        Writers get TemporaryFailure, at once or after some seconds. It ends with the process that does it,
        unless what it gives was called, with a reason: then it stays until somebody undoes it by hand.
        """
        ...

    async def retired(self) -> str:
        """Why nothing is written here any more, as `freeze` was told; "" where that is not so."""
        ...

    def try_lock(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Hold a lock that one process of the whole site can have; gives whether it is ours.

        Raises:
            TemporaryFailure: it cannot be asked for now; or it was lost meanwhile, and what ran under it was
                cancelled.
        """
        ...

    async def join(self, name: str, first: Callable[[Transaction], Awaitable[T]]) -> T | None:
        """Be counted among the processes of the whole site that do something, until the store is closed.

        Args:
            first: an operation that is run only when no other process does it; gives its result, else None.
        """
        ...

    def tell(self, channel: int, value: int) -> None:
        """Pass a notice on to the processes of other nodes, where there are any; never blocks."""
        ...


class Mailbox(NamedTuple):
    r"""A Mailbox with its counters. `path` has `/` between levels; `name` is the leaf, `Inbox` for INBOX.

    Counters with an IMAP name count placements; those with a JMAP name count visible Emails and Threads
    (RFC 8621 section 2), where a placement with `\Deleted` does not exist.
    """

    id: MailboxId
    name: str
    path: str
    parent: MailboxId | None
    role: str | None
    sort_order: int
    subscribed: bool
    uid_validity: int
    uid_next: int
    highest_modseq: int
    messages: int
    unseen: int
    deleted: int
    size_octets: int
    total_emails: int
    unread_emails: int
    total_threads: int
    unread_threads: int


class Target(NamedTuple):
    """One place where a message is to be filed."""

    account: AccountId
    mailbox: MailboxId | str  # an id, or the role of one of the account's Mailboxes ("inbox")
    keywords: Keywords = Keywords()
    deleted: bool = False  # the placement has \\Deleted from the first


class Incoming(NamedTuple):
    """A message on its way in, with its places."""

    prepared: Prepared
    targets: Sequence[Target]
    received_ms: int


class Replaced(NamedTuple):
    """A message of a selected Mailbox that goes when another comes."""

    account: AccountId
    mailbox: MailboxId
    uid: int


class Appended(NamedTuple):
    """What filing gave the new Email."""

    account: AccountId
    email: EmailId
    thread: ThreadId
    blob: BlobId
    mailbox: MailboxId
    uid_validity: int
    uid: Uid
    modseq: ModSeq
    size_octets: int


class StoredMessage(NamedTuple):
    """A message whose octets are in packs; rows of the same transaction may name it.

    `recipe` rebuilds it (`Store.rebuild`); `keys` are the blobs that a row naming it must hold by
    `Store.hold_blobs`, or the collector takes them.
    """

    tenant: TenantId
    digest: bytes  # address of the whole message
    size_octets: int
    recipe: bytes
    keys: tuple[bytes, ...]


class Want(enum.IntFlag):
    """Columns of `Store.fetch` beyond uid, email, flags and modseq, which always come."""

    NONE = 0
    FACTS = 1  # size_octets, received_ms, thread
    ENVELOPE = 2
    BODY = 4
    BODYSTRUCTURE = 8
    PARTS = 16  # the packed part tree: message.structure.unpack
    SAVED = 32  # saved_ms
    PREVIEW = 64


class FetchRow(NamedTuple):
    """One message of a selected Mailbox; a column that was not wanted is None (or 0)."""

    uid: int
    email: int
    flags: int
    extra: str  # with `flags` a store.keywords.Keywords
    deleted: int  # 1: the placement has \\Deleted
    modseq: int
    size_octets: int = 0
    received_ms: int = 0
    thread: int = 0
    envelope: bytes | None = None
    body: bytes | None = None
    bodystructure: bytes | None = None
    parts: bytes | None = None
    saved_ms: int = 0  # when it came into this Mailbox (RFC 8514, SAVEDATE)
    preview: str | None = None


class Snapshot(NamedTuple):
    """A Mailbox as SELECT sees it."""

    mailbox: Mailbox
    uids: Sequence[int]  # array("I"), ascending
    first_unseen: int  # sequence number, 0 when all are seen


class MailboxDelta(NamedTuple):
    """What happened in a Mailbox after a modseq, for a selected view (RFC 7162 section 3.2)."""

    modseq: int  # the Mailbox's HIGHESTMODSEQ that this delta leads to
    arrived: tuple[int, ...]  # UIDs, ascending
    changed: tuple[FetchRow, ...]  # flags of messages that were there already
    expunged: tuple[int, ...]  # UIDs


class FlagChange(enum.Enum):
    """How STORE combines its flags with those there (RFC 9051 section 6.4.6)."""

    ADD = "+"
    REMOVE = "-"
    REPLACE = "="


class Copied(NamedTuple):
    """COPYUID of a COPY or MOVE (RFC 4315 section 3); both lists pair up by place."""

    uid_validity: int
    source: tuple[int, ...]
    destination: tuple[int, ...]


class EmailRow(NamedTuple):
    """An Email as JMAP sees it; `facts` is packed, see message.facts.unpack; None when not asked for."""

    id: int
    thread: int
    blob: BlobId
    size_octets: int
    received_ms: int
    flags: int
    extra: str
    mailboxes: tuple[int, ...]  # without placements that have \\Deleted
    facts: bytes | None = None
    parts: bytes | None = None


class Quota(NamedTuple):
    """Limits, or what is held; a limit of None is none."""

    octets: int | None = None
    emails: int | None = None
    mailboxes: int | None = None


class Kept(NamedTuple):
    """An expunged Email that can be brought back; `facts` is packed, see message.facts.unpack."""

    email: int
    path: str | None  # of the Mailbox that it left last; None when nobody knows that any more
    size_octets: int
    received_ms: int
    gone_ms: int
    flags: int
    extra: str
    facts: bytes


class RestoredMailbox(NamedTuple):
    """What came back to one Mailbox."""

    path: str
    messages: int
    made: bool  # the Mailbox was gone


class Restored(NamedTuple):
    """What an undelete brought back, or would."""

    emails: int  # that were in no Mailbox
    octets: int  # of these
    mailboxes: tuple[RestoredMailbox, ...]


class Changes(NamedTuple):
    """Ids that changed since a state (RFC 8620 section 5.2), and the state they lead to."""

    old_modseq: int
    new_modseq: int
    more: bool
    created: tuple[int, ...]
    updated: tuple[int, ...]
    destroyed: tuple[int, ...]
    counters_only: bool = False  # Mailbox: nothing but counters changed (RFC 8621 section 2.2)


class States(NamedTuple):
    """The account's modseq and its states, one for each JMAP data type."""

    modseq: int
    email: int
    mailbox: int
    thread: int
    identity: int
    submission: int


class EmailUpdate(NamedTuple):
    """One Email/set update (RFC 8621 section 4.6); None leaves a thing as it is."""

    email: EmailId
    keywords: Keywords | None = None  # the whole new set
    add: Keywords = Keywords()
    remove: Keywords = Keywords()
    mailboxes: frozenset[MailboxId] | None = None  # the whole new set
    add_mailboxes: frozenset[MailboxId] = frozenset()
    remove_mailboxes: frozenset[MailboxId] = frozenset()
