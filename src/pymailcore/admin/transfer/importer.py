"""Brings the mail of a source into an account, beside a running server.

Contract: a message and the note that it was imported are one transaction, so an import that was stopped,
killed or run again files nothing twice and leaves nothing out. One message that cannot be had or kept is
noted and does not stop the rest; a store that cannot write now is asked again for a while and then ends the
import.

Theory. Messages are filed in the order of the source, so that UIDs ascend as they did there. Some at a time
are one operation of the store, small enough that a server beside it is not held up; while it is written the
next ones are read and parsed. If an operation fails for one of its messages, each is filed alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import trio

from pymailcore.admin.transfer import memory
from pymailcore.admin.transfer.source import BadSource, Entry, Folder, FolderReader, Source
from pymailcore.admin.transfer.targets import VIEWS, Targets, roles_of
from pymailcore.base.errors import AlreadyExists, InvalidValue, MailError, PermanentFailure, TemporaryFailure
from pymailcore.base.ids import AccountId, EmailId, MailboxId, TenantId
from pymailcore.store.keywords import keywords_of
from pymailcore.store.store import Store
from pymailcore.store.types import Appended, EmailUpdate, Incoming, Mailbox, Target, Transaction

BATCH_MESSAGES: Final = 20
BATCH_OCTETS: Final = 1024 * 1024
MOST_FAILURES_KEPT: Final = 1_000
_PAUSES_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What an import is to do.

    Attributes:
        most_octets: longer messages are noted and left out.
        sync_flags: messages that are here already get the keywords that they have in the source.
        roles: path of a folder to its role; "" for none.
        prefix: path below which everything goes.
        only: paths of folders to take; none for all but those that show messages of others.
        leave: paths of folders to leave out.
        now_ms: the clock, for messages that nobody knows the time of.
    """

    most_octets: int
    now_ms: Callable[[], int]
    sync_flags: bool = False
    dry_run: bool = False
    roles: Mapping[str, str] = field(default_factory=dict)
    prefix: str | None = None
    only: frozenset[str] = frozenset()
    leave: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Failure:
    """A message, or a folder, that did not come."""

    folder: str
    item: str
    reason: str


@dataclass(slots=True)
class Summary:
    """What an import did.

    Attributes:
        messages: filed; in a dry run, those that would be.
        known: were here already.
        placed: were here already from another folder and are in one more Mailbox now.
        left: folders that were left out, as they show messages of others.
        failed: messages and folders that did not come; the first of them are in `failures`.
        stopped: why the import ended before its end.
    """

    folders: int = 0
    messages: int = 0
    octets: int = 0
    known: int = 0
    updated: int = 0
    placed: int = 0
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    stopped: str = ""

    def fail(self, folder: str, item: str, reason: str) -> None:
        """Note what did not come."""
        self.failed += 1
        if len(self.failures) < MOST_FAILURES_KEPT:
            self.failures.append(Failure(folder, item, reason))


class Progress(Protocol):
    """Who watches."""

    def begin(self, path: str, total: int | None = None) -> None:
        """A folder begins; it has so many messages, as far as that is known."""
        ...

    def seen(self, messages: int, octets: int) -> None:
        """So many messages are dealt with, of which so many octets were read."""
        ...

    def end(self) -> None:
        """The folder is done."""
        ...


class Importer:
    """Imports into one account.

    Args:
        new_id: mints ids.
    """

    def __init__(
        self,
        store: Store,
        new_id: Callable[[], int],
        account: AccountId,
        tenant: TenantId,
        options: ImportOptions,
        progress: Progress,
    ) -> None:
        self._store = store
        self._new_id = new_id
        self._account = account
        self._tenant = tenant
        self._options = options
        self._progress = progress
        self._targets = Targets(store, account, options.prefix)
        self.summary = Summary()

    async def run(self, source: Source) -> Summary:
        """Bring everything; what went wrong is in the summary.

        Raises:
            BadSource: there is nothing to read.
            InvalidValue: an option names a folder that is not there.
        """
        folders = await source.folders()
        try:
            roles = roles_of(folders, self._options.roles)
            for folder in self._chosen(folders, roles):
                await self._folder(source, folder, roles.get(folder.key))
        except* TemporaryFailure as faults:
            fault: BaseException = faults
            while isinstance(fault, BaseExceptionGroup):
                fault = fault.exceptions[0]
            self.summary.stopped = str(fault) or "the store cannot take anything now"
        return self.summary

    def _chosen(self, folders: Sequence[Folder], roles: Mapping[str, str]) -> list[Folder]:
        """Folders to take: those that show all mail last, when what is elsewhere is known."""
        options = self._options
        unknown = (options.only | options.leave) - {folder.path for folder in folders}
        if unknown:
            raise InvalidValue(f"the source has no folder {sorted(unknown)[0]!r}")
        chosen = []
        for folder in folders:
            if not folder.selectable:
                continue  # it comes as the parent of what it holds, if that comes
            if folder.path in options.leave or (options.only and folder.path not in options.only):
                continue
            view = roles.get(folder.key) in VIEWS
            if view and not options.only and not (roles[folder.key] == "all" and folder.identities):
                self.summary.left.append(folder.path)
                continue
            chosen.append(folder)
        return sorted(chosen, key=lambda folder: roles.get(folder.key) == "all")

    async def _folder(self, source: Source, folder: Folder, role: str | None) -> None:
        summary, options = self.summary, self._options
        mailbox = await self._mailbox(folder, role)
        summary.folders += 1
        if mailbox is not None or options.dry_run:
            try:
                reader = await source.open(folder)
                self._progress.begin(folder.path, reader.messages)
                try:
                    filing = await self._filing(source, folder, mailbox, only_new=role == "all")
                    await filing.check(reader)
                    await filing.run(reader)
                finally:
                    reader.close()
                    self._progress.end()
            except BadSource as fault:
                summary.fail(folder.path, "", str(fault))

    async def _mailbox(self, folder: Folder, role: str | None) -> Mailbox | None:
        if self._options.dry_run:
            return await self._targets.find(folder, role)
        try:
            return await self._targets.find_or_make(folder, role)
        except PermanentFailure as fault:
            self.summary.fail(folder.path, "", str(fault))
            return None

    async def _filing(
        self, source: Source, folder: Folder, mailbox: Mailbox | None, *, only_new: bool
    ) -> "_Filing":
        account, database = self._account, self._store.database
        dry, ids = self._options.dry_run, (self._new_id(), self._new_id())

        async def work(tx: Transaction) -> list[int]:
            keys = (folder.key, memory.WHOLE_SOURCE)
            if dry:
                return [await memory.remembered(tx, account, source.name, key) or 0 for key in keys]
            return [
                await memory.remember(tx, account, source.name, key, new_id)
                for key, new_id in zip(keys, ids, strict=True)
            ]

        number, whole = await (database.read(work) if dry else database.write(work))
        return _Filing(
            store=self._store,
            account=account,
            tenant=self._tenant,
            options=self._options,
            progress=self._progress,
            summary=self.summary,
            folder=folder,
            mailbox=None if mailbox is None else mailbox.id,
            number=number,
            whole=whole,
            only_new=only_new,
        )


@dataclass(slots=True, kw_only=True)
class _Filing:
    """One folder on its way.

    Attributes:
        mailbox: None in a dry run that would make it.
        number, whole: the memory of the folder, and of the source; 0 in a dry run that would begin it.
        only_new: leave out what came from another folder already.
    """

    store: Store
    account: AccountId
    tenant: TenantId
    options: ImportOptions
    progress: Progress
    summary: Summary
    folder: Folder
    mailbox: MailboxId | None
    number: int
    whole: int
    only_new: bool
    batch: list[tuple[Entry, Incoming]] = field(default_factory=list)
    batch_octets: int = 0
    nursery: trio.Nursery | None = None
    busy: trio.Lock = field(default_factory=trio.Lock)

    async def check(self, reader: FolderReader) -> None:
        """Refuse a folder whose items mean something else than when they were imported.

        Raises:
            BadSource: they do; everything would come again.
        """
        begun = await self.store.database.read(lambda tx: memory.begun(tx, self.number))
        if begun is not None and reader.generation and not begun.startswith(reader.generation + ":"):
            raise BadSource(
                "the server has numbered it anew (UIDVALIDITY), so that everything would come again;"
                " import it under another name by --as, or after `forget`"
            )

    async def run(self, reader: FolderReader) -> None:
        """Bring what is not here yet.

        Raises:
            BadSource: it breaks off; what was read until then is filed.
        """
        broken: BadSource | None = None
        async with trio.open_nursery() as self.nursery:
            try:
                while entries := await reader.next():
                    await self._batch_of(reader, await self._fresh(entries))
            except BadSource as fault:  # not through the nursery, which would make a group of it
                broken = fault
            finally:
                await self._flush()
                await self._settle()
        if broken is not None:
            raise broken

    async def _batch_of(self, reader: FolderReader, fresh: Sequence[Entry]) -> None:
        if fresh and not self.options.dry_run:
            await reader.read(fresh, self)
        elif fresh:
            self.summary.messages += len(fresh)
            self.summary.octets += sum(entry.size_octets for entry in fresh)
            self.progress.seen(len(fresh), 0)

    async def _fresh(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those of a batch that are to be read; deals with the others."""
        items = await self._known(self.number, [entry.item for entry in entries])
        there = [entry for entry in entries if memory.plain(entry.item) in items]
        fresh = [entry for entry in entries if memory.plain(entry.item) not in items]
        self.summary.known += len(there)
        self.progress.seen(len(there), 0)
        if there and self.options.sync_flags:
            await self._sync(there, [items[memory.plain(entry.item)] for entry in there])
        named = [entry.identity for entry in fresh if entry.identity is not None]
        if named:
            fresh = await self._elsewhere(fresh, await self._known(self.whole, named))
        large = [entry for entry in fresh if entry.size_octets > self.options.most_octets]
        for entry in large:
            self.fail(entry, f"{entry.size_octets} octets; {self.options.most_octets} are allowed")
        return [entry for entry in fresh if entry.size_octets <= self.options.most_octets] if large else fresh

    async def _known(self, number: int, items: Sequence[str]) -> dict[str, int]:
        return await self.store.database.read(lambda tx: memory.known(tx, number, items))

    async def _elsewhere(self, entries: Sequence[Entry], known: Mapping[str, int]) -> list[Entry]:
        """Put Emails that came from another folder into this Mailbox, too; gives the entries that did not."""
        fresh = []
        seen: set[str | None] = {None}
        for entry in entries:
            email = known.get(memory.plain(entry.identity or ""))
            if email is None:  # what a folder has twice comes twice
                fresh.append(replace(entry, identity=None) if entry.identity in seen else entry)
                seen.add(entry.identity)
                continue
            self.progress.seen(1, 0)
            if self.only_new or self.options.dry_run or self.mailbox is None:
                self.summary.known += 1
                continue
            update = EmailUpdate(EmailId(email), add_mailboxes=frozenset({self.mailbox}))
            if await self.store.update_emails(self.account, [update]):
                fresh.append(entry)  # it is gone from the account since
                continue
            await self._note(entry.item, email)
            self.summary.placed += 1
        return fresh

    async def _note(self, item: str, email: int) -> None:
        await self.store.database.write(lambda tx: memory.note(tx, self.number, item, email))

    async def _sync(self, entries: Sequence[Entry], emails: Sequence[int]) -> None:
        rows = {row.id: row for row in await self.store.emails(self.account, emails, facts=False)}
        updates = []
        for entry, email in zip(entries, emails, strict=True):
            row, keywords = rows.get(email), keywords_of(entry.keywords)
            if row is not None and keywords != (row.flags, row.extra):
                updates.append(EmailUpdate(EmailId(email), keywords=keywords))
        if updates and not self.options.dry_run:
            await self.store.update_emails(self.account, updates)
        self.summary.updated += len(updates)

    # --- what a source brings ---------------------------------------------------------------------

    async def take(self, entry: Entry, octets: bytes, received_ms: int | None) -> None:
        """Put a message to those that are filed next."""
        if not octets:
            self.fail(entry, "it is empty")
            return
        size = len(octets)
        if size > self.options.most_octets:
            self.fail(entry, f"{size} octets; {self.options.most_octets} are allowed")
            return
        prepared = await self.store.prepare(octets)
        mailbox = self.mailbox
        assert mailbox is not None  # noqa: S101 - only a dry run has none
        target = Target(self.account, mailbox, keywords_of(entry.keywords), entry.deleted)
        time_ms = self.options.now_ms() if received_ms is None else received_ms
        if self.batch and self.batch_octets + size > BATCH_OCTETS:
            await self._flush()
        self.batch.append((entry, Incoming(prepared, [target], time_ms)))
        self.batch_octets += size
        if len(self.batch) >= BATCH_MESSAGES or self.batch_octets >= BATCH_OCTETS:
            await self._flush()
        if size >= BATCH_OCTETS:  # one large message in memory at a time
            await self._settle()

    def fail(self, entry: Entry, reason: str) -> None:
        """Note a message that does not come."""
        self.summary.fail(self.folder.path, entry.item, reason)
        self.progress.seen(1, 0)

    async def _flush(self) -> None:
        """Let what was gathered be filed, once what was gathered before is."""
        batch, self.batch, self.batch_octets = self.batch, [], 0
        await self._settle()
        if batch and self.nursery is not None:
            await self.nursery.start(self._file, batch)

    async def _settle(self) -> None:
        """Wait until nothing is on its way."""
        async with self.busy:
            pass

    async def _file(
        self,
        batch: Sequence[tuple[Entry, Incoming]],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        async with self.busy:
            task_status.started()
            if not await self._try(batch):
                for one in batch:
                    await self._try([one])

    async def _try(self, batch: Sequence[tuple[Entry, Incoming]]) -> bool:
        """File some messages; False: nothing was filed, and it was more than one."""
        for pause in (*_PAUSES_SECONDS, None):
            try:
                await self._append(batch)
            except TemporaryFailure:
                if pause is None:
                    raise
                await trio.sleep(pause)
            except MailError as fault:
                if len(batch) > 1:
                    return False
                ((entry, _),) = batch
                if isinstance(fault, AlreadyExists):
                    self.summary.known += 1
                    self.progress.seen(1, 0)
                else:
                    self.fail(entry, str(fault) or type(fault).__name__)
                return True
            else:
                octets = sum(one.prepared.size_octets for _, one in batch)
                self.summary.messages += len(batch)
                self.summary.octets += octets
                self.progress.seen(len(batch), octets)
                return True
        raise AssertionError("not reached")

    async def _append(self, batch: Sequence[tuple[Entry, Incoming]]) -> None:
        async def note(tx: Transaction, filed: list[list[Appended]]) -> None:
            for (entry, _), (appended,) in zip(batch, filed, strict=True):
                await memory.note(tx, self.number, entry.item, appended.email)
                if entry.identity is not None:
                    await memory.note(tx, self.whole, entry.identity, appended.email)

        await self.store.append_many([one for _, one in batch], tenant=self.tenant, note=note)
