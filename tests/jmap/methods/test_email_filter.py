"""RFC 8621 sections 4.4.1 and 4.4.2: what filters and sorts become, and their bounds."""

from typing import Any

import pytest

from pymailcore.base.ids import MAILBOX, encode_id
from pymailcore.jmap.methods.email_filter import MAILBOXES, MAX_NEEDLE, FilterCompiler, compile_sort
from pymailcore.jmap.protocol.errors import MethodError
from pymailcore.jmap.protocol.standard import comparators
from pymailcore.store import query as q
from pymailcore.store.keywords import keywords_of


def compiled(condition: dict[str, Any], *, depth: int = 4, conditions: int = 8) -> q.Filter:
    return FilterCompiler(max_depth=depth, max_conditions=conditions).compile(condition)


def refused(condition: dict[str, Any], **limits: int) -> str | None:
    try:
        compiled(condition, **limits)
    except MethodError as error:
        return error.kind
    return None


PREFIX, WHOLE, SUBSTRING = q.How.PREFIX, q.How.WHOLE, q.How.SUBSTRING


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"text": "invo"}, q.Matches(q.Field.TEXT, "invo", PREFIX)),
        ({"body": '"big cat"'}, q.Matches(q.Field.BODY, "big cat", WHOLE)),
        ({"from": "exam"}, q.Matches(q.Field.FROM, "exam", SUBSTRING)),
        ({"cc": "'Ann B'"}, q.Matches(q.Field.CC, "Ann B", WHOLE)),
        (
            {"subject": "a 'b c'"},
            q.And((q.Matches(q.Field.SUBJECT, "a", PREFIX), q.Matches(q.Field.SUBJECT, "b c", WHOLE))),
        ),
        ({"text": "twice twice"}, q.Matches(q.Field.TEXT, "twice", PREFIX)),
        ({"text": " "}, q.And(())),
        ({"header": ["X-A"]}, q.HeaderContains("X-A", "")),
        ({"header": ["X-A", "b c"]}, q.And((q.HeaderContains("X-A", "b"), q.HeaderContains("X-A", "c")))),
        ({"header": ["X-A", "'b c'"]}, q.HeaderContains("X-A", "b c")),
        ({"minSize": 5}, q.Size(least=5)),
        ({"maxSize": 5}, q.Size(below=5)),
        ({"after": "1970-01-01T00:00:01Z"}, q.Received(since_ms=1000)),
        ({"before": "1970-01-01T00:00:01Z"}, q.Received(before_ms=1000)),
        ({"inMailboxOtherThan": ["nonsense"]}, q.NotOnlyIn(frozenset())),
    ],
)
def test_conditions_in_the_language_of_the_store(condition: dict[str, Any], expected: q.Filter) -> None:
    assert compiled(condition) == expected


@pytest.mark.parametrize(("length", "kind"), [(-1, None), (0, None), (1, "unsupportedFilter")])
@pytest.mark.parametrize("name", ["text", "from", "to", "cc", "bcc", "subject", "body", "header"])
def test_a_needle_has_a_longest_length(name: str, length: int, kind: str | None) -> None:
    text = "x" * (MAX_NEEDLE + length)
    assert refused({name: ["X-A", text] if name == "header" else text}) == kind


@pytest.mark.parametrize(("depth", "kind"), [(3, None), (4, None), (5, "unsupportedFilter")])
def test_filters_have_a_greatest_depth(depth: int, kind: str | None) -> None:
    condition: dict[str, Any] = {"text": "x"}
    for _ in range(depth - 1):
        condition = {"operator": "NOT", "conditions": [condition]}
    assert refused(condition) == kind


@pytest.mark.parametrize(("count", "kind"), [(7, None), (8, None), (9, "unsupportedFilter")])
def test_filters_have_so_many_conditions(count: int, kind: str | None) -> None:
    """A word of a search string is one, and so are a member and each of what an operator joins."""
    words = " ".join(f"w{number}" for number in range(count))
    assert refused({"text": words}) == kind
    assert refused({"header": ["X", words]}) == kind
    assert refused({"from": "a", "text": words[3:]}) == kind
    assert refused({"operator": "OR", "conditions": [{}] * count}) == kind


@pytest.mark.parametrize(("lots", "kind"), [(6, None), (7, None), (8, "unsupportedFilter")])
def test_a_list_of_mailboxes_counts_by_its_length(lots: int, kind: str | None) -> None:
    ids = [encode_id(MAILBOX, number + 1) for number in range(lots * MAILBOXES)]
    assert refused({"inMailboxOtherThan": ids}) == kind
    assert refused({"inMailboxOtherThan": [*ids, *ids]}) == kind  # each counts once


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ([], [q.Sort(q.SortKey.RECEIVED, ascending=False)]),
        ([{"property": "sentAt", "collation": "i;octet"}], [q.Sort(q.SortKey.SENT)]),
        ([{"property": "to", "collation": "i;unicode-casemap"}], [q.Sort(q.SortKey.TO)]),
        (
            [{"property": "size"}, {"property": "size", "isAscending": False}, {"property": "from"}],
            [q.Sort(q.SortKey.SIZE), q.Sort(q.SortKey.FROM)],
        ),
        (
            [{"property": "hasKeyword", "keyword": "a"}, {"property": "hasKeyword", "keyword": "b"}],
            [q.Sort(q.SortKey.HAS_KEYWORD, True, keywords_of([name])) for name in "ab"],
        ),
    ],
)
def test_sorts_in_the_language_of_the_store(sort: list[dict[str, Any]], expected: list[q.Sort]) -> None:
    """RFC 8620 section 5.5: the collation of what is no string is not looked at."""
    assert compile_sort(comparators(sort)) == expected
