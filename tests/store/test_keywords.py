from hypothesis import given
from hypothesis import strategies as st

from pymailcore.store.keywords import SYSTEM, Keywords, keyword_names, keywords_of

NAMES = st.sets(st.sampled_from([*SYSTEM, "work", "later", "$label1"]))


@given(one=NAMES, other=NAMES)
def test_they_are_sets(one: set[str], other: set[str]) -> None:
    """RFC 8621 section 4.1.1: case does not matter."""
    left, right = keywords_of(name.upper() for name in one), keywords_of(other)
    assert set(left.names) == one
    assert set((left | right).names) == one | other
    assert set(left.without(right).names) == one - other
    assert (left == right) == (one == other)
    assert keyword_names(*left) == left.names


def test_none_is_empty() -> None:
    assert Keywords().names == ()
