"""Threads of messages.

Standards: RFC 5256 section 3 (ORDEREDSUBJECT, REFERENCES), section 4 (THREAD response).

Theory of operation. A message is a number from 0 on, in the order of the Mailbox; a dummy is a number from
the count of messages on. Children are gathered message by message in the order of sent dates, so that every
set of siblings, the roots among them, is born sorted (steps 4 and 6); only what step 5 has joined is sorted
again. Nothing recurses: a reply to a reply may go on for ten thousand messages.

Whether a link would make a loop is asked only of messages that have children already. References that are
made to make that dear (chains that are turned round all the time) get as many steps as `MAX_STEPS`; beyond
them such a link is left out, as if it made a loop.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

MAX_STEPS: Final = 1_000_000

_NONE: Final = -1


class Forest(NamedTuple):
    """Threads.

    Attributes:
        messages: how many; numbers from there on are dummies, which only occur as roots.
        roots: the first message of each Thread, in order.
        children: of those that have some, in order.
    """

    messages: int
    roots: list[int]
    children: dict[int, list[int]]


def ordered_subject(dates: Sequence[int], subjects: Sequence[int]) -> Forest:
    """ORDEREDSUBJECT: the first message of each subject with all others of that subject below it.

    Args:
        dates: sent dates of messages.
        subjects: numbers of base subjects; equal ones are one subject.
    """
    threads: dict[int, list[int]] = {}
    for message in _by_date(dates):
        threads.setdefault(subjects[message], []).append(message)
    roots = [thread[0] for thread in threads.values()]
    children = {thread[0]: thread[1:] for thread in threads.values() if len(thread) > 1}
    return Forest(len(dates), roots, children)


def references(
    dates: Sequence[int],
    ids: Sequence[int],
    subjects: Sequence[int],
    replies: Sequence[int],
    references: Sequence[int],
    ends: Sequence[int],
) -> Forest:
    """REFERENCES.

    Args:
        dates: sent dates of messages.
        ids: numbers of their Message-IDs, 0 for none.
        subjects: numbers of their base subjects, 0 for an empty one.
        replies: not 0 for what is a reply or forward by its subject.
        references: numbers of the ids that they refer to, one message after the other, the oldest id first.
        ends: where each message's references end.
    """
    count = len(dates)
    parents = _Links(count, ids).linked(references, ends)
    order = _by_date(dates)
    roots, children, dummies = _gathered(count, parents, order)
    joining = _Joining(dates, subjects, replies, children, dummies, len(parents))
    return Forest(count, joining.joined(roots), children)


def _by_date(dates: Sequence[int]) -> list[int]:
    """Messages by sent date, then by their order in the Mailbox (section 2.2)."""
    return sorted(range(len(dates)), key=dates.__getitem__)


class _Links:
    """Step 1: who is whose parent."""

    def __init__(self, count: int, ids: Sequence[int]) -> None:
        # Of several messages with one id the first has it; no reference is 0.
        self._nodes = dict(zip(reversed(ids), range(count - 1, -1, -1), strict=True))
        self._parents = [_NONE] * count
        self._has_children = [False] * count
        self._steps = MAX_STEPS

    def linked(self, references: Sequence[int], ends: Sequence[int]) -> list[int]:
        """Give the parent of each message and dummy."""
        parents = self._parents
        nodes = self._nodes
        has_children = self._has_children
        start = 0
        for message, end in enumerate(ends):
            if start == end:
                parents[message] = _NONE
                continue
            last = _NONE
            for reference in references[start:end]:
                node = nodes.get(reference)
                if node is None:
                    node = nodes[reference] = len(parents)
                    parents.append(last)
                    has_children.append(False)
                    if last >= 0:
                        has_children[last] = True
                elif last >= 0 and parents[node] < 0 and self._may_link(last, node):
                    parents[node] = last
                    has_children[last] = True
                last = node
            start = end
            if parents[message] != last:
                parents[message] = _NONE
                if last != message and (not has_children[message] or self._may_link(last, message)):
                    parents[message] = last
                    if last >= 0:
                        has_children[last] = True
        return parents

    def _may_link(self, parent: int, child: int) -> bool:
        """Whether the child is not the parent, nor above it."""
        if parent < 0 or parent == child:
            return False
        if not self._has_children[child]:
            return True
        parents = self._parents
        steps = self._steps
        above = parent
        while above >= 0 and above != child and steps > 0:
            above = parents[above]
            steps -= 1
        self._steps = steps
        return above < 0


def _gathered(
    count: int, parents: list[int], order: list[int]
) -> tuple[list[int], dict[int, list[int]], set[int]]:
    """Steps 2 to 4: prune dummies, and gather children; roots, children, dummies that are roots."""
    children: dict[int, list[int]] = {}
    roots: list[int] = []
    tops: dict[int, int] = {}  # a dummy below whose like are only dummies -> the highest of them, or parent
    for message in order:
        parent = parents[message]
        if parent < 0:
            roots.append(message)
            continue
        if parent >= count:
            parent = _above_dummies(parent, count, parents, tops)
        siblings = children.get(parent)
        if siblings is not None:
            siblings.append(message)
        else:
            children[parent] = [message]
            if parent >= count:
                roots.append(parent)
    dummies = set()
    for place, root in enumerate(roots):
        if root >= count:
            if len(children[root]) == 1:
                (roots[place],) = children.pop(root)
            else:
                dummies.add(root)
    return roots, children, dummies


def _above_dummies(dummy: int, count: int, parents: list[int], known: dict[int, int]) -> int:
    """The nearest message above a dummy; the highest dummy where there is none."""
    way = []
    here = dummy
    while here not in known:
        way.append(here)
        above = parents[here]
        if above < count:
            known[here] = here if above < 0 else above
            break
        here = above
    found = known[here]
    for passed in way:
        known[passed] = found
    return found


class _Joining:
    """Step 5: Threads of the same subject become one; changes `children` and `dummies`."""

    def __init__(
        self,
        dates: Sequence[int],
        subjects: Sequence[int],
        replies: Sequence[int],
        children: dict[int, list[int]],
        dummies: set[int],
        free: int,
    ) -> None:
        self._dates = dates
        self._subjects = subjects
        self._replies = replies
        self._children = children
        self._dummies = dummies
        self._free = free
        self._changed: set[int] = set()

    def joined(self, roots: list[int]) -> list[int]:
        """Give the roots that remain, in order."""
        found = [self._subjects[message] for message in self._firsts(roots)]
        table = self._table(roots, found)
        out: list[int] = []
        gone: set[int] = set()
        for root, subject in zip(roots, found, strict=True):
            holder = table[subject] if subject else root
            if holder == root:
                out.append(root)
            elif not self._below(holder, root):
                gone.add(holder)
                table[subject] = self._above(holder, root)
                out.append(table[subject])
        if not self._changed:
            return roots
        for parent in self._changed:
            siblings = self._children[parent]
            siblings.sort()
            siblings.sort(key=self._dates.__getitem__)
        out = [root for root in out if root not in gone]
        keys = [(self._dates[first], first) for first in self._firsts(out)]
        return [root for _, root in sorted(zip(keys, out, strict=True))]

    def _firsts(self, roots: list[int]) -> list[int]:
        """The roots, with the first child of those that are dummies."""
        dummies, children = self._dummies, self._children
        return [children[root][0] if root in dummies else root for root in roots]

    def _table(self, roots: list[int], found: list[int]) -> dict[int, int]:
        """Step 5.B: the root that stands for each subject."""
        table: dict[int, int] = {}
        dummies, replies = self._dummies, self._replies
        for root, subject in zip(roots, found, strict=True):
            if not subject:
                continue
            holder = table.setdefault(subject, root)
            if holder == root or holder in dummies:
                continue
            if root in dummies or (replies[holder] and not replies[root]):
                table[subject] = root
        return table

    def _below(self, holder: int, root: int) -> bool:
        """Put a root below the one that stands for its subject, where the rules of step 5.C want that."""
        if holder in self._dummies:
            siblings = self._children[holder]
            if root in self._dummies:
                siblings += self._children.pop(root)
            else:
                siblings.append(root)
        elif self._replies[root] and not self._replies[holder]:
            self._children.setdefault(holder, []).append(root)
        else:
            return False
        self._changed.add(holder)
        return True

    def _above(self, holder: int, root: int) -> int:
        """Put a new dummy above two roots."""
        dummy = self._free
        self._free += 1
        self._children[dummy] = [holder, root]
        self._dummies.add(dummy)
        self._changed.add(dummy)
        return dummy


def encode_threads(forest: Forest, numbers: Sequence[int]) -> bytes:
    """Write the threads of a THREAD response.

    Args:
        numbers: of messages on the wire, by their place.
    """
    children = forest.children
    texts = list(map(str, numbers))
    out: list[str] = []
    waiting: list[Iterator[int]] = []
    siblings = iter(forest.roots)
    while True:
        for node in siblings:
            if node not in children:
                out.append(f"({texts[node]})")
                continue
            out.append("(")
            below = _chain(node, forest, texts, out)
            if children.keys().isdisjoint(below):  # most often, and then quick
                out.append(f"({')('.join([texts[one] for one in below])}))" if below else ")")
                continue
            waiting.append(siblings)
            siblings = iter(below)
            break
        else:
            if not waiting:
                return "".join(out).encode("ascii")
            out.append(")")
            siblings = waiting.pop()


def _chain(node: int, forest: Forest, texts: list[str], out: list[str]) -> Sequence[int]:
    """Write a message and its descendants as long as each has one child; gives the children of the last."""
    size, _, children = forest
    below = children[node]
    if node < size:
        out.append(texts[node])
        out.append(" ")
    while len(below) == 1:
        node = below[0]
        out.append(texts[node])
        if node not in children:
            return ()
        out.append(" ")
        below = children[node]
    return below
