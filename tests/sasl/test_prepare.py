import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.errors import InvalidValue
from pymailcore.sasl.prepare import saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
    ],
)
def test_the_examples_of_the_standard(text: str, prepared: str) -> None:
    """RFC 4013 section 3, examples 1 to 5."""
    assert saslprep(text, stored=True) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031"])
def test_the_refused_examples_of_the_standard(text: str) -> None:
    """RFC 4013 section 3, examples 6 and 7."""
    with pytest.raises(InvalidValue):
        saslprep(text, stored=True)


def test_spaces_become_spaces_and_nothing_else_is_folded() -> None:
    """RFC 4013 section 2.1."""
    assert saslprep("a\u00a0b\u3000C", stored=True) == "a b C"
    assert saslprep("p\u0061\u0308ss", stored=True) == "p\u00e4ss"


@pytest.mark.parametrize(
    "character",
    ["\x7f", "\u0085", "\ue000", "\ud800", "\ufff9", "\u2ff0", "\u206a", "\u200e", "\U000e0001"],
)
def test_each_table_of_prohibited_characters_counts(character: str) -> None:
    """RFC 4013 section 2.3."""
    for stored in (True, False):
        with pytest.raises(InvalidValue):
            saslprep(f"aé{character}", stored=stored)


def test_unassigned_characters_may_be_asked_for_but_not_kept() -> None:
    """RFC 4013 section 2.5, RFC 3454 section 7."""
    assert saslprep("\U0001f600", stored=False) == "\U0001f600"
    with pytest.raises(InvalidValue):
        saslprep("\U0001f600", stored=True)


@pytest.mark.parametrize(
    ("text", "good"), [("\u0627\u0628", True), ("\u06271\u0628", True), ("\u0627a\u0628", False)]
)
def test_right_to_left_runs_from_end_to_end(text: str, good: bool) -> None:
    """RFC 3454 section 6."""
    if good:
        assert saslprep(text, stored=True)
    else:
        with pytest.raises(InvalidValue):
            saslprep(text, stored=True)


@given(st.text(max_size=30))
def test_what_was_prepared_stays_as_it_is(text: str) -> None:
    try:
        prepared = saslprep(text, stored=False)
        assert saslprep(prepared, stored=False) == prepared
    except InvalidValue:
        pass
