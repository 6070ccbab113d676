"""Imports and exports over a store of a test."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.stores import Opened

from pymailcore.admin.transfer.exporter import Exported, Exporter, Writer
from pymailcore.admin.transfer.importer import Importer, ImportOptions, Summary
from pymailcore.admin.transfer.source import BadSource, Entry, Folder, FolderReader, Source, Taker
from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT, EmailId
from pymailcore.store.keywords import keyword_names
from pymailcore.store.types import Want

NOW_MS = 1_790_000_000_000


class Silent:
    """A watcher that counts."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.count = 0

    def begin(self, path: str, total: int | None = None) -> None:  # noqa: ARG002
        self.paths.append(path)

    def seen(self, messages: int, octets: int) -> None:  # noqa: ARG002
        self.count += messages

    def end(self) -> None:
        """Nothing to show."""


class Basket:
    """Takes what a source brings."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.taken: dict[str, tuple[bytes, int | None]] = {}
        self.failed: dict[str, str] = {}

    async def take(self, entry: Entry, octets: bytes, received_ms: int | None) -> None:
        self.taken[entry.item] = octets, received_ms

    def fail(self, entry: Entry, reason: str) -> None:
        self.failed[entry.item] = reason


async def bring(opened: Opened, source: Source, **options: Any) -> Summary:  # noqa: ANN401 - of ImportOptions
    """Import into the account of the store."""
    settings = ImportOptions(**{"most_octets": 1_000_000, "now_ms": lambda: NOW_MS, **options})
    ids = opened.store._engine.ids
    importer = Importer(opened.store, ids.new, opened.account, DEFAULT_TENANT, settings, Silent())
    try:
        return await importer.run(source)
    finally:
        await source.close()


async def take_out(opened: Opened, writer: Writer, only: Sequence[str] = ()) -> Exported:
    """Export from the account of the store."""
    return await Exporter(opened.store, opened.account, writer, Silent()).run(only)


Mail = tuple[bytes, tuple[str, ...], bool, int]


async def mail_of(opened: Opened) -> dict[str, list[Mail]]:
    r"""All mail by path: octets, keywords, `\Deleted`, INTERNALDATE, by UID; empty Mailboxes are left out."""
    found: dict[str, list[Mail]] = {}
    for mailbox in await opened.store.mailboxes(opened.account):
        rows = await opened.store.fetch(opened.account, mailbox.id, [(1, 2**32 - 1)], Want.FACTS)
        for row in rows:
            octets = await opened.store.message(opened.account, EmailId(row.email))
            keywords = tuple(sorted(keyword_names(row.flags, row.extra)))
            found.setdefault(mailbox.path, []).append((octets, keywords, bool(row.deleted), row.received_ms))
    return found


@dataclass
class ListSource:
    """A source that holds its messages: folder to entries with octets (or why not) and times."""

    mail: dict[Folder, list[tuple[Entry, bytes | str, int | None]]]
    name: str = "list"
    generation: str = ""
    batch: int = 100
    reads: list[str] = field(default_factory=list)
    closed: int = 0
    cut_after: int | None = None

    async def folders(self) -> list[Folder]:
        if not self.mail:
            raise BadSource("nothing")
        return list(self.mail)

    async def open(self, folder: Folder) -> FolderReader:
        return _ListReader(self, self.mail[folder])

    async def close(self) -> None:
        self.closed += 1


class _ListReader:
    def __init__(self, source: ListSource, mail: list[tuple[Entry, bytes | str, int | None]]) -> None:
        self._source = source
        self._mail = list(mail)
        self.generation = source.generation
        self.messages = len(mail)

    async def next(self) -> list[Entry]:
        some, self._mail = self._mail[: self._source.batch], self._mail[self._source.batch :]
        self._some = {entry.item: (octets, time) for entry, octets, time in some}
        return [entry for entry, _, _ in some]

    async def read(self, entries: Sequence[Entry], taker: Taker) -> None:
        for entry in entries:
            if self._source.cut_after is not None and len(self._source.reads) >= self._source.cut_after:
                raise TemporaryFailure("the line is cut")
            self._source.reads.append(entry.item)
            octets, time = self._some[entry.item]
            if isinstance(octets, str):
                taker.fail(entry, octets)
            else:
                await taker.take(entry, octets, time)

    def close(self) -> None:
        self._source.closed += 1


def an_entry(item: str, size: int = 1, **changes: Any) -> Entry:  # noqa: ANN401 - of Entry
    """An entry without flags."""
    return Entry(
        **{"item": item, "keywords": (), "deleted": False, "size_octets": size, "place": None, **changes}
    )
