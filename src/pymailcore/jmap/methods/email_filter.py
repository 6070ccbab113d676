"""Filter and sort of Email/query into the store's neutral language.

Standards: RFC 8621 sections 4.4.1 and 4.4.2.

A search string is words, each the beginning of a word of the text, and quoted phrases; all must be there. In
addresses a word may also be a part of one. Neither case nor accents count.

Bounded in depth, in the number of conditions, each word and each hundred Mailboxes being one, and in the
length of a string. What the language cannot say is unsupportedFilter or unsupportedSort, never passed over.
"""

from collections.abc import Callable, Iterable
from typing import Final

from pymailcore.base import ids
from pymailcore.jmap.methods.keyword_names import keyword_set
from pymailcore.jmap.methods.search_strings import Needle, split_search
from pymailcore.jmap.protocol.capabilities import COLLATIONS
from pymailcore.jmap.protocol.errors import MethodError, SetError, invalid_arguments
from pymailcore.jmap.protocol.standard import Comparator
from pymailcore.jmap.protocol.values import JsonObject, is_int, parse_utc_date
from pymailcore.store import query
from pymailcore.store.keywords import Keywords
from pymailcore.store.query import Filter, Sort, SortKey

MAX_NEEDLE: Final = 1_000
MAILBOXES: Final = 100
"""Mailboxes of `inMailboxOtherThan` that count as one condition more."""

_NOTHING: Final = query.Or(())
_SORTS: Final = {
    key.value: key
    for key in (
        SortKey.RECEIVED,
        SortKey.SENT,
        SortKey.SIZE,
        SortKey.SUBJECT,
        SortKey.FROM,
        SortKey.TO,
        SortKey.HAS_KEYWORD,
        SortKey.ALL_IN_THREAD,
        SortKey.SOME_IN_THREAD,
    )
}
_STRING_SORTS: Final = frozenset({SortKey.SUBJECT, SortKey.FROM, SortKey.TO})
_KEYWORD_SORTS: Final = frozenset({SortKey.HAS_KEYWORD, SortKey.ALL_IN_THREAD, SortKey.SOME_IN_THREAD})


def _mailbox(value: object) -> Filter:
    if not isinstance(value, str):
        raise invalid_arguments("inMailbox is an Id")
    number = ids.decode_id(ids.MAILBOX, value)
    return _NOTHING if number is None else query.InMailbox(frozenset({number}))


def _other_than(value: object) -> Filter:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid_arguments("inMailboxOtherThan is a list of Ids")
    numbers = (ids.decode_id(ids.MAILBOX, item) for item in value)
    return query.NotOnlyIn(frozenset(number for number in numbers if number is not None))


def _moment(name: str, value: object) -> int:
    moment = parse_utc_date(value) if isinstance(value, str) else None
    if moment is None:
        raise invalid_arguments(f"{name} is a UTCDate")
    return moment


def _size(name: str, value: object) -> int:
    if not isinstance(value, int) or not is_int(value, 0):
        raise invalid_arguments(f"{name} is an UnsignedInt")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise invalid_arguments(f"{name} is a string")
    if len(value) > MAX_NEEDLE:
        raise MethodError("unsupportedFilter", f"{name} is longer than {MAX_NEEDLE}")
    return value


def _keyword(name: str, value: object) -> Filter:
    if not isinstance(value, str):
        raise invalid_arguments(f"{name} is a keyword")
    try:
        return query.HasKeywords(keyword_set([value]))
    except SetError:
        return _NOTHING  # no Email can have what is no keyword


def _in_thread(how: query.InThread) -> Callable[[object], Filter]:
    """Of a Thread's Emails (RFC 8621 section 4.4.1); what is no keyword, none of them has."""

    def make(value: object) -> Filter:
        has = _keyword(f"{how.value}InThreadHaveKeyword", value)
        if isinstance(has, query.HasKeywords):
            return query.ThreadHasKeywords(how, has.keywords)
        return query.And(()) if how is query.InThread.NONE else _NOTHING

    return make


def _attachment(value: object) -> Filter:
    if not isinstance(value, bool):
        raise invalid_arguments("hasAttachment is a boolean")
    return query.HasAttachment() if value else query.Not(query.HasAttachment())


def _header(value: object) -> Filter:
    if (
        not isinstance(value, list)
        or len(value) not in {1, 2}
        or not all(isinstance(item, str) for item in value)
    ):
        raise invalid_arguments("header is a list of one or two strings")
    name = _text("header", value[0])
    if not name or not all("!" <= character <= "~" and character != ":" for character in name):
        raise invalid_arguments("header begins with the name of a field")
    needles = split_search(_text("header", value[1])) if len(value) == 2 else []
    return _all_of(
        [query.HeaderContains(name, needle.text.strip()) for needle in needles or [Needle("", phrase=False)]]
    )


def _looks(field: query.Field, how: query.How = query.How.PREFIX) -> Callable[[object], Filter]:
    """A search string in a field; `how` its words, those in no phrase, are looked for."""

    def make(value: object) -> Filter:
        return _all_of(
            query.Matches(field, needle.text, query.How.WHOLE if needle.phrase else how)
            for needle in split_search(_text(field.value, value))
        )

    return make


def _all_of(filters: Iterable[Filter]) -> Filter:
    different = tuple(dict.fromkeys(filters))
    return different[0] if len(different) == 1 else query.And(different)


_CONDITIONS: Final[dict[str, Callable[[object], Filter]]] = {
    "inMailbox": _mailbox,
    "inMailboxOtherThan": _other_than,
    "before": lambda value: query.Received(before_ms=_moment("before", value)),
    "after": lambda value: query.Received(since_ms=_moment("after", value)),
    "minSize": lambda value: query.Size(least=_size("minSize", value)),
    "maxSize": lambda value: query.Size(below=_size("maxSize", value)),
    "hasKeyword": lambda value: _keyword("hasKeyword", value),
    "notKeyword": lambda value: query.Not(_keyword("notKeyword", value)),
    "allInThreadHaveKeyword": _in_thread(query.InThread.ALL),
    "someInThreadHaveKeyword": _in_thread(query.InThread.SOME),
    "noneInThreadHaveKeyword": _in_thread(query.InThread.NONE),
    "hasAttachment": _attachment,
    "header": _header,
    "text": _looks(query.Field.TEXT),
    "from": _looks(query.Field.FROM, query.How.SUBSTRING),
    "to": _looks(query.Field.TO, query.How.SUBSTRING),
    "cc": _looks(query.Field.CC, query.How.SUBSTRING),
    "bcc": _looks(query.Field.BCC, query.How.SUBSTRING),
    "subject": _looks(query.Field.SUBJECT),
    "body": _looks(query.Field.BODY),
}


class FilterCompiler:
    """Compiles one filter within the limits."""

    def __init__(self, *, max_depth: int, max_conditions: int) -> None:
        self._max_depth = max_depth
        self._left = max_conditions

    def compile(self, condition: JsonObject | None) -> Filter:
        """Compile a FilterOperator or FilterCondition; None takes every Email.

        Raises:
            MethodError: unsupportedFilter or invalidArguments.
        """
        return query.And(()) if condition is None else self._compile(condition, self._max_depth)

    def _compile(self, condition: JsonObject, depth: int) -> Filter:
        if depth == 0:
            raise MethodError("unsupportedFilter", f"nested deeper than {self._max_depth}")
        if "operator" in condition:
            return self._operator(condition, depth)
        filters = []
        for name, value in condition.items():
            self._left -= 1
            if self._left < 0:
                raise MethodError("unsupportedFilter", "too many conditions")
            make = _CONDITIONS.get(name)
            if make is None:
                raise MethodError("unsupportedFilter", f"{name[:64]} is not known")
            made = make(value)
            self._left -= _more_than_one(made)
            if self._left < 0:
                raise MethodError("unsupportedFilter", "too many conditions")
            filters.append(made)
        return filters[0] if len(filters) == 1 else query.And(tuple(filters))

    def _operator(self, condition: JsonObject, depth: int) -> Filter:
        conditions = condition.get("conditions")
        if set(condition) != {"operator", "conditions"} or not isinstance(conditions, list):
            raise invalid_arguments("a FilterOperator has operator and conditions")
        filters = []
        for item in conditions:
            if not isinstance(item, dict):
                raise invalid_arguments("a condition is an object")
            self._left -= 1
            if self._left < 0:
                raise MethodError("unsupportedFilter", "too many conditions")
            filters.append(self._compile(item, depth - 1))
        match condition["operator"]:
            case "AND":
                return query.And(tuple(filters))
            case "OR":
                return query.Or(tuple(filters))
            case "NOT":
                return query.Not(query.Or(tuple(filters)))
        raise invalid_arguments("operator is AND, OR or NOT")


def _more_than_one(made: Filter) -> int:
    """Each word of a search string is a condition of its own, and so is each lot of Mailboxes."""
    if isinstance(made, query.And):
        return max(0, len(made.filters) - 1)
    return len(made.mailboxes) // MAILBOXES if isinstance(made, query.NotOnlyIn) else 0


def compile_sort(comparators: list[Comparator]) -> list[Sort]:
    """Compile the sort; none means the newest first, which RFC 8621 section 4.4.2 leaves to the server.

    The collation of what is no string is not looked at (RFC 8620 section 5.5). A key that has been sorted by
    orders nothing any more.

    Raises:
        MethodError: unsupportedSort.
    """
    sort: dict[tuple[SortKey, Keywords | None], Sort] = {}
    for comparator in comparators:
        key = _SORTS.get(comparator.property)
        allowed = {"keyword"} if key in _KEYWORD_SORTS else set()
        if key is None or not set(comparator.extra) <= allowed:
            raise MethodError("unsupportedSort", f"by {comparator.property[:64]}")
        if key in _STRING_SORTS and comparator.collation not in {None, *COLLATIONS}:
            raise MethodError("unsupportedSort", "collation")
        if key not in _KEYWORD_SORTS:
            sort.setdefault((key, None), Sort(key, comparator.ascending))
            continue
        has = _keyword("keyword", comparator.extra.get("keyword"))
        if isinstance(has, query.HasKeywords):  # what is no keyword orders nothing
            sort.setdefault((key, has.keywords), Sort(key, comparator.ascending, has.keywords))
    return list(sort.values()) or [Sort(SortKey.RECEIVED, ascending=False)]
