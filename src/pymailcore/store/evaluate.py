"""Answers filters and sorts of `query.py`.

Theory: one statement (`compiling`) gives candidates, in order. Those whose texts must be looked at are then
opened some at a time, each lot on a snapshot of its own, in slices of some milliseconds: between two of them
others have their turn, the caller is told how far it is, and may give up. Nothing is kept of a message that
was looked at.

Standards: RFC 9051 section 6.4.4, RFC 8620 section 5.5, RFC 8621 section 4.4.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import orjson

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store import query as q
from pymailcore.store import texts
from pymailcore.store.compiling import (
    Compiler,
    ask_index,
    is_textual,
    names_emails,
    simplified,
    text_nodes,
)
from pymailcore.store.engine import Engine
from pymailcore.store.fulltext.lookup import TextIndex
from pymailcore.store.ops import mailboxes
from pymailcore.store.places import BlobReader
from pymailcore.store.texts import SearchedMessage
from pymailcore.store.types import Reading, Row, Transaction

T = TypeVar("T")

SLICE_SECONDS: Final = 0.05
"""So long a slice of a scan aims to hold a reading thread."""

Progress = Callable[[int, int], Awaitable[None]]
"""Told between the slices of a scan how many messages were looked at, and how many are to be."""

_TRUTHS: Final = 2  # columns of a row before the truths of the nodes


class Candidates:
    """Rows that may match, in order: the Email, another number, and what SQL knows of each node."""

    def __init__(
        self, index: TextIndex, node: q.Filter, nodes: dict[int, int], rows: list[Row], *, look: bool
    ) -> None:
        attached = index.keeps_attached and any(isinstance(one, q.Matches) for one in text_nodes(node))
        self._index = index if attached else None
        self._node = node
        self._nodes = nodes
        self._rows = rows
        self._at = 0
        truths = [self._truth(row, None) for row in rows] if look else []
        self._open = [n for n, truth in enumerate(truths) if truth is None]
        self._dropped = {n for n, truth in enumerate(truths) if truth is False}

    @property
    def total(self) -> int:
        """Messages that must be looked at."""
        return len(self._open)

    @property
    def looked(self) -> int:
        """Messages that were looked at."""
        return self._at

    def look(self, blobs: BlobReader, until: float = float("inf")) -> Reading[None]:
        """Look at messages that must be; some at least, and until a moment of `time.monotonic`."""
        while self._at < len(self._open):
            some = self._open[self._at : self._at + texts.MOST_MESSAGES]
            done, messages = yield from texts.opened(blobs, [self._rows[n][0] for n in some])
            if self._index is not None:
                attached = yield functools.partial(_attached, self._index, list(messages))
                for email, text in attached.items():
                    messages[email].attached = text
            for n in some[:done]:
                message = messages.get(self._rows[n][0])  # an Email may be here twice
                if message is None or not self._truth(self._rows[n], message):
                    self._dropped.add(n)
            self._at += done
            if time.monotonic() >= until:
                return

    def found(self) -> list[Row]:
        """The rows that match, once all is looked at."""
        if not self._dropped:
            return self._rows
        return [row for n, row in enumerate(self._rows) if n not in self._dropped]

    def _truth(self, row: Row, message: SearchedMessage | None) -> bool | None:
        return _truth(self._node, row, self._nodes, message)


async def _attached(index: TextIndex, emails: Sequence[int], tx: Transaction) -> dict[int, str]:
    return await index.attached(tx, emails)


def _truth(node: q.Filter, row: Row, nodes: dict[int, int], message: SearchedMessage | None) -> bool | None:
    """Whether a candidate matches; None: that cannot be said without its message."""
    if isinstance(node, q.And | q.Or):
        decides = isinstance(node, q.Or)
        unknown = []
        for part in node.filters:  # what SQL knows comes first: text is dear
            truth = _truth(part, row, nodes, None)
            if truth is decides:
                return decides
            if truth is None:
                unknown.append(part)
        if message is None and unknown:
            return None
        return (
            decides if any(_truth(part, row, nodes, message) is decides for part in unknown) else not decides
        )
    if isinstance(node, q.Not):
        truth = _truth(node.filter, row, nodes, message)
        return None if truth is None else not truth
    value = row[nodes[id(node)]]
    if value is None and is_textual(node):
        return None if message is None else message.matches(node)
    return bool(value)


async def _candidates(
    tx: Transaction,
    node: q.Filter,
    compiler: Compiler,
    columns: str,
    tables: str,
    where: str,
    order: list[str],
) -> Candidates:
    condition = compiler.bound(node, upper=True)
    look = compiler.must_look(node)
    if look:
        compiler.collect(node)
    if compiler.headers:
        tables += " JOIN email_headers h ON h.email = e.id"
    listed = ", ".join([columns, *compiler.truths])
    sql = f"SELECT {listed} FROM {tables} WHERE {where} AND {condition} ORDER BY {', '.join(order)}"
    rows = await tx.rows(sql, *compiler.args)
    places = {one: place + _TRUTHS for one, place in compiler.nodes.items()}
    return Candidates(compiler.known.text_index, node, places, rows, look=look)


class Uids:
    """The UIDs of one Mailbox that match, ascending, where nothing must be looked at."""

    total: Final = 0

    def __init__(self, uids: list[int]) -> None:
        self.uids = uids


def candidates_in(
    index: TextIndex, account: AccountId, mailbox: MailboxId, given: q.Filter
) -> Reading[Candidates | Uids]:
    """Messages of one Mailbox that a filter may take: Email, UID; by UID.

    Raises:
        NotFound: no such Mailbox.
    """
    node = simplified(given)
    asks = bool(text_nodes(node))

    async def work(tx: Transaction) -> Candidates | Uids:
        spot = await index.spot(tx, account) if asks else None
        there = await mailboxes.get(tx, account, mailbox)
        known = await ask_index(tx, index, account, spot, node, there.messages)
        compiler = Compiler([mailbox], known, placed=True)
        driver = compiler.driver(node)
        if compiler.must_look(node):
            tables, where = _tables(driver, emails=True)
            return await _candidates(tx, node, compiler, "e.id, p.uid", tables, where, ["p.uid"])
        condition = compiler.bound(node, upper=True)
        tables, where = _tables(driver, emails=compiler.headers or "e." in condition)
        if compiler.headers:
            tables += " JOIN email_headers h ON h.email = e.id"
        row = await tx.row(
            f"SELECT json_group_array(uid) FROM (SELECT p.uid FROM {tables} WHERE {where} AND {condition}) x",
            *compiler.args,
        )
        return Uids(sorted(orjson.loads(row[0])) if row is not None else [])

    found: Candidates | Uids = yield work
    return found


def _tables(driver: str | None, *, emails: bool) -> tuple[str, str]:
    """The tables of a search in a Mailbox, and what joins them; what is not asked of Emails is not read."""
    if driver is None:
        return (
            "placements p JOIN emails e ON e.id = p.email" if emails else "placements p"
        ), "p.mailbox = ?1"
    if not emails:
        return f"({driver}) k CROSS JOIN placements p ON p.email = k.id AND p.mailbox = ?1", "TRUE"
    return (
        f"({driver}) k CROSS JOIN emails e ON e.id = k.id"
        " CROSS JOIN placements p ON p.email = e.id AND p.mailbox = ?1"
    ), "TRUE"


def search(
    index: TextIndex, blobs: BlobReader, account: AccountId, mailbox: MailboxId, node: q.Filter
) -> Reading[list[int]]:
    """UIDs of one Mailbox that a filter takes, ascending; in one piece.

    Raises:
        NotFound: no such Mailbox.
    """
    found = yield from candidates_in(index, account, mailbox, node)
    if isinstance(found, Uids):
        return found.uids
    yield from found.look(blobs)
    return [row[1] for row in found.found()]


def candidates_of(
    index: TextIndex, account: AccountId, given: q.Filter, sort: Sequence[q.Sort]
) -> Reading[tuple[Candidates, int]]:
    """Emails that a filter may take, in order: Email, Thread; and the email state they belong to."""
    node = simplified(given)
    asks = bool(text_nodes(node))
    last = "ASC" if not sort or sort[-1].ascending else "DESC"

    async def work(tx: Transaction) -> tuple[Candidates, int]:
        spot = await index.spot(tx, account) if asks else None
        state = await tx.row("SELECT email_modseq, used_emails FROM accounts WHERE id = ?1", account)
        if state is None:
            raise NotFound("no such account")
        known = await ask_index(tx, index, account, spot, node, state[1])
        compiler = Compiler([account], known, placed=False)
        driver = compiler.driver(node)
        own = "e.account = ?1"
        if driver is not None:
            tables, own = f"({driver}) k CROSS JOIN emails e ON e.id = k.id", "+e.account = ?1"
        else:
            tables = "emails e"
            own = "+e.account = ?1" if names_emails(node) else "e.account = ?1"
        order = [*(compiler.order(one) for one in sort), f"e.id {last}"]
        where = f"{own} AND e.visible = 1"
        return await _candidates(tx, node, compiler, "e.id, e.thread", tables, where, order), state[0]

    found: tuple[Candidates, int] = yield work
    return found


def query(
    index: TextIndex, blobs: BlobReader, account: AccountId, node: q.Filter, sort: Sequence[q.Sort]
) -> Reading[tuple[list[tuple[int, int]], int]]:
    """All matching Emails as (id, Thread) in order, and the email state they belong to; in one piece."""
    found, state = yield from candidates_of(index, account, node, sort)
    yield from found.look(blobs)
    return [(row[0], row[1]) for row in found.found()], state


def looked_into(
    blobs: BlobReader, ids: Sequence[int], work: Callable[[SearchedMessage], T], until: float
) -> Reading[tuple[int, dict[int, T]]]:
    """Do something with messages in a reading thread, one at least, until a moment of `time.monotonic`.

    Returns:
        How many of `ids` are done with; what came of those that could be read.
    """
    at = 0
    found: dict[int, T] = {}
    while at < len(ids):
        done, messages = yield from texts.opened(blobs, ids[at : at + texts.MOST_MESSAGES])
        for id_ in ids[at : at + done]:
            message = messages.pop(id_, None)
            if message is not None:
                found[id_] = work(message)
            at += 1
            if time.monotonic() >= until:
                return at, found
    return at, found


async def look_into(
    engine: Engine, account: AccountId, ids: Sequence[int], work: Callable[[SearchedMessage], T]
) -> dict[int, T]:
    """Do something with messages of an account, slice by slice; those that cannot be read are left out."""
    out: dict[int, T] = {}
    at = 0
    while at < len(ids):
        until = time.monotonic() + SLICE_SECONDS
        plan = functools.partial(looked_into, ids=ids[at:], work=work, until=until)
        done, found = await engine.searching(account, plan)
        out |= found
        at += done
    return out


async def looked_at(
    engine: Engine, account: AccountId, found: Candidates, progress: Progress | None
) -> list[Row]:
    """Look at the messages of candidates, slice by slice; gives the rows that match.

    Cancellable between slices.
    """
    while found.looked < found.total:
        if progress is not None and found.looked:
            await progress(found.looked, found.total)
        until = time.monotonic() + SLICE_SECONDS
        await engine.searching(account, functools.partial(found.look, until=until))
    return found.found()


async def search_slowly(
    engine: Engine,
    account: AccountId,
    mailbox: MailboxId,
    node: q.Filter,
    progress: Progress | None = None,
) -> list[int]:
    """UIDs of one Mailbox that a filter takes, ascending; a long scan in slices.

    Raises:
        NotFound: no such Mailbox.
    """
    found = await engine.searching(
        account, lambda _: candidates_in(engine.text_index, account, mailbox, node)
    )
    if isinstance(found, Uids):
        return found.uids
    return [row[1] for row in await looked_at(engine, account, found, progress)]


async def query_slowly(
    engine: Engine,
    account: AccountId,
    node: q.Filter,
    sort: Sequence[q.Sort],
    progress: Progress | None = None,
) -> tuple[list[tuple[int, int]], int]:
    """All matching Emails as (id, Thread) in order, and their state; a long scan in slices."""
    found, state = await engine.searching(
        account, lambda _: candidates_of(engine.text_index, account, node, sort)
    )
    return [(row[0], row[1]) for row in await looked_at(engine, account, found, progress)], state


def page(
    found: list[tuple[int, int]],
    *,
    collapse_threads: bool,
    position: int,
    limit: int,
    anchor: int | None,
    anchor_offset: int,
) -> tuple[list[int], int, int]:
    """Cut a window out of a result: ids, position of the first, total (RFC 8620 section 5.5).

    Raises:
        NotFound: the anchor is not in the result.
    """
    if collapse_threads:
        first: dict[int, int] = {}
        for id_, thread in found:
            first.setdefault(thread, id_)
        ids = list(first.values())
    else:
        ids = [id_ for id_, _ in found]
    if anchor is not None:
        if anchor not in ids:
            raise NotFound("the anchor is not in the result")
        position = max(0, ids.index(anchor) + anchor_offset)
    elif position < 0:
        position = max(0, len(ids) + position)
    return ids[position : position + limit], position, len(ids)
