r"""FETCH.

Standards: RFC 3501 sections 6.4.5 and 7.4.2; RFC 3516 section 4 (BINARY); RFC 2180 section 4.1 (messages that
are gone); RFC 8514 section 4.2 (SAVEDATE); RFC 9394 section 3.3 (PARTIAL); RFC 7162 sections 3.1.4 and 3.2.6
(MODSEQ, CHANGEDSINCE, VANISHED); RFC 9586 (UIDFETCH).

Theory of operation. What is kept ready (flags, dates, sizes, ENVELOPE, BODYSTRUCTURE) is a range read: each
item is a column over a batch of rows, and one %-template writes a line for each row. Only items that need
the octets of messages go message by message. Batches are bounded, and each waits until the peer has room.
"""

import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

from pymailcore.base.errors import TemporaryFailure
from pymailcore.imap.commands.fetch_columns import COLUMNS, Rows, fetch_start
from pymailcore.imap.commands.flags import GONE, OUT_OF_RANGE
from pymailcore.imap.commands.sections import INLINE_OCTETS, SectionReader
from pymailcore.imap.commands.select import NOT_ENABLED, tell_vanished
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.fetch_items import Attribute, BodySection, FetchItem
from pymailcore.imap.protocol.responses import Status, no, ok
from pymailcore.imap.protocol.sequence import Ranges, members, runs
from pymailcore.imap.session import FLUSH_OCTETS, Session
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.threads import compute
from pymailcore.store.keywords import SEEN, Keywords
from pymailcore.store.types import FetchRow, FlagChange, Want

log = get_logger()

UNKNOWN_CTE: Final = no("A part has a transfer encoding that is not known", b"UNKNOWN-CTE")
"""Of messages without such a part all was told (RFC 3516 section 4.3)."""

_FIRST_ROWS: Final = 250
_BATCH_OCTETS: Final = 1_048_576
_MESSAGES: Final = 64
"""Messages that are asked for at a time; the store gives fewer when they are large."""
_HEADERS: Final = 256
"""The same where only headers are wanted."""
_SEND_OCTETS: Final = 65_536
"""Lines that are sent together."""
_LARGE_OCTETS: Final = 4 * 1_048_576
"""Of messages beyond this size an account has only a few in memory at a time."""


async def fetch(session: Session, command: c.Fetch) -> Status:
    """FETCH and UID FETCH."""
    view = session.selected
    if command.modifiers.vanished and not session.enabled.qresync:
        return NOT_ENABLED
    ranges = view.ranges(command.messages, uid=command.uid)
    if ranges is None:
        return OUT_OF_RANGE
    items = command.items
    if command.modifiers.changed_since is not None and Attribute.MODSEQ not in items:
        items = (*items, Attribute.MODSEQ)
    if command.uid and Attribute.UID not in items and not session.enabled.uid_only:
        items = (Attribute.UID, *items)
    if Attribute.MODSEQ in items:
        await session.enable_condstore()
    ranges = await _restricted(session, command, ranges)
    asked = sum(view.count(low, high) for low, high in ranges)
    work = _Fetch(session, items)
    told = await work.run(ranges)
    if work.refused:
        return UNKNOWN_CTE
    return ok("Done") if told >= asked or command.uid else GONE


async def _restricted(session: Session, command: c.Fetch, ranges: Ranges) -> Ranges:
    """Leave messages out as the modifiers say; what has gone is told before all else."""
    view, modifiers = session.selected, command.modifiers
    if modifiers.vanished and modifiers.changed_since is not None:
        named = command.messages.resolve(view.last_uid)
        if command.messages.saved:
            named = ranges
        await tell_vanished(session, named, modifiers.changed_since)
    if modifiers.partial is not None:
        ranges = tuple(runs(modifiers.partial.cut(view.uids_in(ranges))))
    if modifiers.changed_since is not None:  # RFC 9394 section 3.4: of those that PARTIAL leaves
        changed = await session.store.past.changed_uids(
            session.account, view.mailbox, modifiers.changed_since
        )
        ranges = tuple(runs(members(ranges, changed)))
    return ranges


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


class _Fetch:
    """One FETCH with its items sorted out.

    Attributes:
        refused: messages were left out because a part of theirs cannot be decoded.
    """

    def __init__(self, session: Session, items: Sequence[FetchItem]) -> None:
        self._session = session
        self._view = session.selected
        self._start = fetch_start(session.enabled)
        self._attributes = [item for item in items if isinstance(item, Attribute)]
        self._sections = [item for item in items if isinstance(item, BodySection)]
        self._headers_only = all(not item.path and item.what.startswith("HEADER") for item in self._sections)
        self._sees = not self._view.read_only and any(not item.peek for item in self._sections)
        self._want = Want.NONE
        for attribute in self._attributes:
            self._want |= COLUMNS[attribute][1]
        if self._sections:
            self._want |= Want.FACTS  # sizes say what it takes to hold a message
        if any(item.path or item.what for item in self._sections):
            self._want |= Want.PARTS
        self._reader = SectionReader(self._sections)
        self._told: dict[int, int] = {}
        self._octets = 0
        self._out: list[bytes] = []
        self._due = 0
        self.refused = False

    async def run(self, ranges: Ranges) -> int:
        """Answer for all messages of the ranges; gives how many there were."""
        session, view = self._session, self._view
        most = session.settings.fetch_rows
        limit = min(most, _FIRST_ROWS)
        count = 0
        while ranges:
            rows = await session.store.fetch(session.account, view.mailbox, ranges, self._want, limit=limit)
            if not rows:
                break
            full, last = len(rows) >= limit, rows[-1].uid
            self._octets = 0
            count += await self._answer(rows)
            if not full:
                break
            # Rows differ in size by a factor of a thousand: ask for as many as make a batch.
            limit = min(most, limit * 2) if self._octets <= _BATCH_OCTETS else max(1, limit // 4)
            ranges = tuple((max(low, last + 1), high) for low, high in ranges if high > last)
        if self._told:
            session.told = self._told
        return count

    async def _answer(self, rows: list[FetchRow]) -> int:
        """Answer for one batch; gives for how many messages."""
        seqs = self._view.seqs([row.uid for row in rows])
        if 0 in seqs:  # not announced yet
            known = [(seq, row) for seq, row in zip(seqs, rows, strict=True) if seq]
            seqs, rows = [seq for seq, _ in known], [row for _, row in known]
        if self._session.enabled.uid_only:
            seqs = [row.uid for row in rows]
        if self._sections:
            return await self._answer_with_octets(seqs, rows)
        octets = b"".join(self._lines(seqs, rows, self._attributes, self._start, b")\r\n"))
        self._octets = len(octets)
        await self._session.send(octets)
        return len(rows)

    def _lines(
        self,
        seqs: Sequence[int],
        rows: Rows,
        attributes: Sequence[Attribute],
        begin: bytes,
        end: bytes,
    ) -> list[bytes]:
        """Write one line for each row, from begin to end, with all that is kept ready."""
        chosen = [COLUMNS[attribute] for attribute in attributes]
        template = begin + b" ".join([text for text, _, _ in chosen]) + end
        columns = [column(rows, self._view) for _, _, column in chosen]
        return [template % line for line in zip(seqs, *columns, strict=True)]

    async def _answer_with_octets(self, seqs: Sequence[int], rows: list[FetchRow]) -> int:
        seqs, rows, told = self._decodable(seqs, rows)
        newly_seen = await self._set_seen(rows) if self._sees else {}
        rows = [newly_seen.get(row.uid, row) for row in rows]
        plain = self._lines(seqs, rows, self._attributes, self._start, b"")
        with_flags = plain
        if newly_seen:
            with_flags = self._lines(seqs, rows, self._with_changes(), self._start, b"")
        place = 0
        step = _HEADERS if self._headers_only else _MESSAGES
        while place < len(rows):
            batch = rows[place : place + step]
            async with self._room(batch):
                found = deque(await self._read([row.email for row in batch]))
                told += len(found)
                place += 0 if found else len(batch)
                for row in batch:
                    if not found:
                        break
                    if found[0][0] == row.email:  # else it is gone
                        line = with_flags[place] if row.uid in newly_seen else plain[place]
                        self._keep(line if line.endswith(b"(") else line + b" ")
                        await self._write(found.popleft()[1], row.parts)
                        self._keep(b")\r\n")
                    place += 1
                if self._out:
                    await self._send()
        return told

    def _decodable(
        self, seqs: Sequence[int], rows: list[FetchRow]
    ) -> tuple[Sequence[int], list[FetchRow], int]:
        """Leave messages out of which something cannot be decoded; also how many these are."""
        refused = {row.uid for row in rows if self._reader.cannot_decode(row.parts)}
        if not refused:
            return seqs, rows, 0
        self.refused = True
        kept = [(seq, row) for seq, row in zip(seqs, rows, strict=True) if row.uid not in refused]
        return [seq for seq, _ in kept], [row for _, row in kept], len(refused)

    async def _write(self, octets: bytes, packed: bytes | None) -> None:
        """Write what is wanted of one message; what takes long to decode, in a thread."""
        pieces = self._reader.read(octets, packed)
        heavy = self._reader.decodes and len(octets) > INLINE_OCTETS
        while (piece := await compute(_next, pieces) if heavy else next(pieces, None)) is not None:
            self._keep(piece)
            if self._due >= _SEND_OCTETS:
                await self._send()

    def _keep(self, piece: bytes) -> None:
        self._out.append(piece)
        self._due += len(piece)

    def _with_changes(self) -> list[Attribute]:
        """What is told of a message that has become seen; UID and MODSEQ by RFC 7162 section 3.2.4."""
        wanted = [Attribute.FLAGS]
        if self._session.enabled.condstore:
            wanted += (
                [Attribute.MODSEQ] if self._session.enabled.uid_only else [Attribute.UID, Attribute.MODSEQ]
            )
        return list(dict.fromkeys((*self._attributes, *wanted)))

    async def _send(self) -> None:
        """Send and forget pieces; a large one, which is the last, in stretches: it is never held twice."""
        out = self._out
        large = out.pop() if len(out[-1]) > FLUSH_OCTETS else b""
        await self._session.send(b"".join(out))
        out.clear()
        self._due = 0
        for start in range(0, len(large), FLUSH_OCTETS):
            await self._session.send(large[start : start + FLUSH_OCTETS])

    @contextlib.asynccontextmanager
    async def _room(self, batch: Rows) -> AsyncIterator[None]:
        """Wait for a place when large messages are to be held; clients may read as slowly as they like."""
        if self._headers_only or all(row.size_octets <= _LARGE_OCTETS for row in batch):
            yield
            return
        async with self._session.services.places.messages.place(self._session.account):
            yield

    async def _read(self, emails: list[int]) -> list[tuple[int, bytes]]:
        """Octets of messages, or of as much of them as the sections need."""
        store, account = self._session.store, self._session.account
        if self._headers_only:
            return await store.headers(account, emails)
        return await store.messages(account, emails)

    async def _set_seen(self, rows: Rows) -> dict[int, FetchRow]:
        r"""Set `\Seen` where it is not; gives the rows that changed, by UID.

        Where nothing can be written now, as while the store is moved, the messages are read all the same.
        """
        session, view = self._session, self._view
        unseen = {row.uid: row for row in rows if not row.flags & SEEN}
        if not unseen:
            return {}
        try:
            changed, _ = await session.store.set_flags(
                session.account, view.mailbox, runs(list(unseen)), FlagChange.ADD, Keywords(SEEN)
            )
        except TemporaryFailure as fault:
            log.warning("messages are read without being marked as seen", fault=str(fault))
            return {}
        self._told.update((row.uid, row.modseq) for row in changed)
        return {
            row.uid: unseen[row.uid]._replace(
                flags=row.flags, extra=row.extra, deleted=row.deleted, modseq=row.modseq
            )
            for row in changed
            if row.uid in unseen
        }
