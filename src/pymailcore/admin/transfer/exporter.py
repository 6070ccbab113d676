"""Writes the mail of an account into files, beside a running server.

Holds a few megabytes of messages at a time. A message that cannot be read is noted and does not stop the
rest. What comes into a Mailbox while it is written may or may not be in the export.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from pymailcore.admin.transfer.flags import Flags
from pymailcore.admin.transfer.importer import MOST_FAILURES_KEPT, Failure, Progress
from pymailcore.base.errors import MailError, NotFound
from pymailcore.base.ids import AccountId, EmailId
from pymailcore.runtime.threads import run_in_thread
from pymailcore.store.keywords import keyword_names
from pymailcore.store.store import Store
from pymailcore.store.types import FetchRow, Mailbox, Want

_ROWS: Final = 500
_OCTETS: Final = 4 * 1024 * 1024
_LAST_UID: Final = 2**32 - 1


class Item(NamedTuple):
    """One message of a Mailbox."""

    uid: int
    email: int
    flags: Flags
    received_ms: int
    size_octets: int


@dataclass(slots=True)
class Exported:
    """What an export did.

    Attributes:
        known: were there already.
        changed: their octets could not be kept exactly (lone line ends in mbox).
        keywords_left: keywords for which the format had no room.
    """

    folders: int = 0
    messages: int = 0
    octets: int = 0
    known: int = 0
    changed: int = 0
    keywords_left: int = 0
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)

    def fail(self, folder: str, item: str, reason: str) -> None:
        """Note what was not written."""
        self.failed += 1
        if len(self.failures) < MOST_FAILURES_KEPT:
            self.failures.append(Failure(folder, item, reason))


class Writer(Protocol):
    """A format. All methods block and are called in a thread."""

    def begin(self, mailboxes: Sequence[Mailbox]) -> None:
        """Make ready for these Mailboxes."""
        ...

    def open(self, mailbox: Mailbox) -> None:
        """Begin a Mailbox."""
        ...

    def missing(self, items: Sequence[Item], summary: Exported) -> list[Item]:
        """Those that are not there yet; the others have their flags afterwards."""
        ...

    def write(self, item: Item, octets: bytes, summary: Exported) -> None:
        """Write a message."""
        ...

    def close(self) -> None:
        """End a Mailbox: what was written is on disk afterwards."""
        ...


class Exporter:
    """Exports from one account."""

    def __init__(self, store: Store, account: AccountId, writer: Writer, progress: Progress) -> None:
        self._store = store
        self._account = account
        self._writer = writer
        self._progress = progress
        self.summary = Exported()

    async def run(self, only: Sequence[str] = ()) -> Exported:
        """Write all Mailboxes, or some by their paths.

        Raises:
            NotFound: no Mailbox has such a path.
            OSError: the files cannot be written.
        """
        there = await self._store.mailboxes(self._account)
        for path in only:
            if await self._store.mailbox_named(self._account, path) is None:
                raise NotFound(f"there is no Mailbox {path!r}")
        wanted = {path.upper() if path.upper() == "INBOX" else path for path in only}
        chosen = [mailbox for mailbox in there if not wanted or mailbox.path in wanted]
        await run_in_thread(self._writer.begin, chosen)
        for mailbox in chosen:
            self._progress.begin(mailbox.path, mailbox.messages)
            await run_in_thread(self._writer.open, mailbox)
            try:
                await self._mailbox(mailbox)
            finally:
                await run_in_thread(self._writer.close)
            self.summary.folders += 1
            self._progress.end()
        return self.summary

    async def _mailbox(self, mailbox: Mailbox) -> None:
        last = 0
        while True:
            rows = await self._store.fetch(
                self._account, mailbox.id, ((last + 1, _LAST_UID),), Want.FACTS, limit=_ROWS
            )
            if not rows:
                return
            last = rows[-1].uid
            items = [_item(row) for row in rows]
            missing = await run_in_thread(self._writer.missing, items, self.summary)
            self.summary.known += len(items) - len(missing)
            self._progress.seen(len(items) - len(missing), 0)
            while missing:
                missing = await self._some(mailbox, missing)

    async def _some(self, mailbox: Mailbox, items: list[Item]) -> list[Item]:
        """Write the first of some messages; gives the others."""
        ids = list(dict.fromkeys(item.email for item in items))
        try:
            found = dict(await self._store.messages(self._account, ids, most_octets=_OCTETS))
        except (MailError, ValueError, OSError):
            found = await self._one(mailbox, items[0])
            ids = ids[:1]
        done = set(ids)
        if found and len(found) < len(ids):  # it stopped at a few megabytes; what is missing before has gone
            done = set(ids[: ids.index(list(found)[-1]) + 1])
        ready = [(item, found[item.email]) for item in items if item.email in found]
        await run_in_thread(self._write, ready)
        self._progress.seen(len(ready), sum(len(octets) for _, octets in ready))
        return [item for item in items if item.email not in done]

    async def _one(self, mailbox: Mailbox, item: Item) -> dict[int, bytes]:
        try:
            return {item.email: await self._store.message(self._account, EmailId(item.email))}
        except NotFound:
            return {}
        except (MailError, ValueError, OSError) as fault:
            self.summary.fail(mailbox.path, f"UID {item.uid}", str(fault) or type(fault).__name__)
            return {}

    def _write(self, ready: Sequence[tuple[Item, bytes]]) -> None:
        for item, octets in ready:
            self._writer.write(item, octets, self.summary)
            self.summary.messages += 1
            self.summary.octets += len(octets)


def _item(row: FetchRow) -> Item:
    flags = Flags(tuple(sorted(keyword_names(row.flags, row.extra))), bool(row.deleted))
    return Item(row.uid, row.email, flags, row.received_ms, row.size_octets)
