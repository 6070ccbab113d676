import pytest

from pymailcore.store.keywords import keywords_of
from pymailcore.store.ops.selected import changed_keywords
from pymailcore.store.types import FlagChange

NOW = keywords_of(["$seen", "a"])


@pytest.mark.parametrize(
    ("how", "keywords", "after"),
    [
        (FlagChange.ADD, ["$flagged", "a"], ["$seen", "$flagged", "a"]),
        (FlagChange.REMOVE, ["$seen", "b"], ["a"]),
        (FlagChange.REPLACE, ["b"], ["b"]),
        (FlagChange.ADD, [], ["$seen", "a"]),
        (FlagChange.REMOVE, [], ["$seen", "a"]),
        (FlagChange.REPLACE, [], []),
    ],
)
def test_flags_are_added_removed_or_replaced(how: FlagChange, keywords: list[str], after: list[str]) -> None:
    """RFC 9051 section 6.4.6."""
    assert changed_keywords(NOW, how, keywords_of(keywords)) == keywords_of(after)


@pytest.mark.parametrize("how", list(FlagChange))
def test_a_change_that_is_made_twice_changes_nothing_more(how: FlagChange) -> None:
    """What set statements rely on: nothing that a change gives is changed by it again."""
    keywords = keywords_of(["$seen", "b"])
    once = changed_keywords(NOW, how, keywords)
    assert changed_keywords(once, how, keywords) == once
