"""Filters for the state machine: as the store takes them, and as a plain predicate over the model.

RFC 8621 section 4.4.1, RFC 9051 section 6.4.4.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from tests.properties.store_clients import Seen
from tests.properties.store_model import Account, Mail

from pymailcore.store import query as q
from pymailcore.store.keywords import keywords_of

Test = Callable[[Mail, int], bool]
"""Whether an Email matches, placed under a UID (0 where no Mailbox is searched)."""

PICKS = st.sets(st.integers(0, 1000), max_size=2)
WORDS = st.sampled_from(["plan", "ÄRGER", "ger", "re:", "", "nothing"])
_NAMES = st.sets(st.sampled_from(["$seen", "$draft", "$flagged", "work"]), min_size=1, max_size=2)

COMMON = st.one_of(
    st.tuples(st.just("in"), st.sets(st.integers(0, 1000), min_size=1, max_size=2)),
    st.tuples(st.just("other"), PICKS),
    st.tuples(st.just("keywords"), _NAMES),
    st.tuples(st.just("size"), st.none() | st.integers(100, 900), st.none() | st.integers(100, 900)),
    st.tuples(st.just("received"), st.none() | st.integers(0, 7), st.none() | st.integers(0, 7)),
    st.tuples(st.just("subject"), WORDS),
    st.tuples(st.just("body"), st.integers(1, 12)),
    st.tuples(st.just("emails"), PICKS),
)
PLACED = st.one_of(
    st.tuples(st.just("deleted")),
    st.tuples(st.just("uids"), st.lists(st.tuples(st.integers(1, 3), st.integers(3, 8)), max_size=2)),
    st.tuples(st.just("since"), st.integers(0, 5)),
)


def specs(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Trees of so few nodes that they can be read."""
    inner = st.one_of(leaves, st.tuples(st.just("not"), leaves))
    both = st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, max_size=3))
    return st.one_of(inner, both, st.tuples(st.just("not"), both))


@dataclass
class Resolver:
    """Makes filters of specs for the account as it is now."""

    account: Account
    history: list[Seen]
    mailbox: int | None = None  # that is searched

    def _boxes(self, picks: set[int]) -> set[int]:
        boxes = sorted(self.account.boxes.values(), key=lambda box: box.path)
        return {boxes[pick % len(boxes)].id for pick in picks}

    def make(self, spec: tuple[Any, ...]) -> tuple[q.Filter, Test]:  # noqa: C901
        """The filter, and what it means."""
        account = self.account
        match spec:
            case ("and" | "or" as kind, parts):
                made = [self.make(part) for part in parts]
                filters, tests = tuple(one for one, _ in made), [test for _, test in made]
                if kind == "and":
                    return q.And(filters), lambda mail, uid: all(test(mail, uid) for test in tests)
                return q.Or(filters), lambda mail, uid: any(test(mail, uid) for test in tests)
            case ("not", part):
                inner, test = self.make(part)
                return q.Not(inner), lambda mail, uid: not test(mail, uid)
            case ("in", picks):
                boxes = self._boxes(picks)
                return q.InMailbox(frozenset(boxes)), lambda mail, _: bool(account.places(mail.id) & boxes)
            case ("other", picks):
                boxes = self._boxes(picks)
                return q.NotOnlyIn(frozenset(boxes)), lambda mail, _: bool(account.places(mail.id) - boxes)
            case ("keywords", names):
                return q.HasKeywords(keywords_of(names)), lambda mail, _: names <= mail.keywords
            case ("size", least, below):
                return q.Size(least, below), lambda mail, _: _within(mail.size, least, below)
            case ("received", low, high):
                since, before = (None if n is None else 1_700_000_000_000 + 1000 * n for n in (low, high))
                return q.Received(since, before), lambda mail, _: _within(mail.received_ms, since, before)
            case ("subject", word):
                return (
                    q.Contains(q.Field.SUBJECT, word),
                    lambda mail, _: word.casefold() in mail.subject.casefold(),
                )
            case ("body", number):
                name = f"n{number}"
                return q.Contains(q.Field.BODY, name), lambda mail, _: mail.name.startswith(name)
            case ("emails", picks):
                there = sorted(account.mails)
                ids = frozenset(there[pick % len(there)] for pick in picks if there)
                return q.Emails(ids), lambda mail, _: mail.id in ids
        return self._placed(spec)

    def _placed(self, spec: tuple[Any, ...]) -> tuple[q.Filter, Test]:
        assert self.mailbox is not None
        box = self.account.boxes[self.mailbox]
        match spec:
            case ("deleted",):
                return q.Deleted(), lambda _, uid: bool(box.placed[uid].deleted)
            case ("uids", ranges):
                return q.Uids(tuple(ranges)), lambda _, uid: any(low <= uid <= high for low, high in ranges)
            case ("since", back):
                modseq = self.history[-1 - back % len(self.history)].states.modseq
                seen = self.history[-1].messages[box.id]
                return q.ModifiedSince(modseq), lambda _, uid: seen[uid].modseq >= modseq
        raise AssertionError(spec)


def _within(value: int, low: int | None, high: int | None) -> bool:
    return (low is None or value >= low) and (high is None or value < high)


ORDERS: dict[q.SortKey, Callable[[Mail], Any]] = {
    q.SortKey.RECEIVED: lambda mail: mail.received_ms,
    q.SortKey.SIZE: lambda mail: mail.size,
}
SORTS = st.lists(st.builds(q.Sort, st.sampled_from(list(ORDERS)), st.booleans()), min_size=1, max_size=2)


def ordered(mails: list[Mail], sort: list[q.Sort]) -> list[int]:
    """Ids in the order asked for; ties go by id, in the direction of the last key."""
    found = sorted(mails, key=lambda mail: mail.id, reverse=not sort[-1].ascending)
    for one in reversed(sort):
        found.sort(key=ORDERS[one.key], reverse=not one.ascending)
    return [mail.id for mail in found]
