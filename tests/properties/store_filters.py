"""Filters for the state machine: as the store takes them, and as a plain predicate over the model.

RFC 8621 section 4.4.1, RFC 9051 section 6.4.4.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from tests.properties.store_clients import Seen
from tests.properties.store_model import Account, Mail

from pymailcore.store import query as q
from pymailcore.store.keywords import keywords_of

Test = Callable[[Mail, int], bool]
"""Whether an Email matches, placed under a UID (0 where no Mailbox is searched)."""

PICKS = st.sets(st.integers(0, 1000), max_size=2)
WORDS = st.sampled_from(["plan", "ÄRGER", "ger", "re:", "", "nothing", "plan ", " plan", " "])
TEXTS: Final = (
    "Straße am Café", "quarterly\r\n figures", "会議室の予約 42", "Brücken-Pfeiler, Brücke",
    "STRASSE 7 quarter", "",
)  # fmt: skip
"""What letters say, besides their names."""
NEEDLES: Final = (
    "straße", "STRAS", "caf", "y fig", "arterly figures", "会議", "室の", "ücken-pf", "rücke", "pfeiler, b",
    "e 7 q", "42", "nothing", "q", "lan b",
    "straße ", " café", "café ", " am ", " figur", " igur", "figures ", "gures ", "pfeiler, ", " 42", "42 ",
)  # fmt: skip
ROWS: Final = (
    ("brucke", q.How.WHOLE), ("bru", q.How.PREFIX), ("am caf", q.How.PREFIX), ("strasse am", q.How.WHOLE),
    ("rly fi", q.How.SUBSTRING), ("ucke", q.How.SUBSTRING), ("arger", q.How.WHOLE), ("quarter", q.How.WHOLE),
)  # fmt: skip
_NAMES = st.sets(st.sampled_from(["$seen", "$draft", "$flagged", "work"]), min_size=1, max_size=2)

TEXTUAL = st.one_of(
    st.tuples(st.just("subject"), WORDS),
    st.tuples(st.just("body"), st.integers(1, 12)),
    st.tuples(st.just("text"), st.sampled_from([q.Field.TEXT, q.Field.BODY]), st.sampled_from(NEEDLES)),
    st.tuples(st.just("text"), st.just(q.Field.BODY), st.just(" ")),
    st.tuples(st.just("words"), st.sampled_from([q.Field.SUBJECT, q.Field.BODY]), st.sampled_from(ROWS)),
    st.tuples(st.just("header"), st.integers(1, 12)),
)
COMMON = st.one_of(
    TEXTUAL,
    st.tuples(st.just("in"), st.sets(st.integers(0, 1000), min_size=1, max_size=2)),
    st.tuples(st.just("other"), PICKS),
    st.tuples(st.just("keywords"), _NAMES),
    st.tuples(st.just("size"), st.none() | st.integers(100, 900), st.none() | st.integers(100, 900)),
    st.tuples(st.just("received"), st.none() | st.integers(0, 7), st.none() | st.integers(0, 7)),
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


def text_of(name: str) -> str:
    """What the letter of a name says behind it."""
    return TEXTS[int(name[1:]) % len(TEXTS)]


def _seen(mail: Mail, field: q.Field) -> str:
    """What a search in a field looks through, as far as needles are in it."""
    said = [mail.subject] if field is q.Field.SUBJECT else [f"{mail.name} {text_of(mail.name)}"]
    if field is q.Field.TEXT:
        said.insert(0, mail.subject)
    return "\n".join([" ".join(one.casefold().split()) for one in said])


def _words(text: str) -> list[str]:
    bare = "".join(one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one))
    return re.findall(r"\w+", bare)


def _has_row(text: str, row: str, how: q.How) -> bool:
    """Whether a text has words in a row."""
    words, wanted = _words(text), row.split()
    *before, last = wanted
    for at in range(len(words) - len(wanted) + 1):
        *these, there = words[at : at + len(wanted)]
        if how is q.How.SUBSTRING:
            first = these == before or (bool(before) and these[0].endswith(before[0]))
            if first and (there.startswith(last) if before else last in there):
                return True
        elif these == before and (there.startswith(last) if how is q.How.PREFIX else there == last):
            return True
    return False


TEXTS_SOUGHT: Final = st.lists(specs(TEXTUAL), min_size=2, max_size=5)


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
            case ("text", field, needle):
                folded = needle.casefold()
                return q.Contains(field, needle), lambda mail, _: folded in _seen(mail, field)
            case ("words", field, (row, how)):
                return q.Matches(field, row, how), lambda mail, _: _has_row(_seen(mail, field), row, how)
            case ("header", number):
                return (
                    q.HeaderContains("Message-ID", f"<{number}@"),
                    lambda mail, _: mail.name == f"n{number}",
                )
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
