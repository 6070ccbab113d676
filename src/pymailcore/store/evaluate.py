"""Answers filters and sorts of `query.py`.

Theory: a filter becomes one SQL statement. What SQL cannot see, the text of a message, makes it two steps:
SQL gives candidates (text nodes taken as "perhaps") together with the truth of each of its own nodes, and
then each candidate's text is looked at, some at a time, each lot on a snapshot of its own.

Standards: RFC 9051 section 6.4.4, RFC 8620 section 5.5, RFC 8621 section 4.4.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store import query as q
from pymailcore.store import texts
from pymailcore.store.folding import fold
from pymailcore.store.keywords import Keywords
from pymailcore.store.ops import mailboxes
from pymailcore.store.places import BlobReader
from pymailcore.store.types import Reading, Row, Transaction

_INLINE_RANGES: Final = 32

_COLUMN: Final = {
    q.Field.FROM: "h.from_text",
    q.Field.TO: "h.to_text",
    q.Field.CC: "h.cc_text",
    q.Field.BCC: "h.bcc_text",
    q.Field.SUBJECT: "h.subject_text",
}
_ORDER: Final = {
    q.SortKey.RECEIVED: "e.received_ms",
    q.SortKey.SENT: "coalesce(e.sent_ms, e.received_ms)",
    q.SortKey.SIZE: "e.size_octets",
    q.SortKey.SUBJECT: "h.base_subject",
    q.SortKey.FROM: "h.from_sort",
    q.SortKey.TO: "h.to_sort",
}
_TEXTUAL: Final = (q.Field.BODY, q.Field.TEXT)


def is_textual(node: q.Filter) -> bool:
    """Whether a node needs the text of messages."""
    if isinstance(node, q.And | q.Or):
        return any(is_textual(part) for part in node.filters)
    if isinstance(node, q.Not):
        return is_textual(node.filter)
    if isinstance(node, q.Contains):
        return node.field in _TEXTUAL
    return isinstance(node, q.HeaderContains)


def _names_emails(node: q.Filter) -> bool:
    """Whether the filter itself says where to begin; then the account's index is not to be used (`+`)."""
    if isinstance(node, q.And):
        return any(_names_emails(part) for part in node.filters)
    return isinstance(node, q.Emails) or (isinstance(node, q.InMailbox) and len(node.mailboxes) == 1)


class _Compiler:
    """Makes SQL of a filter; `args` are the statement's arguments.

    Args:
        placed: placements are joined as `p` (one Mailbox is searched).
        args: those that stand already.
    """

    def __init__(self, args: list[Any], *, placed: bool) -> None:
        self.args = args
        self.placed = placed
        self.headers = False
        self.nodes: dict[int, int] = {}  # id of an SQL node -> place of its truth in the row
        self.truths: list[str] = []

    def arg(self, value: object) -> str:
        self.args.append(value)
        return f"?{len(self.args)}"

    def listed(self, values: frozenset[int]) -> str:
        return f"(SELECT value FROM json_each({self.arg(orjson.dumps(sorted(values)).decode())}))"

    def bound(self, node: q.Filter, *, upper: bool) -> str:
        """SQL that is true at least (upper) or at most (lower) where the node is."""
        if isinstance(node, q.And | q.Or):
            if not node.filters:
                return "TRUE" if isinstance(node, q.And) else "FALSE"
            word = " AND " if isinstance(node, q.And) else " OR "
            return "(" + word.join(self.bound(part, upper=upper) for part in node.filters) + ")"
        if isinstance(node, q.Not):
            return f"NOT {self.bound(node.filter, upper=not upper)}"
        if is_textual(node):
            return "TRUE" if upper else "FALSE"
        return self.leaf(node)

    def collect(self, node: q.Filter) -> None:
        """Give each SQL leaf of a filter with text a column of its own."""
        if isinstance(node, q.And | q.Or):
            for part in node.filters:
                self.collect(part)
        elif isinstance(node, q.Not):
            self.collect(node.filter)
        elif not is_textual(node):
            self.nodes[id(node)] = len(self.truths)
            self.truths.append(self.leaf(node))

    def leaf(self, node: q.Filter) -> str:  # noqa: C901 - one line for each kind of node
        placements = "SELECT 1 FROM placements x WHERE x.email = e.id AND x.deleted = 0"
        match node:
            case q.InMailbox(ids):
                if len(ids) == 1:
                    here = f"mailbox = {self.arg(*ids)} AND deleted = 0"
                    return f"e.id IN (SELECT email FROM placements WHERE {here})"
                return f"EXISTS ({placements} AND x.mailbox IN {self.listed(ids)})"
            case q.NotOnlyIn(ids):
                return f"EXISTS ({placements} AND x.mailbox NOT IN {self.listed(ids)})"
            case q.HasKeywords(keywords):
                return self.has(keywords)
            case q.ThreadHasKeywords(how, keywords):
                return self.in_thread(how, keywords)
            case q.Saved(since, before):
                return self._range("p.saved_ms", since, before) if self.placed else "FALSE"
            case q.Deleted():
                return "(p.deleted = 1)" if self.placed else "FALSE"
            case q.Uids(ranges):
                return self._uids(ranges)
            case q.Emails(ids):
                return f"e.id IN {self.listed(ids)}"
            case q.Received(since, before):
                return self._range("e.received_ms", since, before)
            case q.Sent(since, before):
                return self._range("coalesce(e.sent_local_ms, e.received_ms)", since, before)
            case q.Size(least, below):
                return self._range("e.size_octets", least, below)
            case q.ModifiedSince(modseq):
                column = "max(e.flags_modseq, p.modseq)" if self.placed else "e.changed_modseq"
                return f"({column} >= {self.arg(modseq)})"
            case q.HasAttachment():
                return "(e.has_attachment = 1)"
            case q.Contains(where, needle):
                self.headers = True
                return f"(instr({_COLUMN[where]}, {self.arg(fold(needle))}) > 0)"
            case _:
                raise TypeError(f"no filter: {node!r}")

    def has(self, keywords: Keywords, email: str = "e") -> str:
        """Whether an Email has all of these."""
        terms = [f"({email}.flags & {keywords.flags}) = {keywords.flags}"] if keywords.flags else []
        terms += [
            f"instr(' ' || {email}.extra || ' ', {self.arg(f' {name} ')}) > 0"
            for name in keywords.extra.split()
        ]
        return f"({' AND '.join(terms) or 'TRUE'})"

    def in_thread(self, how: q.InThread, keywords: Keywords) -> str:
        """Whether so many visible Emails of the Thread have all of these."""
        has = self.has(keywords, "y")
        if how is q.InThread.ALL:
            has = f"NOT {has}"
        found = f"EXISTS (SELECT 1 FROM emails y WHERE y.thread = e.thread AND y.visible = 1 AND {has})"
        return found if how is q.InThread.SOME else f"(NOT {found})"

    def order(self, sort: q.Sort) -> str:
        """What a key sorts by."""
        match sort.key:
            case q.SortKey.HAS_KEYWORD:
                condition = self.has(sort.keywords)
            case q.SortKey.ALL_IN_THREAD:
                condition = self.in_thread(q.InThread.ALL, sort.keywords)
            case q.SortKey.SOME_IN_THREAD:
                condition = self.in_thread(q.InThread.SOME, sort.keywords)
            case key:
                self.headers = self.headers or _ORDER[key].startswith("h.")
                return f"{_ORDER[key]} {'ASC' if sort.ascending else 'DESC'}"
        return f"CASE WHEN {condition} THEN 1 ELSE 0 END {'ASC' if sort.ascending else 'DESC'}"

    def _range(self, column: str, low: int | None, high: int | None) -> str:
        terms = []
        if low is not None:
            terms.append(f"{column} >= {self.arg(low)}")
        if high is not None:
            terms.append(f"{column} < {self.arg(high)}")
        return f"({' AND '.join(terms) or 'TRUE'})"

    def _uids(self, ranges: tuple[tuple[int, int], ...]) -> str:
        if not self.placed or not ranges:
            return "FALSE"
        if len(ranges) <= _INLINE_RANGES:
            return (
                "(" + " OR ".join(f"p.uid BETWEEN {int(low)} AND {int(high)}" for low, high in ranges) + ")"
            )
        listed = self.arg(orjson.dumps(ranges).decode())
        return (
            f"EXISTS (SELECT 1 FROM json_each({listed}) r"
            " WHERE p.uid BETWEEN json_extract(r.value, '$[0]') AND json_extract(r.value, '$[1]'))"
        )


def _truth(
    node: q.Filter, row: Row, first: int, nodes: dict[int, int], has: Callable[[q.Filter], bool]
) -> bool:
    """Whether a candidate matches: SQL's truths stand in its row from `first` on."""
    if isinstance(node, q.And):
        # What SQL knows comes first: text is dear.
        return all(_truth(part, row, first, nodes, has) for part in sorted(node.filters, key=is_textual))
    if isinstance(node, q.Or):
        return any(_truth(part, row, first, nodes, has) for part in sorted(node.filters, key=is_textual))
    if isinstance(node, q.Not):
        return not _truth(node.filter, row, first, nodes, has)
    place = nodes.get(id(node))
    return has(node) if place is None else bool(row[first + place])


def _select(
    node: q.Filter,
    args: list[Any],
    columns: str,
    tables: str,
    where: str,
    sort: Sequence[q.Sort],
    last: str,
    *,
    placed: bool,
) -> tuple[str, list[Any], _Compiler]:
    compiler = _Compiler(args, placed=placed)
    condition = compiler.bound(node, upper=True)
    textual = is_textual(node)
    if textual:
        compiler.collect(node)
    order = ", ".join([*(compiler.order(one) for one in sort), last])
    if compiler.headers:
        tables += " JOIN email_headers h ON h.email = e.id"
    listed = ", ".join([columns, *compiler.truths])
    return f"SELECT {listed} FROM {tables} WHERE {where} AND {condition} ORDER BY {order}", args, compiler


def _scan(
    blobs: BlobReader, node: q.Filter, rows: list[Row], first: int, nodes: dict[int, int]
) -> Reading[list[Row]]:
    """Keep the candidates whose text matches; column 0 is the Email."""
    found = []
    while rows:
        done, messages = yield from texts.opened(blobs, [row[0] for row in rows[: texts.MOST_MESSAGES]])
        for row in rows[:done]:
            message = messages.pop(row[0], None)
            if message is not None and _truth(node, row, first, nodes, message.matches):
                found.append(row)
        rows = rows[done:]
    return found


def search(blobs: BlobReader, account: AccountId, mailbox: MailboxId, node: q.Filter) -> Reading[list[int]]:
    """UIDs of one Mailbox that a filter takes, ascending.

    Raises:
        NotFound: no such Mailbox.
    """
    sql, args, compiler = _select(
        node, [mailbox], "e.id, p.uid", "placements p JOIN emails e ON e.id = p.email", "p.mailbox = ?1",
        (), "p.uid", placed=True,
    )  # fmt: skip

    async def candidates(tx: Transaction) -> list[Row]:
        await mailboxes.get(tx, account, mailbox)
        return await tx.rows(sql, *args)

    rows: list[Row] = yield candidates
    if is_textual(node):
        rows = yield from _scan(blobs, node, rows, 2, compiler.nodes)
    return [row[1] for row in rows]


def query(
    blobs: BlobReader, account: AccountId, node: q.Filter, sort: Sequence[q.Sort]
) -> Reading[tuple[list[tuple[int, int]], int]]:
    """All matching Emails as (id, Thread) in order, and the email state they belong to."""
    last = "ASC" if not sort or sort[-1].ascending else "DESC"
    own = "+e.account = ?1" if _names_emails(node) else "e.account = ?1"
    sql, args, compiler = _select(
        node, [account], "e.id, e.thread", "emails e", f"{own} AND e.visible = 1", sort, f"e.id {last}",
        placed=False,
    )  # fmt: skip

    async def candidates(tx: Transaction) -> tuple[list[Row], int]:
        state = await tx.row("SELECT email_modseq FROM accounts WHERE id = ?1", account)
        if state is None:
            raise NotFound("no such account")
        return await tx.rows(sql, *args), state[0]

    rows, state = yield candidates
    if is_textual(node):
        rows = yield from _scan(blobs, node, rows, 2, compiler.nodes)
    return [(row[0], row[1]) for row in rows], state


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
