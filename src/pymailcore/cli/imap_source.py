"""Another IMAP server as a source of an import: only read, by EXAMINE and BODY.PEEK.

Standards: RFC 3501 sections 6.3.2 and 6.4.5, RFC 2342 section 5 (NAMESPACE), RFC 5258 section 3
(LIST-EXTENDED), RFC 6154 section 5 (SPECIAL-USE), RFC 8474 section 4 (EMAILID).

Theory. A folder is listed by windows of message numbers, which are dense, where UIDs may be far apart.
Numbers shift when the server expunges, and may be all different after a reconnect: then the listing begins
again and passes over UIDs that it has given. A message is named by UIDVALIDITY and UID. When the connection
breaks while messages come, those that are missing are asked for again, fewer at a time; a message that breaks
it twice by itself is given up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from pymailcore.admin.transfer.flags import flags_of
from pymailcore.admin.transfer.names import clean_path, decode_level
from pymailcore.admin.transfer.source import BadSource, Entry, Folder, FolderReader, Taker
from pymailcore.imap.client import (
    Examined,
    ImapClient,
    ImapPlace,
    ServerGone,
    ServerRefused,
    Tls,
    open_client,
)
from pymailcore.imap.protocol.client import number_set
from pymailcore.imap.protocol.client_responses import Expunged, Fetched, Listed, Namespaces, Response

__all__ = ["ImapPlace", "ImapSource", "Tls"]

WINDOW: Final = 500
BATCH_MESSAGES: Final = 200
BATCH_OCTETS: Final = 4 * 1024 * 1024
MAX_FOLDERS: Final = 100_000
TRIES: Final = 5
"""So often in a row a connection may break without a step forward."""

_ROLES: Final = {
    "\\all": "all",
    "\\allmail": "all",
    "\\archive": "archive",
    "\\drafts": "drafts",
    "\\flagged": "flagged",
    "\\starred": "flagged",
    "\\important": "important",
    "\\inbox": "inbox",
    "\\junk": "junk",
    "\\spam": "junk",
    "\\sent": "sent",
    "\\trash": "trash",
}


class ImapSource:
    """A server, logged in as one user.

    Args:
        name: names the source instead of user and host, so that it is known again elsewhere.
        pause_seconds: before the first reconnect; doubles with each.
    """

    def __init__(
        self, place: ImapPlace, *, most_octets: int, name: str | None = None, pause_seconds: float = 1.0
    ) -> None:
        self.name = name or f"imap:{place.user}@{place.host}"
        self._place = place
        self._most = most_octets
        self._pause_seconds = pause_seconds
        self._client: ImapClient | None = None
        self._names: dict[str, bytes] = {}

    async def client(self) -> ImapClient:
        """The connection; a new one after `drop`."""
        if self._client is None:
            self._client = await open_client(self._place, message_octets=self._most)
        return self._client

    async def drop(self, fault: ServerGone, tries: int) -> None:
        """Forget the connection that broke, and wait a little.

        Raises:
            ServerGone: it broke too often.
        """
        await self.close()
        if tries >= TRIES:
            raise fault
        await trio.sleep(self._pause_seconds * 2**tries)

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    @property
    def identity_item(self) -> bytes:
        """What names a message in all folders of this server; b"" when nothing does."""
        known = self._client.capabilities if self._client is not None else frozenset()
        if "X-GM-EXT-1" in known:
            return b"X-GM-MSGID"
        return b"EMAILID" if "OBJECTID" in known else b""

    async def folders(self) -> list[Folder]:
        """Ask for all folders of the user; the first connection has one try."""
        await self.client()
        tries = 0
        while True:
            try:
                return await self._list(await self.client())
            except ServerGone as fault:
                await self.drop(fault, tries)
                tries += 1

    async def _list(self, client: ImapClient) -> list[Folder]:
        found: dict[bytes, Listed] = {}
        subscribed: set[bytes] = set()
        namespaces = Namespaces((), ())

        async def listen(event: Response) -> None:
            nonlocal namespaces
            if isinstance(event, Namespaces):
                namespaces = event
            elif isinstance(event, Listed) and event.lsub:
                subscribed.add(event.name)
            elif isinstance(event, Listed):
                found[event.name] = event
            if max(len(found), len(subscribed)) > MAX_FOLDERS:
                raise BadSource(f"the server has more than {MAX_FOLDERS} folders")

        known = client.capabilities
        if "NAMESPACE" in known:
            await client.run(b"NAMESPACE", listen=listen)
        extended = "LIST-EXTENDED" in known
        wanted = b"SUBSCRIBED SPECIAL-USE" if "SPECIAL-USE" in known else b"SUBSCRIBED"
        await client.run(
            b'LIST "" "*"' + (b" RETURN (" + wanted + b")" if extended else b""),
            listen=listen,
        )
        if not extended:
            await client.run(b'LSUB "" "*"', listen=listen)
        folders = []
        for name, listed in found.items():
            if any(prefix and name.startswith(prefix) for prefix, _ in namespaces.foreign):
                continue
            on = "\\subscribed" in listed.attributes if extended else name in subscribed
            folders.append(self._folder(listed, namespaces, subscribed=on))
        return sorted(folders, key=lambda folder: folder.path != "INBOX")

    def _folder(self, listed: Listed, namespaces: Namespaces, *, subscribed: bool) -> Folder:
        name = listed.name
        for prefix, _ in namespaces.personal:
            if prefix and name.upper().startswith(prefix.upper()) and len(name) > len(prefix):
                name = name[len(prefix) :]
                break
        whole = decode_level(name)
        levels = whole.split(listed.delimiter) if listed.delimiter else [whole]
        if levels[0].upper() == "INBOX":
            levels[0] = "INBOX"
        key = listed.name.decode("utf-8", "backslashreplace")
        self._names[key] = listed.name
        return Folder(
            key=key,
            path=clean_path([level for level in levels if level] or ["_"]),
            role=next((_ROLES[one] for one in sorted(listed.attributes) if one in _ROLES), None),
            subscribed=subscribed,
            selectable=not listed.attributes & {"\\noselect", "\\nonexistent"},
            identities=bool(self.identity_item),
        )

    async def open(self, folder: Folder) -> FolderReader:
        """Open a folder."""
        reader = _Reader(self, folder.path, self._names[folder.key])
        tries = 0
        while True:
            try:
                await reader.examine()
            except ServerRefused as fault:
                raise BadSource(f"the server does not open it: {fault}") from fault
            except ServerGone as fault:
                await self.drop(fault, tries)
                tries += 1
            else:
                return reader


@dataclass(slots=True)
class _Reader:
    """An open folder.

    Attributes:
        next_seq: where the next window begins.
        last_uid: the greatest UID given so far.
    """

    source: ImapSource
    path: str
    name: bytes
    examined: Examined | None = None
    on: ImapClient | None = None
    next_seq: int = 1
    last_uid: int = 0
    rows: list[Fetched] = field(default_factory=list)

    @property
    def generation(self) -> str:
        """What UIDs mean as long as it stays the same."""
        return str(self.examined.uid_validity) if self.examined is not None else ""

    @property
    def messages(self) -> int | None:
        """As the server has counted."""
        return None if self.examined is None else self.examined.messages

    async def examine(self) -> ImapClient:
        """Have the folder open on the connection that there is.

        Raises:
            BadSource: UIDs mean something else than before.
        """
        client = await self.source.client()
        if client is not self.on:
            before = self.examined
            self.examined = await client.examine(self.name)
            self.on = client
            self.next_seq = 1
            if before is not None and before.uid_validity != self.examined.uid_validity:
                raise BadSource("the folder was made anew meanwhile; run the import again")
        return client

    async def next(self) -> list[Entry]:
        """List a window of the folder."""
        tries = 0
        while True:
            try:
                client = await self.examine()
                if self.examined is None or self.next_seq > self.examined.messages:
                    return []
                entries = await self._window(client)
            except ServerGone as fault:
                await self.source.drop(fault, tries)
                tries += 1
            except ServerRefused as fault:
                raise BadSource(f"the server does not list it: {fault}") from fault
            else:
                if entries:
                    return entries

    async def _window(self, client: ImapClient) -> list[Entry]:
        assert self.examined is not None  # noqa: S101 - for the type checker
        first, last = self.next_seq, min(self.next_seq + WINDOW - 1, self.examined.messages)
        self.rows = []
        items = b"UID FLAGS INTERNALDATE RFC822.SIZE"
        identity = self.source.identity_item
        if identity:
            items += b" " + identity
        await client.run(b"FETCH %d:%d (%b)" % (first, last, items), listen=self._listen)
        self.next_seq += last - first + 1
        fresh = sorted((row for row in self.rows if row.uid > self.last_uid), key=lambda row: row.uid)
        self.rows = []
        if fresh:
            self.last_uid = fresh[-1].uid
        return [self._entry(row) for row in fresh]

    def _entry(self, row: Fetched) -> Entry:
        flags = flags_of(row.flags or ())
        return Entry(
            item=f"{self.generation}:{row.uid}",
            keywords=flags.keywords,
            deleted=flags.deleted,
            size_octets=row.size_octets or 0,
            place=row,
            identity=row.identity,
        )

    async def _listen(self, event: Response) -> None:
        if isinstance(event, Fetched) and event.uid and event.size_octets is not None:
            if len(self.rows) < 2 * WINDOW:
                self.rows.append(event)
        elif isinstance(event, Expunged):
            self._expunged(event.seq)

    def _expunged(self, seq: int) -> None:
        if seq < self.next_seq:
            self.next_seq -= 1
        if self.examined is not None:
            self.examined = Examined(max(0, self.examined.messages - 1), self.examined.uid_validity)

    async def read(self, entries: Sequence[Entry], taker: Taker) -> None:
        """Fetch messages, some at a time, and go on over broken connections."""
        waiting = {_uid(entry): entry for entry in entries}
        tries, most = 0, BATCH_MESSAGES
        while waiting:
            batch = _batch(list(waiting.values()), most)
            before = len(waiting)
            try:
                await self._fetch(batch, waiting, taker)
            except ServerRefused as fault:
                if len(batch) > 1:
                    most = 1
                    continue
                self._give_up(waiting, batch[0], taker, str(fault))
            except ServerGone as fault:
                tries = 0 if len(waiting) < before else tries + 1
                if tries >= 2 and len(batch) == 1:
                    self._give_up(waiting, batch[0], taker, f"it breaks the connection: {fault}")
                most = 1 if tries else most
                await self.source.drop(fault, tries)
            else:
                tries, most = 0, BATCH_MESSAGES
                for entry in batch:  # what did not come was expunged meanwhile
                    waiting.pop(_uid(entry), None)

    def _give_up(self, waiting: dict[int, Entry], entry: Entry, taker: Taker, reason: str) -> None:
        if waiting.pop(_uid(entry), None) is not None:
            taker.fail(entry, reason)

    async def _fetch(self, batch: Sequence[Entry], waiting: dict[int, Entry], taker: Taker) -> None:
        client = await self.examine()

        async def listen(event: Response) -> None:
            if isinstance(event, Expunged):
                self._expunged(event.seq)
            if not isinstance(event, Fetched) or (event.body is None and not event.dropped):
                return
            entry = waiting.pop(event.uid, None)
            if entry is None:
                return
            if event.dropped or event.body is None:
                taker.fail(entry, "it is longer than the server says and than a message may be")
                return
            assert isinstance(entry.place, Fetched)  # noqa: S101 - for the type checker
            await taker.take(entry, event.body, entry.place.internal_date_ms)

        uids = number_set([_uid(entry) for entry in batch])
        await client.run(b"UID FETCH", uids, b"(UID BODY.PEEK[])", listen=listen)

    def close(self) -> None:
        """The connection stays for the next folder."""


def _uid(entry: Entry) -> int:
    assert isinstance(entry.place, Fetched)  # noqa: S101 - for the type checker
    return entry.place.uid


def _batch(entries: Sequence[Entry], most: int) -> list[Entry]:
    """The first entries that go into one command."""
    octets = 0
    batch: list[Entry] = []
    for entry in entries[:most]:
        octets += entry.size_octets
        if batch and octets > BATCH_OCTETS:
            break
        batch.append(entry)
    return batch
