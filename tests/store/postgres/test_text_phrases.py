"""Phrases as strings (RFC 9051 section 6.4.4; RFC 8621 section 4.4.1)."""

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from pymailcore.store.folding import normal
from pymailcore.store.fulltext.vocabulary import chunk, filling
from pymailcore.store.fulltext.words import (
    LONGEST,
    How,
    Plan,
    Words,
    has_phrase,
    is_word,
    phrase,
    plain_text,
    substring,
    tokens,
)
from pymailcore.store.postgres import text_phrases
from pymailcore.store.postgres.text_phrases import stretches, text_of
from pymailcore.store.postgres.text_rows import joined

SMALL = st.text(st.sampled_from("aab é,会 ."), max_size=14)
ANY = st.text(st.sampled_from("aéßıøל\u05b0ש한会カ\u0301 .,(\x01\x1d\ufe0f😀\n"), max_size=20)
TEXTS = st.one_of(SMALL, ANY, st.text(max_size=20))


def words_of(text: str, plan: Plan) -> list[Sequence[str] | None]:
    """What fills the slots of a plan from the words of a text."""
    chunks = [chunk(sorted({token for token in tokens(text) if is_word(token)}))]
    return [
        sorted(filling(chunks, slot, 1_000) or ()) if isinstance(slot, Words) else slot for slot in plan.slots
    ]


@given(TEXTS, TEXTS, st.integers(0, 20), st.integers(1, 20))
@example("a,", "a ,", 0, 3)
@example("b a", "ab ab", 1, 4)
def test_a_needle_is_in_a_text_where_its_stretch_is_in_the_stream(
    other: str, text: str, start: int, length: int
) -> None:
    text = normal(text)
    for needle in (normal(other), normal(text[start : start + length])):
        plan = substring(needle)
        if not plan.slots:
            continue
        found = stretches(plan.slots, words_of(text, plan))
        assert found
        assert any(one in joined(tokens(text)) for one in found) is (needle in text)


@given(SMALL, SMALL, st.sampled_from(How), st.integers(0, 9), st.integers(3, 14))
@example("a a", "a ab", How.WHOLE, 0, 3)
@example("a á", "ba ab", How.SUBSTRING, 0, 3)
def test_a_row_of_words_whatever_the_accents(
    other: str, text: str, how: How, start: int, length: int
) -> None:
    text = normal(text)
    for needle in (normal(other), normal(text[start : start + length])):
        plan = phrase(needle, how)
        words = words_of(text, plan)
        if len(plan.slots) < 2 or not all(words):
            continue
        expected = has_phrase(plain_text(text), plain_text(needle), how)
        found = stretches(plan.slots, words)
        assert found
        assert any(one in joined(tokens(text)) for one in found) is expected


def test_too_many_ways_are_none() -> None:
    plan = phrase("resume resume resume", How.WHOLE)
    words = ["resume", "resumé", "résumé"]
    assert len(stretches(plan.slots[:2], [words, words])) == 9 <= text_phrases.MOST_STRETCHES
    assert stretches(plan.slots, [words] * 3) == []
    assert stretches(plan.slots, [words, words, None]) == []
    assert stretches(substring("x" * 200 + " b").slots, [["x"], ["b"]]) == []


@given(TEXTS)
def test_a_stream_says_its_text(text: str) -> None:
    text = normal(text)
    if max(map(len, tokens(text)), default=0) <= LONGEST:
        assert text_of(tokens(text)) == text
