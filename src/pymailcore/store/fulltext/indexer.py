"""Keeps the full-text index up with the mail: the work of one process of the family.

Theory. Accounts that have moved are told by the hub; what was not told is found when the places of the index
are compared with the accounts, at the start and once a minute. An account's Emails are taken in the order in
which they changed last, from the index's place on: what is there already is passed over, what is new is read,
and the place moves in the transaction that takes it. So an Email that the index lacks has always changed
after its place, which is what searches go by (`lookup`). Marks and moves of mail only make the place move.

Reading is cut into slices (`texts.opened`) on a reading thread; nothing of it holds the lock of the store's
writer. Accounts have turns, a page of Emails each, by tenants (`base.fair_queue`): one that has a million new
ones holds up another's by a page.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import trio

from pymailcore.base.errors import NotFound
from pymailcore.base.fair_queue import FairQueue
from pymailcore.base.ids import AccountId
from pymailcore.base.parties import working_for
from pymailcore.extract.attachment_text import NO_ATTACHMENT_TEXT, AttachmentText
from pymailcore.runtime.logs import get_logger
from pymailcore.store import texts
from pymailcore.store.engine import Engine
from pymailcore.store.fulltext import documents
from pymailcore.store.fulltext.documents import Document, IndexWriting, Part, Read
from pymailcore.store.places import BlobReader
from pymailcore.store.types import Reading, Row, Transaction

MOST_DOCUMENTS: Final = 2_000
MOST_CHARACTERS: Final = 16 * 1024 * 1024
MOST_SECONDS: Final = 5.0
"""What one transaction of the index takes at most."""

_LISTED: Final = 1_000
_ACCOUNTS: Final = 500
_LONG: Final = 32
"""From so many waiting accounts on a round takes long enough that others join it."""

_PENDING: Final = (
    "SELECT e.id, e.changed_modseq FROM emails e WHERE e.account = ?1"
    " AND (e.changed_modseq > ?2 OR (e.changed_modseq = ?2 AND e.id > ?3))"
    " AND e.changed_modseq >= ?2 ORDER BY e.changed_modseq, e.id LIMIT ?4"
)
_MODSEQ: Final = "SELECT modseq FROM accounts WHERE id = ?1"
_MODSEQS: Final = "SELECT id, modseq FROM accounts WHERE id > ?1 ORDER BY id LIMIT ?2"

log = get_logger()


class _Batch:
    """What the next transaction of the index takes."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.documents = 0
        self.characters = 0
        self.begun = trio.current_time()

    def add(self, part: Part) -> None:
        self.parts.append(part)
        self.documents += len(part.documents)
        self.characters += sum(len(text) for document in part.documents for text in document.texts)

    @property
    def is_full(self) -> bool:
        return (
            self.documents >= MOST_DOCUMENTS
            or len(self.parts) >= MOST_DOCUMENTS
            or self.characters >= MOST_CHARACTERS
            or trio.current_time() - self.begun >= MOST_SECONDS
        )


class _Page(NamedTuple):
    """Where the next page of an account begins: behind this Email of this modseq."""

    account: AccountId
    place: int
    last: int


class Indexer:
    """Brings one index up to date.

    Args:
        indexed: told how many documents were written.
    """

    def __init__(
        self,
        engine: Engine,
        index: IndexWriting,
        attachments: AttachmentText = NO_ATTACHMENT_TEXT,
        *,
        indexed: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._index = index
        self._attachments = attachments
        self._indexed = indexed
        self._places: dict[int, int] = {}

    async def open(self) -> None:
        """Open the index, if it is not open; where it is another one, find out what it has.

        Raises:
            TemporaryFailure: that cannot be done now.
        """
        if await self._index.open():
            self._places = await self._index.places()

    async def behind(self) -> set[int]:
        """Accounts of which the index may lack something."""
        found: set[int] = set()
        after = 0
        while True:
            some = after

            async def work(tx: Transaction, some: int = some) -> list[Row]:
                return await tx.rows(_MODSEQS, some, _ACCOUNTS)

            rows = await self._engine.database.read(work)
            found |= {account for account, modseq in rows if modseq > self._places.get(account, 0)}
            if len(rows) < _ACCOUNTS:
                return found
            after = rows[-1][0]

    async def index(self, accounts: Iterable[int], more: Callable[[], Iterable[int]] = tuple) -> set[int]:
        """Take what is new of some accounts, as of now, in turns.

        Args:
            more: asked between turns, as long as there is much to do: accounts that have moved meanwhile have
                theirs, too. Otherwise they wait for the next round, which then is fuller.

        Returns:
            Of those that came meanwhile, the accounts that are not done with.
        """
        turns: FairQueue[_Page] = FairQueue()
        wanted, waiting = set(accounts), set[int]()
        await self._enqueue(turns, waiting, wanted)
        batch = _Batch()
        while wanted & waiting and (taken := turns.take()) is not None:
            party, page = taken
            with working_for(party):
                following, batch = await self._take_page(page, batch)
            turns.done(party)
            if following is None:
                wanted.discard(page.account)
                waiting.discard(page.account)
            else:
                turns.put(party, following)
            if following is not None or len(turns) >= _LONG:
                await self._enqueue(turns, waiting, more())
        await self._write(batch)
        return waiting

    async def _enqueue(self, turns: FairQueue[_Page], waiting: set[int], accounts: Iterable[int]) -> None:
        """Let accounts wait for their turn that do not wait for it yet."""
        for account in map(AccountId, sorted(set(accounts) - waiting)):
            try:
                party = await self._engine.lane.party(account)
            except NotFound:
                continue
            turns.put(party, _Page(account, self._places.get(account, 0), 2**63 - 1))
            waiting.add(account)

    async def _take_page(self, page: _Page, batch: _Batch) -> tuple[_Page | None, _Batch]:
        """Take some of what is new of an account; gives where to go on, and the batch that is begun."""
        account = page.account

        async def work(tx: Transaction) -> tuple[Row | None, list[Row]]:
            there = await tx.row(_MODSEQ, account)
            return there, await tx.rows(_PENDING, *page, _LISTED)

        there, rows = await self._engine.database.read(work)
        if there is None:
            return None, batch
        lacking = set(await self._index.unknown([row[0] for row in rows])) if rows else set()
        wanted = [(email, modseq) for email, modseq in rows if email in lacking]
        while wanted:
            done, part = await self._read(account, wanted)
            batch.add(part)
            wanted = wanted[done:]
            if batch.is_full:
                await self._write(batch)
                batch = _Batch()
        if len(rows) < _LISTED:
            if there[0] > self._places.get(account, 0):
                batch.add(Part(account, (), (), there[0]))
            return None, batch
        last, place = rows[-1]
        batch.add(Part(account, (), (), place - 1))
        return _Page(account, place, last), batch

    async def _read(self, account: int, wanted: Sequence[tuple[int, int]]) -> tuple[int, Part]:
        """Read some of the first of these Emails; gives how many, and what is new by them."""
        ids = [email for email, _ in wanted]
        read, done = await self._engine.reading(lambda blobs: _read_some(blobs, ids, self._attachments))
        there = {one.email for one in read}
        unread = [email for email in ids[:done] if email not in there]
        found = [Document(one.email, one.texts) for one in read]
        async with trio.open_nursery() as nursery:
            for number, one in enumerate(read):
                if one.attachments:
                    nursery.start_soon(self._complete, found, number, one)
        return done, Part(account, found, unread, max(0, wanted[0][1] - 1))

    async def _complete(self, found: list[Document], number: int, read: Read) -> None:
        found[number] = await documents.complete(read, self._attachments)

    async def _write(self, batch: _Batch) -> None:
        if not batch.parts:
            return
        await self._index.write(batch.parts)
        for part in batch.parts:
            self._places[part.account] = max(part.modseq, self._places.get(part.account, 0))
        self._indexed(batch.documents)


def _read_some(
    blobs: BlobReader, ids: Sequence[int], attachments: AttachmentText
) -> Reading[tuple[list[Read], int]]:
    done, messages = yield from texts.opened(
        blobs, ids, functools.partial(documents.is_wanted, attachments=attachments)
    )
    found = []
    for email in ids[:done]:
        message = messages.pop(email, None)
        if message is None:
            continue
        try:
            found.append(documents.read(email, message, attachments))
        except Exception:  # whatever a message does to our parsers, the others are indexed
            log.exception("a message cannot be read for the index", email=email)
    return found, done
