"""Search keys as filters of the store; keys that are stored under a name.

Standards: RFC 9051 section 6.4.4, RFC 5032 section 2 (OLDER, YOUNGER), RFC 5466 section 3.1 (FILTER),
RFC 6203 section 3 (FUZZY), RFC 7162 section 3.1.5 (MODSEQ), RFC 8474 section 6 (EMAILID, THREADID), RFC 8514
section 4.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pymailcore.base.errors import InvalidValue
from pymailcore.base.ids import EMAIL, THREAD, decode_id
from pymailcore.imap.protocol import search_keys as k
from pymailcore.imap.protocol.dates import day_ms
from pymailcore.imap.protocol.search_grammar import MAX_DEPTH, MAX_KEYS, BadFilter, parse_filter
from pymailcore.imap.view import View
from pymailcore.store import query as q
from pymailcore.store.keywords import keywords_of

_LARGEST_UID: Final = 2**32 - 1
_FIELD: Final = {field.value: field for field in q.Field}
_WHOLE: Final = frozenset({q.Field.TEXT, q.Field.BODY})
EVERYTHING: Final = q.And(())
_NOTHING: Final = q.Or(())

MAX_PASSES: Final = 8
"""Filters that name each other; RFC 5466 section 3.1 wants 3 at least."""

MAX_WORDS: Final = 32
"""Words of one fuzzy key that are looked for."""

FILTER_ENTRIES: Final = ("/private/filters/values/", "/shared/filters/values/")
"""Where a filter is kept among the annotations of the server; the first that is there counts."""

MAX_FILTER_OCTETS: Final = 16_384
"""A stored filter: more than anybody writes, and few enough that all filters can be read at once."""


class UndefinedFilter(InvalidValue):
    """A filter is not there, is no list of keys, or leads back to itself.

    Attributes:
        name: of the filter.
    """

    def __init__(self, name: str) -> None:
        super().__init__("no such filter")
        self.name = name


def with_filters(key: k.SearchKey, values: Mapping[str, bytes]) -> k.SearchKey:
    """Put the stored keys in the place of their names.

    Several keys that are stored together stay together, as if they stood in parentheses.

    Args:
        values: annotations of the server by name.

    Raises:
        UndefinedFilter: as its name says; also when there would be too many keys, or too deep ones.
    """
    return _Filters(values, _named(key)).replaced(key, 1)


def _named(key: k.SearchKey) -> str:
    """The first filter that a key names; empty when it names none."""
    if isinstance(key, k.Filtered):
        return key.name
    return next((name for part in k.parts(key) if (name := _named(part))), "")


class _Filters:
    """Puts keys in the place of filters.

    A limit that is passed is laid to the filter of the command that was looked at last, as if that did not
    exist (section 3.1); what is not there, to its own name.
    """

    def __init__(self, values: Mapping[str, bytes], named: str) -> None:
        self._values = values
        self._count = 0
        self._inside: list[str] = []
        self._named = named

    def replaced(self, key: k.SearchKey, depth: int) -> k.SearchKey:
        self._count += 1
        if self._count > MAX_KEYS or depth > MAX_DEPTH:
            raise UndefinedFilter(self._named)
        match key:
            case k.Both(keys):
                return k.Both(tuple([self.replaced(each, depth + 1) for each in keys]))
            case k.Either(first, second):
                return k.Either(self.replaced(first, depth + 1), self.replaced(second, depth + 1))
            case k.Without(inner):
                return k.Without(self.replaced(inner, depth + 1))
            case k.Fuzzy(inner):
                return k.Fuzzy(self.replaced(inner, depth + 1))
            case k.Filtered(name):
                return self._stored(name, depth)
        return key

    def _stored(self, name: str, depth: int) -> k.SearchKey:
        if not self._inside:
            self._named = name
        if name in self._inside or len(self._inside) >= MAX_PASSES:
            raise UndefinedFilter(self._named)
        value = next(
            (self._values[entry + name] for entry in FILTER_ENTRIES if entry + name in self._values), None
        )
        if value is None:
            raise UndefinedFilter(name)
        try:
            key = parse_filter(value)
        except BadFilter:
            raise UndefinedFilter(name) from None
        self._inside.append(name)
        replaced = self.replaced(key, depth)
        self._inside.pop()
        return replaced


def fuzzy_needles(key: k.SearchKey, *, fuzzy: bool = False) -> list[str]:
    """The words that are looked for fuzzily, for relevance."""
    match key:
        case k.Holds(_, needle) if fuzzy:
            return needle.split(maxsplit=MAX_WORDS)[:MAX_WORDS]
        case k.Without(_):
            return []
        case k.Fuzzy(inner):
            return fuzzy_needles(inner, fuzzy=True)
    return [needle for part in k.parts(key) for needle in fuzzy_needles(part, fuzzy=fuzzy)]


def compile_key(key: k.SearchKey, view: View, now_ms: int) -> q.Filter:
    """Give the filter that takes what a key takes; the depth is bounded by the grammar.

    Args:
        now_ms: milliseconds since 1970, for OLDER and YOUNGER.
    """
    return _Compiler(view, now_ms).filter(key)


@dataclass(frozen=True, slots=True)
class _Compiler:
    view: View
    now_ms: int
    fuzzy: bool = False

    def filter(self, key: k.SearchKey) -> q.Filter:
        match key:
            case k.Both(keys):
                return q.And(tuple([self.filter(each) for each in keys]))
            case k.Either(first, second):
                return q.Or((self.filter(first), self.filter(second)))
            case k.Without(inner):
                return q.Not(self.filter(inner))
            case k.Fuzzy(inner):
                return _Compiler(self.view, self.now_ms, fuzzy=True).filter(inner)
            case k.Holds(field, needle):
                return self._text(_FIELD[field], needle)
            case k.HeaderHolds(name, needle):
                return q.HeaderContains(name, needle)
            case k.Messages() | k.IsRecent() | k.HasEmailId() | k.HasThreadId():
                return self._named(key)
        return self._plain(key)

    def _text(self, field: q.Field, needle: str) -> q.Filter:
        # An empty needle is in every string; where there is no field, there is no string.
        if not (needle.strip() if self.fuzzy else needle):
            return EVERYTHING if field in _WHOLE else q.HeaderContains(field.value, "")
        if not self.fuzzy:
            return q.Contains(field, needle)
        words = dict.fromkeys(needle.split(maxsplit=MAX_WORDS)[:MAX_WORDS])
        return q.And(tuple([q.Matches(field, word, q.How.PREFIX) for word in words]))

    def _named(self, key: k.Messages | k.IsRecent | k.HasEmailId | k.HasThreadId) -> q.Filter:
        """Keys that name messages."""
        match key:
            case k.Messages(messages, uid):
                ranges = self.view.ranges(messages, uid=uid, lenient=True)
                return q.Uids(ranges) if ranges else _NOTHING
            case k.IsRecent():
                return q.Uids(((self.view.recent_from, _LARGEST_UID),))
            case k.HasEmailId(text):
                email = decode_id(EMAIL, text)
                return _NOTHING if email is None else q.Emails(frozenset({email}))
            case k.HasThreadId(text):
                thread = decode_id(THREAD, text)
                return _NOTHING if thread is None else q.InThreads(frozenset({thread}))

    def _plain(self, key: k.SearchKey) -> q.Filter:
        match key:
            case k.HasKeyword(name):
                return q.HasKeywords(keywords_of((name,)))
            case k.IsDeleted():
                return q.Deleted()
            case k.Dated():
                return _dated(key)
            case k.Aged(older, seconds):
                # RFC 5032 section 2: to the second, the moment itself belongs to both
                moment = (self.now_ms // 1000 - seconds) * 1000
                return q.Received(before_ms=moment + 1000) if older else q.Received(since_ms=moment)
            case k.Larger(octets):
                return q.Size(least=octets + 1)
            case k.Smaller(octets):
                return q.Size(below=octets)
            case k.ModifiedSince(modseq):
                return q.ModifiedSince(modseq)
        return EVERYTHING


def _dated(key: k.Dated) -> q.Filter:
    since_ms = None if key.since is None else day_ms(key.since)
    before_ms = None if key.before is None else day_ms(key.before)
    match key.clock:
        case k.Clock.SENT:
            return q.Sent(since_ms, before_ms)
        case k.Clock.SAVED:
            return q.Saved(since_ms, before_ms)
        case k.Clock.INTERNAL:
            return q.Received(since_ms, before_ms)
