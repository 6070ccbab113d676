from hypothesis import given
from hypothesis import strategies as st

from pymailcore.store.fulltext.vocabulary import chunk, entry, filling, grams, words_of
from pymailcore.store.fulltext.words import SPACE, Place, Words, plain

WORDS = st.lists(st.text("abcdéß漢", min_size=1, max_size=6), min_size=1, max_size=12)
PARTS = st.text("abcdé", min_size=1, max_size=4)


def expected(words: list[str], slot: Words) -> set[str]:
    return {word for word in words if slot.takes(word if slot.accents else plain(word))}


@given(WORDS, WORDS, PARTS, st.sampled_from(Place), st.booleans())
def test_the_words_that_fill_a_slot_are_found_in_joined_chunks(
    one: list[str], other: list[str], part: str, place: Place, accents: bool
) -> None:
    slot = Words(part if accents else plain(part), place, accents)
    assert filling([chunk(one) + chunk(other)], slot, 100) == expected(one + other, slot)


def test_a_word_that_has_a_part_twice_is_found_once() -> None:
    slot = Words("ab", Place.END)
    assert filling([chunk(["abab", "aba", "ab"])], slot, 100) == {"abab", "ab"}


def test_too_many_are_none() -> None:
    slot = Words("a", Place.INSIDE)
    assert filling([chunk(["a", "ab", "ac"])], slot, 3) == {"a", "ab", "ac"}
    assert filling([chunk(["a", "ab", "ac"])], slot, 2) is None


def test_a_line_has_the_form_without_accents_where_that_is_another() -> None:
    assert entry("größe") == f"größe{SPACE}große"
    assert entry("plan") == "plan"
    assert entry("漢") == "漢"


@given(st.text("abc\"'é", min_size=0, max_size=40))
def test_grams_are_stretches_of_the_part(part: str) -> None:
    asked = grams(part)
    assert (asked is None) is (len(part) < 3)
    if asked is not None:
        found = [gram[1:-1].replace('""', '"') for gram in asked.split(" AND ")]
        assert len(found) <= 12
        assert all(len(gram) == 3 and gram in part for gram in found)


@given(WORDS)
def test_a_chunk_gives_its_words_back(words: list[str]) -> None:
    assert words_of(chunk(words)) == words
    assert words_of("") == []
