"""Answers filters and sorts of `query.py`.

Theory: one statement (`compiling`) gives candidates, in order. Those whose texts must be looked at are then
opened some at a time, each lot on a snapshot of its own, in slices of some milliseconds: between two of them
others have their turn, the caller is told how far it is, and may give up. Nothing is kept of a message that
was looked at.

Standards: RFC 9051 section 6.4.4, RFC 8620 section 5.5, RFC 8621 section 4.4.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

import functools
import itertools
import operator
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, TypeVar

import orjson

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store import query as q
from pymailcore.store import texts
from pymailcore.store.compiling import (
    TRUE,
    TRUTH_BITS,
    TRUTHS_OF_COLUMN,
    Compiler,
    ask_index,
    names_emails,
    simplified,
    text_nodes,
)
from pymailcore.store.engine import Engine
from pymailcore.store.fulltext.lookup import TextIndex
from pymailcore.store.ops import mailboxes
from pymailcore.store.places import BlobReader
from pymailcore.store.texts import SearchedMessage
from pymailcore.store.types import Numbers, Reading, Transaction

T = TypeVar("T")

SLICE_SECONDS: Final = 0.05
"""So long a slice of a scan aims to hold a reading thread."""

MOST_AS_TEXT: Final = 200_000
"""Messages of a Mailbox of which UIDs come as one text, which is quicker and takes more memory."""

Progress = Callable[[int, int], Awaitable[None]]
"""Told between the slices of a scan how many messages were looked at, and how many are to be."""

_TRUTHS: Final = 2  # columns of a row before the truths of the nodes


class Found(NamedTuple):
    """What a filter takes, in order.

    Attributes:
        emails: ids.
        others: the UID of each, or its Thread.
    """

    emails: Numbers
    others: Numbers


class First(NamedTuple):
    """The first Emails that a filter takes, in order, and how many it takes, if that was asked."""

    ids: list[int]
    total: int | None


class Candidates:
    """Rows that may match, in order: the Email, another number, and what SQL knows of each node.

    Args:
        numbers: the rows, end to end, each of so many `columns`.
        nodes: by id of a node, the number of its truth; of others nothing is known.
        look: whether there are truths.
    """

    def __init__(
        self,
        index: TextIndex,
        node: q.Filter,
        nodes: dict[int, int],
        numbers: Numbers,
        *,
        columns: int,
        look: bool,
    ) -> None:
        attached = index.keeps_attached and any(isinstance(one, q.Matches) for one in text_nodes(node))
        self._index = index if attached else None
        self._node = node
        self._places = {one: divmod(number, TRUTHS_OF_COLUMN) for one, number in nodes.items()}
        self._numbers = numbers
        self._columns = columns
        self._at = 0
        self._matches = bytearray(b"\1") * (len(numbers) // columns)
        sure = numbers[_TRUTHS::columns] if look else array("q")
        self._open = array("q", [n for n, truths in enumerate(sure) if truths & TRUE != TRUE])

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
            rows = [self._row(n) for n in some]
            done, messages = yield from texts.opened(blobs, [row[0] for row in rows])
            if self._index is not None:
                attached = yield functools.partial(_attached, self._index, list(messages))
                for email, text in attached.items():
                    messages[email].attached = text
            for n, row in zip(some[:done], rows, strict=False):
                message = messages.get(row[0])  # an Email may be here twice
                self._matches[n] = message is not None and bool(self._truth(self._node, row, message))
            self._at += done
            if time.monotonic() >= until:
                return

    def found(self) -> Found:
        """The rows that match, once all is looked at."""
        emails, others = self._numbers[:: self._columns], self._numbers[1 :: self._columns]
        if len(self._open) == 0:
            return Found(emails, others)
        return Found(
            array("q", itertools.compress(emails, self._matches)),
            array("q", itertools.compress(others, self._matches)),
        )

    def _row(self, n: int) -> Numbers:
        return self._numbers[n * self._columns : (n + 1) * self._columns]

    def _truth(self, node: q.Filter, row: Numbers, message: SearchedMessage | None) -> bool | None:
        """Whether a candidate matches; None: that cannot be said without its message."""
        if isinstance(node, q.And | q.Or):
            decides = isinstance(node, q.Or)
            unknown = []
            for part in node.filters:  # what SQL knows comes first: text is dear
                truth = self._truth(part, row, None)
                if truth is decides:
                    return decides
                if truth is None:
                    unknown.append(part)
            if message is None and unknown:
                return None
            known = any(self._truth(part, row, message) is decides for part in unknown)
            return decides if known else not decides
        if isinstance(node, q.Not):
            truth = self._truth(node.filter, row, message)
            return None if truth is None else not truth
        place = self._places.get(id(node))
        known_bits = 0 if place is None else row[_TRUTHS + place[0]] >> TRUTH_BITS * place[1] & TRUE
        if known_bits:
            return known_bits == TRUE
        return None if message is None else message.matches(node)


async def _attached(index: TextIndex, emails: Sequence[int], tx: Transaction) -> dict[int, str]:
    return await index.attached(tx, emails)


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
    truths = compiler.collect(node) if look else []
    if compiler.headers:
        tables += " JOIN email_headers h ON h.email = e.id"
    listed = ", ".join([columns, *truths])
    sql = f"SELECT {listed} FROM {tables} WHERE {where} AND {condition} ORDER BY {', '.join(order)}"
    width = _TRUTHS + len(truths)
    numbers = await tx.numbers(width, sql, *compiler.args)
    return Candidates(compiler.known.text_index, node, compiler.nodes, numbers, columns=width, look=look)


class Uids:
    """The UIDs of one Mailbox that match, ascending, where nothing must be looked at."""

    total: Final = 0

    def __init__(self, uids: Sequence[int]) -> None:
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
        sql = f"SELECT p.uid FROM {tables} WHERE {where} AND {condition}"
        if there.messages > MOST_AS_TEXT:
            numbers = await tx.numbers(1, sql, *compiler.args)
            ascend = all(map(operator.lt, numbers, itertools.islice(numbers, 1, None)))
            return Uids(numbers if ascend else array("q", sorted(numbers)))
        row = await tx.row(f"SELECT json_group_array(uid) FROM ({sql}) x", *compiler.args)
        uids: list[int] = [] if row is None else orjson.loads(row[0])
        uids.sort()
        return Uids(uids)

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


class Reach(NamedTuple):
    """How many of the first Emails are wanted, and whether it is asked how many there are in all."""

    most: int
    total: bool


async def _first(
    tx: Transaction, compiler: Compiler, tables: str, condition: str, keys: Sequence[str], reach: Reach
) -> First:
    """The database keeps no more than what is wanted while it sorts."""
    names = [f"k{n}" for n in range(len(keys))]
    columns = ", ".join(f"{key.rpartition(' ')[0]} AS {name}" for key, name in zip(keys, names, strict=True))
    order = ", ".join(f"{name} {key.rpartition(' ')[2]}" for key, name in zip(keys, names, strict=True))
    every = f"SELECT e.id AS one, {columns} FROM {tables} WHERE {condition}"
    most = f"ORDER BY {order} LIMIT {compiler.arg(max(1, reach.most))}"
    if not reach.total:
        ids = await tx.numbers(1, f"SELECT one FROM ({every}) AS every {most}", *compiler.args)
        return First(ids.tolist(), None)
    sql = f"WITH every AS MATERIALIZED ({every}) SELECT one, (SELECT count(*) FROM every) FROM every {most}"
    rows = await tx.numbers(2, sql, *compiler.args)
    return First(rows[::2].tolist(), rows[1] if rows else 0)


def candidates_of(
    index: TextIndex,
    account: AccountId,
    given: q.Filter,
    sort: Sequence[q.Sort],
    reach: Reach | None = None,
) -> Reading[tuple[Candidates | First, int]]:
    """Emails that a filter may take, in order: Email, Thread; and the email state they belong to.

    Args:
        reach: given where nothing but the first Emails is wanted.
    """
    node = simplified(given)
    asks = bool(text_nodes(node))
    last = "ASC" if not sort or sort[-1].ascending else "DESC"

    async def work(tx: Transaction) -> tuple[Candidates | First, int]:
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
        if reach is not None and not compiler.must_look(node):
            condition = f"{where} AND {compiler.bound(node, upper=True)}"
            if compiler.headers:
                tables += " JOIN email_headers h ON h.email = e.id"
            return await _first(tx, compiler, tables, condition, order, reach), state[0]
        return await _candidates(tx, node, compiler, "e.id, e.thread", tables, where, order), state[0]

    found: tuple[Candidates | First, int] = yield work
    return found


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
) -> Found:
    """Look at the messages of candidates, slice by slice; gives those that match.

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
) -> Sequence[int]:
    """UIDs of one Mailbox that a filter takes, ascending; a long scan in slices.

    Raises:
        NotFound: no such Mailbox.
    """
    found = await engine.searching(
        account, lambda _: candidates_in(engine.text_index, account, mailbox, node)
    )
    if isinstance(found, Uids):
        return found.uids
    return (await looked_at(engine, account, found, progress)).others.tolist()


async def query_slowly(
    engine: Engine,
    account: AccountId,
    node: q.Filter,
    sort: Sequence[q.Sort],
    reach: Reach | None = None,
) -> tuple[Found | First, int]:
    """Matching Emails in order, and their state; a long scan in slices.

    Args:
        reach: given where only the first Emails are wanted; gives these, unless messages are to be looked at.
    """
    found, state = await engine.searching(
        account, lambda _: candidates_of(engine.text_index, account, node, sort, reach)
    )
    return found if isinstance(found, First) else await looked_at(engine, account, found, None), state
