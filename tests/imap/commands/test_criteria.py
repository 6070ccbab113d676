"""Search keys as filters."""

import pytest
from tests.imap.test_view import view

from pymailcore.base.ids import EMAIL, THREAD, encode_id
from pymailcore.imap.commands.criteria import (
    EVERYTHING,
    MAX_PASSES,
    MAX_WORDS,
    UndefinedFilter,
    compile_key,
    fuzzy_needles,
    with_filters,
)
from pymailcore.imap.protocol import search_keys as k
from pymailcore.imap.protocol.search_grammar import MAX_KEYS
from pymailcore.store import query as q

HOME = "/private/filters/values/"
NOW_MS = 1_700_000_000_500


def compiled(key: k.SearchKey) -> q.Filter:
    return compile_key(key, view(2, 5), NOW_MS)


def test_what_takes_everything() -> None:
    for key in (k.All(), k.Holds("text", ""), k.Holds("body", ""), k.Fuzzy(k.Holds("body", " "))):
        assert compiled(key) == EVERYTHING


@pytest.mark.parametrize("field", ["bcc", "cc", "from", "subject", "to"])
def test_an_empty_needle_asks_whether_there_is_a_field(field: str) -> None:
    """RFC 9051 section 6.4.4: the string is looked for in the field, which must be there."""
    for key in (k.Holds(field, ""), k.Fuzzy(k.Holds(field, " "))):
        assert compiled(key) == q.HeaderContains(field, "")


def test_a_blank_is_looked_for() -> None:
    assert compiled(k.Holds("subject", " ")) == q.Contains(q.Field.SUBJECT, " ")
    assert compiled(k.Holds("body", "le ")) == q.Contains(q.Field.BODY, "le ")


def test_ages_count_from_the_second() -> None:
    """RFC 5032 section 2: to the resolution of a second."""
    assert compiled(k.Aged(older=True, seconds=10)) == q.Received(before_ms=1_699_999_991_000)
    assert compiled(k.Aged(older=False, seconds=10)) == q.Received(since_ms=1_699_999_990_000)


def test_ids_that_are_none_find_nothing() -> None:
    """RFC 8474 section 6."""
    assert compiled(k.HasEmailId(encode_id(EMAIL, 77))) == q.Emails(frozenset({77}))
    assert compiled(k.HasThreadId(encode_id(THREAD, 77))) == q.InThreads(frozenset({77}))
    for key in (k.HasEmailId("T1"), k.HasThreadId("e1"), k.HasThreadId("")):
        assert compiled(key) == q.Or(())


def test_fuzzy_is_for_all_keys_inside() -> None:
    """RFC 6203 section 3."""
    key = k.Fuzzy(k.Both((k.Holds("subject", "a b"), k.Larger(3), k.HeaderHolds("X", "y"))))
    assert compiled(key) == q.And(
        (
            q.And(
                (
                    q.Matches(q.Field.SUBJECT, "a", q.How.PREFIX),
                    q.Matches(q.Field.SUBJECT, "b", q.How.PREFIX),
                )
            ),
            q.Size(least=4),
            q.HeaderContains("X", "y"),
        )
    )
    assert compiled(k.Holds("subject", "a b")) == q.Contains(q.Field.SUBJECT, "a b")


def test_fuzzy_words_are_bounded() -> None:
    """RFC 6203 section 8: very long search keys."""
    found = compiled(k.Fuzzy(k.Holds("text", " ".join(f"w{n}" for n in range(2_000)))))
    assert isinstance(found, q.And)
    assert len(found.filters) == MAX_WORDS
    assert compiled(k.Fuzzy(k.Holds("text", "a " * 2_000))) == q.And(
        (q.Matches(q.Field.TEXT, "a", q.How.PREFIX),)
    )


def test_what_relevance_looks_at() -> None:
    """RFC 6203 section 4: what is looked for fuzzily, and not what must not be there."""
    fuzzy = k.Fuzzy(k.Either(k.Holds("text", "a b"), k.Without(k.Holds("from", "c"))))
    assert fuzzy_needles(k.Both((fuzzy, k.Holds("to", "d")))) == ["a", "b"]


def test_filters_take_the_place_of_their_names() -> None:
    """RFC 5466 section 3.1: the private one counts; several keys stay together."""
    values = {
        f"{HOME}one": b"SEEN SMALLER 5",
        "/shared/filters/values/one": b"ALL",
        "/shared/filters/values/two": b"FLAGGED",
    }
    both = k.Both((k.HasKeyword("$seen"), k.Smaller(5)))
    assert with_filters(k.Without(k.Filtered("one")), values) == k.Without(both)
    assert with_filters(k.Either(k.Fuzzy(k.Filtered("two")), k.All()), values) == k.Either(
        k.Fuzzy(k.HasKeyword("$flagged")), k.All()
    )


@pytest.mark.parametrize("more", [-1, 0])
def test_filters_may_name_each_other_so_deep(more: int) -> None:
    """RFC 5466 section 3.1: three passes at least; loops and what is deeper are as if they were not there."""
    depth = MAX_PASSES + more
    values = {f"{HOME}f{n}": b"FILTER f%d" % (n + 1) for n in range(depth)} | {f"{HOME}f{depth}": b"ALL"}
    if more < 0:
        assert with_filters(k.Filtered("f0"), values) == k.All()
    else:
        with pytest.raises(UndefinedFilter):
            with_filters(k.Filtered("f0"), values)


@pytest.mark.parametrize("value", [b"FILTER loop", b"NOT (ALL FILTER loop)", b"SEEN (", b"", b"FILTER gone"])
def test_filters_that_cannot_be_used(value: bytes) -> None:
    """RFC 5466 section 3.1."""
    with pytest.raises(UndefinedFilter):
        with_filters(k.Filtered("loop"), {f"{HOME}loop": value})


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (k.Filtered("to-loop"), "to-loop"),  # a loop: as if what the command names did not exist
        (k.Filtered("to-gone"), "gone"),
        (k.Both((k.Filtered("fine"), k.Filtered("loop"))), "loop"),
        (k.Both((k.Without(k.Filtered("fine")), *(k.All(),) * MAX_KEYS)), "fine"),
        (k.Both((*(k.All(),) * MAX_KEYS, k.Either(k.All(), k.Filtered("fine")))), "fine"),
    ],
)
def test_which_filter_is_undefined(key: k.SearchKey, name: str) -> None:
    """RFC 5466 sections 3.1 and 4: there is a name behind UNDEFINED-FILTER, always."""
    values = {"fine": b"ALL", "loop": b"FILTER loop", "to-loop": b"FILTER loop", "to-gone": b"FILTER gone"}
    with pytest.raises(UndefinedFilter) as raised:
        with_filters(key, {HOME + filter_: value for filter_, value in values.items()})
    assert raised.value.name == name


@pytest.mark.parametrize("more", [0, 1])
def test_the_keys_of_filters_are_counted(more: int) -> None:
    """I4: a filter is no way around the limit; here twice as many at each step."""
    keys = MAX_KEYS - 2  # and the list itself, and the name
    values = {f"{HOME}f": b" ".join([b"ALL"] * (keys + more))}
    if more:
        with pytest.raises(UndefinedFilter):
            with_filters(k.Filtered("f"), values)
    else:
        assert with_filters(k.Filtered("f"), values) == k.Both((k.All(),) * keys)


def test_filters_that_double_are_bounded() -> None:
    values = {f"{HOME}f{n}": b"FILTER f%d FILTER f%d" % (n + 1, n + 1) for n in range(40)}
    with pytest.raises(UndefinedFilter):
        with_filters(k.Filtered("f0"), values)
