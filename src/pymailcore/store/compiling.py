"""Makes SQL of the filters and sorts of `query.py`.

Theory: a filter becomes one SQL statement. What SQL cannot see, the text of a message, is bounded from above
(`bound`): the statement gives candidates, each with the truths of its nodes, many in one whole number
(`collect`), and the text of those of which that is not enough is looked at later. The full-text index
(`store.fulltext`) makes the bound close, and exact for most needles: what the index says nothing about, the
`tail`, is a candidate always. Where the filter asks for texts first of all, the statement begins with what
the index finds (`driver`).

Standards: RFC 9051 section 6.4.4, RFC 8621 section 4.4.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from pymailcore.base.ids import AccountId
from pymailcore.store import query as q
from pymailcore.store.folding import normal, sought
from pymailcore.store.fulltext import words
from pymailcore.store.fulltext.lookup import NO_HELP, Expression, Spot, TextIndex
from pymailcore.store.keywords import Keywords
from pymailcore.store.texts import LEFT_OUT
from pymailcore.store.types import Transaction

_INLINE_RANGES: Final = 32
MOST_TAIL: Final = 2_000
"""Emails that the index does not know yet and that are named one by one; with more of them they are
sought."""

MOST_TEXTS: Final = 20_000
"""Queries of the index for all needles of one filter together; needles beyond that are looked for in
messages."""

SHORT: Final = 1_000
"""Up to so many messages their header texts are looked through rather than the index asked."""

FEW: Final = 200
"""Up to so many messages the index is asked for each by itself."""

FALSE, TRUE = 2, 3
"""What is known of a truth; 0 is nothing."""

TRUTH_BITS: Final = 2
TRUTHS_OF_COLUMN: Final = 31
"""Of so many bits each, in a whole number of 64, of which one is the sign."""

LARGE_THREAD: Final = 16
"""Emails of a Thread that are looked at for each of them; larger Threads are looked through once for all."""

_COLUMN: Final = {
    q.Field.FROM: "h.from_text",
    q.Field.TO: "h.to_text",
    q.Field.CC: "h.cc_text",
    q.Field.BCC: "h.bcc_text",
    q.Field.SUBJECT: "h.subject_text",
}
ORDER: Final = {
    q.SortKey.RECEIVED: "e.received_ms",
    q.SortKey.SENT: "coalesce(e.sent_ms, e.received_ms)",
    q.SortKey.SIZE: "e.size_octets",
    q.SortKey.SUBJECT: "h.base_subject",
    q.SortKey.FROM: "h.from_sort",
    q.SortKey.TO: "h.to_sort",
    q.SortKey.FROM_MAILBOX: "h.from_mailbox",
    q.SortKey.TO_MAILBOX: "h.to_mailbox",
    q.SortKey.CC_MAILBOX: "h.cc_mailbox",
}
"""What keys without keywords sort by."""

_INDEXED: Final = {
    q.Field.FROM: ("from_",),
    q.Field.TO: ("to_",),
    q.Field.CC: ("cc",),
    q.Field.BCC: ("bcc",),
    q.Field.SUBJECT: ("subject",),
}
_CONTAINED: Final = {**_INDEXED, q.Field.BODY: ("body",), q.Field.TEXT: ("body", "header")}
_MATCHED: Final = {
    **_INDEXED,
    q.Field.BODY: ("body", "attachment"),
    q.Field.TEXT: ("body", "subject", "from_", "to_", "cc", "bcc", "attachment"),
    q.Field.ATTACHMENT: ("attachment",),
}

TextNode = q.Contains | q.Matches | q.HeaderContains


def is_textual(node: q.Filter) -> bool:
    """Whether a node may need the text of messages."""
    if isinstance(node, q.And | q.Or):
        return any(is_textual(part) for part in node.filters)
    if isinstance(node, q.Not):
        return is_textual(node.filter)
    if isinstance(node, q.Contains):
        return node.field not in _COLUMN
    return isinstance(node, q.Matches | q.HeaderContains)


def text_nodes(node: q.Filter) -> list[TextNode]:
    """The nodes that are about text."""
    found: list[TextNode] = []
    stack = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, q.And | q.Or):
            stack.extend(one.filters)
        elif isinstance(one, q.Not):
            stack.append(one.filter)
        elif isinstance(one, q.Contains | q.Matches | q.HeaderContains):
            found.append(one)
    return found


def simplified(node: q.Filter) -> q.Filter:
    """The same without needles that are in every text."""
    if isinstance(node, q.And | q.Or):
        return type(node)(tuple(simplified(part) for part in node.filters))
    if isinstance(node, q.Not):
        return q.Not(simplified(node.filter))
    if isinstance(node, q.Contains):
        if node.field is q.Field.ATTACHMENT:
            raise TypeError("attachments are looked for by words")
        return node if node.needle else q.And(())
    if isinstance(node, q.Matches):
        return node if normal(node.words) else q.And(())
    return node


def names_emails(node: q.Filter) -> bool:
    """Whether the filter itself says where to begin; then the account's index is not to be used (`+`)."""
    if isinstance(node, q.And):
        return any(names_emails(part) for part in node.filters)
    return isinstance(node, q.Emails) or (isinstance(node, q.InMailbox) and len(node.mailboxes) == 1)


class Known(NamedTuple):
    """What the index says for the texts of one filter.

    Attributes:
        text_index: the index.
        tail: Emails that it says nothing about; None for too many to be named, or all.
        expressions: by id of the node; a node without one is not helped.
        few: there are so few messages that each is asked for by itself.
    """

    text_index: TextIndex
    spot: Spot | None = None
    tail: Sequence[int] | None = None
    expressions: Mapping[int, Expression] = MappingProxyType({})
    few: bool = False


async def ask_index(
    tx: Transaction, index: TextIndex, account: AccountId, spot: Spot | None, node: q.Filter, messages: int
) -> Known:
    """Ask the index for the texts of a filter.

    Args:
        spot: what the first statement of this snapshot gave; see `lookup.TextIndex.spot`.
        messages: as many are looked at, at most.
    """
    nodes = [one for one in text_nodes(node) if is_textual(one) or messages > SHORT]
    if not nodes or spot is None:
        return Known(index, spot)
    tail = await index.tail(tx, account, spot, MOST_TAIL)
    if tail is None and not spot.no:
        return Known(index, spot)
    expressions: dict[int, Expression] = {}
    left = MOST_TEXTS
    for one in nodes:
        if left <= 0:
            break
        expression = await _expression(tx, index, spot, one)
        if expression is not None and min(expression.cost, MOST_TEXTS) <= left:
            expressions[id(one)] = expression
            left -= expression.cost
        else:
            left -= NO_HELP
    return Known(index, spot, tail, expressions, messages <= FEW)


async def _expression(tx: Transaction, index: TextIndex, spot: Spot, node: TextNode) -> Expression | None:
    if isinstance(node, q.Contains):
        plan = words.substring(sought(node.needle))
        return await index.expression(tx, spot, _CONTAINED[node.field], plan) if plan.slots else None
    if isinstance(node, q.Matches):
        return await index.expression(
            tx, spot, _MATCHED[node.field], words.phrase(normal(node.words), node.how)
        )
    name, needle = normal(node.name), sought(node.needle)
    plan = words.substring(needle)
    seen = plan.slots and name not in LEFT_OUT
    found = await index.field(tx, spot, words.field_name(name), plan if seen else None)
    return found._replace(exact=False) if found is not None and needle and not seen else found


class Compiler:
    """Makes SQL of a filter; `args` are the statement's arguments.

    Args:
        placed: placements are joined as `p` (one Mailbox is searched).
        args: those that stand already.
        known: what the index says.
    """

    def __init__(self, args: list[Any], known: Known, *, placed: bool) -> None:
        self.args = args
        self.placed = placed
        self.known = known
        self.driven: set[int] = set()
        self.headers = False
        self.nodes: dict[int, int] = {}  # id of a node of which SQL may know something -> number of its truth
        self._truths: list[str] = []
        self._tail = ""

    def arg(self, value: object) -> str:
        """An argument's place."""
        self.args.append(value)
        return f"?{len(self.args)}"

    def listed(self, values: frozenset[int]) -> str:
        """A list's place."""
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
        if isinstance(node, q.Contains | q.Matches | q.HeaderContains):
            return self.text(node, upper=upper)
        return self.leaf(node)

    def collect(self, node: q.Filter) -> list[str]:
        """Columns of whole numbers: whether SQL knows that a filter is true, what it knows of each leaf.

        Each truth has `TRUTH_BITS`; `nodes` says which is whose.
        """
        self._add("", self.bound(node, upper=False))
        self._collect(node)
        each = range(0, len(self._truths), TRUTHS_OF_COLUMN)
        return [" + ".join(self._truths[first : first + TRUTHS_OF_COLUMN]) for first in each]

    def _collect(self, node: q.Filter) -> None:
        if isinstance(node, q.And | q.Or):
            for part in node.filters:
                self._collect(part)
        elif isinstance(node, q.Not):
            self._collect(node.filter)
        elif not isinstance(node, q.Contains | q.Matches | q.HeaderContains):
            self.nodes[id(node)] = self._add("", self.leaf(node))
        elif (truth := self.truth(node)) is not None:
            self.nodes[id(node)] = self._add(*truth)

    def _add(self, unknown: str, true: str) -> int:
        """Add a truth; gives its number."""
        number = len(self._truths)
        place = TRUTH_BITS * (number % TRUTHS_OF_COLUMN)
        known = f"WHEN {unknown} THEN 0 " if unknown else ""
        self._truths.append(f"CASE {known}WHEN {true} THEN {TRUE << place} ELSE {FALSE << place} END")
        return number

    def driver(self, node: q.Filter) -> str | None:
        """A SELECT of Emails that the statement may begin with, as `id`; its nodes are then bound closer."""
        if self.known.tail is None or self.known.few or self.known.spot is None:
            return None
        driving = [one for one in _conjuncts(node) if id(one) in self.known.expressions]
        if not driving:
            return None
        asked = {id(one): self.known.expressions[id(one)] for one in driving}
        together = {one: each for one, each in asked.items() if len(each.texts) == 1 and not each.alone}
        if len(together) > 1:
            texts: Sequence[str] = (self.known.text_index.both([one.texts[0] for one in together.values()]),)
        else:
            together = dict([min(asked.items(), key=lambda one: one[1].cost)])
            texts = next(iter(together.values())).texts
        self.driven = set(together)
        sql, given = self.known.text_index.having(self.known.spot, texts)
        select = sql.format(*(self.arg(one) for one in given))
        if self.known.tail:
            select += f" UNION SELECT x.id FROM emails x WHERE x.id IN {self.tail()}"
        return select

    def tail(self) -> str:
        """The Emails that the index does not know, as a list."""
        if not self._tail:
            self._tail = self.listed(frozenset(self.known.tail or ()))
        return self._tail

    def unknown(self) -> str:
        """Whether the index does not say anything about the Email."""
        if self.known.tail is None:
            return f"({self.known.text_index.unindexed})"
        return f"e.id IN {self.tail()}" if self.known.tail else "FALSE"

    def member(self, node: TextNode) -> str:
        """Whether the index has the Email for a node."""
        if id(node) in self.driven:
            return f"NOT {self.unknown()}"
        expression = self.known.expressions[id(node)]
        texts = expression.texts
        assert self.known.spot is not None  # noqa: S101 - there are expressions
        if self.known.few and len(texts) == 1 and not expression.alone:
            sql, given = self.known.text_index.has(texts)
            return sql.format(*(self.arg(one) for one in given))
        sql, given = self.known.text_index.having(self.known.spot, texts)
        return f"e.id IN ({sql.format(*(self.arg(one) for one in given))})"

    def text(self, node: TextNode, *, upper: bool) -> str:
        """SQL that is true at least (upper) or at most (lower) where a text node is."""
        expression = self.known.expressions.get(id(node))
        if not is_textual(node):
            return self.header(node)
        if expression is None:
            return "TRUE" if upper else "FALSE"
        if upper:
            return "TRUE" if id(node) in self.driven else f"({self.member(node)} OR {self.unknown()})"
        return f"({self.member(node)})" if expression.exact else "FALSE"

    def header(self, node: TextNode) -> str:
        """SQL for a needle in a text that a row has; exact."""
        assert isinstance(node, q.Contains)  # noqa: S101 - no other is
        expression = self.known.expressions.get(id(node))
        if expression is not None and expression.exact and self.known.tail is not None:
            if not self.known.tail:
                return "TRUE" if id(node) in self.driven else f"({self.member(node)})"
            return f"CASE WHEN {self.unknown()} THEN {self.within(node)} ELSE {self.member(node)} END"
        return self.within(node)

    def within(self, node: q.Contains) -> str:
        """Whether the text of a row contains a needle."""
        self.headers = True
        return f"(instr({_COLUMN[node.field]}, {self.arg(sought(node.needle))}) > 0)"

    def truth(self, node: TextNode) -> tuple[str, str] | None:
        """SQL for where the text is to be looked at, and for the truth elsewhere; None: it always is."""
        if not is_textual(node):
            return "", self.header(node)
        expression = self.known.expressions.get(id(node))
        if expression is None:
            return None
        if not expression.exact:
            return None if id(node) in self.driven else (self.text(node, upper=True), "FALSE")
        return self.unknown(), "TRUE" if id(node) in self.driven else self.member(node)

    def must_look(self, node: q.Filter) -> bool:
        """Whether there may be candidates whose text must be looked at."""
        for one in text_nodes(node):
            if is_textual(one):
                expression = self.known.expressions.get(id(one))
                if expression is None or not expression.exact or self.known.tail is None or self.known.tail:
                    return True
        return False

    def leaf(self, node: q.Filter) -> str:  # noqa: C901 - one line for each kind of node
        """SQL for a node that is about no text."""
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
            case q.InThreads(ids):
                return f"e.thread IN {self.listed(ids)}"
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
        owner = "(SELECT m.account FROM mailboxes m WHERE m.id = ?1)" if self.placed else "?1"
        these = f"y.visible = 1 AND {has}"
        found = (
            f"CASE WHEN (SELECT t.members FROM threads t WHERE t.id = e.thread) > {LARGE_THREAD}"
            f" THEN e.thread IN (SELECT y.thread FROM emails y WHERE y.account = {owner} AND {these})"
            f" ELSE EXISTS (SELECT 1 FROM emails y WHERE y.thread = e.thread AND {these}) END"
        )
        return f"({found})" if how is q.InThread.SOME else f"(NOT {found})"

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
                self.headers = self.headers or ORDER[key].startswith("h.")
                return f"{ORDER[key]} {'ASC' if sort.ascending else 'DESC'}"
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


def _conjuncts(node: q.Filter) -> list[q.Filter]:
    """What must all be true."""
    if not isinstance(node, q.And):
        return [node]
    return [one for part in node.filters for one in _conjuncts(part)]
