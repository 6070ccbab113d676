"""Substrings (RFC 9051 section 6.4.4) and rows of words (RFC 8621 section 4.4.1) in a stream of tokens."""

import apsw
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.fulltext import has_plan

from pymailcore.store.folding import normal, sought
from pymailcore.store.fulltext.words import (
    BREAK,
    LONGEST,
    MOST_TOKENS,
    SPACE,
    STEP,
    TOKENIZER,
    How,
    Plan,
    has_phrase,
    is_word,
    phrase,
    pieces,
    plain,
    plain_text,
    substring,
    tokens,
)

SCRIPTS = (
    "abcABC019_",
    "éèÉüßøłıİſﬁǅe\u0301\u0302n\u0303",
    "αβΣςσίϊΰ",
    "жёйЙѢъ",
    "ابتةكتاب\u064b\u0651\u0670",
    "אבגשׁלום\u05b0\u05c1",
    "हिन्दीकखग\u093f\u094d",
    "ไทยกขค\u0e31\u0e49",
    "日本語会議かがカガｶﾞー々\u3099",
    "한국어각\u1112\u1161\u11ab",
    "😀❤\ufe0f\u200d🔥👩\u200d💻",
    ".,;:-_'\"@<>()[]{}*+?!/\\|#$%^&=~`",
    " \t\r\n\u00a0\u2003\u3000",
    "\x00\x01\x02\x1e\x1f\x7f\u200b",
)
CHARACTERS = st.sampled_from(SCRIPTS).flatmap(st.sampled_from)
SMALL = st.text(st.sampled_from("ab é,会 ."), max_size=14)
TEXTS = st.one_of(st.text(CHARACTERS, max_size=40), SMALL, st.text(max_size=20))
LONG = st.builds(
    lambda parts: "".join(letter * count for letter, count in parts),
    st.lists(st.tuples(st.sampled_from("aaab ,é"), st.integers(1, 150)), max_size=6),
)


def marks_of_their_own(text: str) -> bool:
    """Whether there is a word of nothing but accents, which stay when they are all there is."""
    return any(is_word(token) and not plain(token + "a").strip("a") for token in tokens(text))


@given(TEXTS, TEXTS)
@example(",a", ", a")
@example("a,", "a ,")
@example("x y", "xy")
def test_a_plan_matches_the_stream_where_the_needle_is_in_the_text(needle: str, text: str) -> None:
    needle, text = normal(needle), normal(text)
    plan = substring(needle)
    assert plan.exact
    assert has_plan(tokens(text), plan) is (needle in text)


@given(TEXTS, TEXTS)
@example(" le", "the le")
@example("le ", "single le")
@example(" (a", "x, (a")
@example(", ", "a, b")
@example(" , ", "a , b")
@example("a ", "a")
@example("会 ", "会 x")
def test_a_plan_of_a_needle_with_blanks_at_its_ends(needle: str, text: str) -> None:
    text = normal(text)
    for wanted in (sought(needle), f" {normal(needle)}", f"{normal(needle)} ", f" {normal(needle)} "):
        plan = substring(wanted)
        found = not plan.slots or has_plan(tokens(text), plan)
        assert found or wanted not in text
        assert not plan.exact or found is (wanted in text)


def test_a_blank_at_an_end_of_a_needle_makes_the_word_there_whole() -> None:
    """What is looked at is not more than has the word."""
    assert has_plan(tokens("a le b"), substring("le "))
    assert not has_plan(tokens("a les b"), substring("le "))
    assert has_plan(tokens("a le b"), substring(" le"))
    assert not has_plan(tokens("a ile b"), substring(" le"))
    assert not has_plan(tokens("a xle b c"), substring(" le b"))
    assert not has_plan(tokens("a le bc"), substring("le b "))
    assert substring("a, ").exact
    assert not has_plan(tokens("a,b"), substring("a, "))


@given(LONG, st.integers(0, 300), st.integers(1, 300), st.sampled_from(["{} ", " {}", " {} "]))
def test_long_words_beside_blanks_hide_nothing(text: str, start: int, length: int, ends: str) -> None:
    text = normal(text)
    wanted = ends.format(normal(text[start : start + length]))
    plan = substring(wanted)
    found = not plan.slots or has_plan(tokens(text), plan)
    assert found or wanted not in text
    assert not plan.exact or found is (wanted in text)


@given(TEXTS, st.integers(0, 40), st.integers(0, 40))
def test_every_stretch_of_a_text_is_found_in_it(text: str, start: int, length: int) -> None:
    text = normal(text)
    assert has_plan(tokens(text), substring(normal(text[start : start + length])))


@given(LONG, LONG, st.integers(0, 300), st.integers(1, 300))
def test_long_words_hide_nothing_and_join_nothing(needle: str, text: str, start: int, length: int) -> None:
    text = normal(text)
    for given_needle in (normal(needle), normal(text[start : start + length])):
        plan = substring(given_needle)
        found = has_plan(tokens(text), plan)
        assert found or given_needle not in text
        assert not plan.exact or found is (given_needle in text)


@given(TEXTS, TEXTS, st.sampled_from(How))
def test_a_row_of_words_is_found_whatever_the_accents(needle: str, text: str, how: How) -> None:
    needle, text = normal(needle), normal(text)
    if marks_of_their_own(text) or marks_of_their_own(needle):
        return
    plan = phrase(needle, how)
    expected = has_phrase(plain_text(text), plain_text(needle), how)
    assert has_plan(tokens(text), plan) is expected


@given(SMALL, SMALL, st.sampled_from(How))
def test_a_row_of_words_in_small_texts(needle: str, text: str, how: How) -> None:
    needle, text = normal(needle), normal(text)
    expected = has_phrase(plain_text(text), plain_text(needle), how)
    assert has_plan(tokens(text), phrase(needle, how)) is expected


@pytest.mark.parametrize(
    ("text", "stream"),
    [
        ("Hello,  World", ["hello", "," + SPACE, "world"]),
        ("a (b) - c", ["a", SPACE + "(", "b", ")" + SPACE, "-" + SPACE, "c"]),
        ("x 会議 y", ["x", SPACE + "会", "議" + SPACE, "y"]),
        ("हिन्दी", ["हिन्दी"]),
        ("", []),
    ],
)
def test_streams(text: str, stream: list[str]) -> None:
    assert tokens(normal(text)) == stream


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1, LONGEST + STEP, 5 * LONGEST + 3])
def test_a_long_word_is_cut_into_pieces_that_overlap(length: int) -> None:
    word = "".join(chr(97 + n % 26) for n in range(length))
    cut = pieces(word)
    assert all(len(piece.strip(BREAK)) <= LONGEST for piece in cut)
    assert (cut == [word]) is (length <= LONGEST)
    assert tokens(word) == cut
    for start in range(length - STEP + 1):
        assert any(word[start : start + STEP] in piece for piece in cut)


@pytest.mark.parametrize(
    ("word", "bare"),
    [
        ("größe", "große"),
        ("ά", "α"),
        ("ё", "е"),
        ("øl", "ol"),
        ("שָׁלוֹם", "שלום"),
        ("が", "が"),
        ("हिन्दी", "हिन्दी"),
        ("\u0301", "\u0301"),
    ],
)
def test_accents_are_what_may_be_left_out(word: str, bare: str) -> None:
    assert plain(word) == bare


@given(TEXTS, TEXTS)
def test_fts5_cuts_a_stream_as_we_do(text: str, other: str) -> None:
    """What SQLite finds for a phrase of tokens is that phrase."""
    stream, wanted = tokens(normal(text)), tokens(normal(other))
    if not wanted or not stream or any("\x00" in token for token in wanted):
        return
    connection = apsw.Connection(":memory:")
    tokenizer = TOKENIZER.replace('"', '""')
    connection.execute(f'CREATE VIRTUAL TABLE t USING fts5(a, content="", tokenize="{tokenizer}")')
    connection.execute("INSERT INTO t(rowid, a) VALUES (1, ?)", (" ".join(stream),))
    row = connection.execute(
        "SELECT count(*) FROM t WHERE t MATCH ?", ('"' + " ".join(wanted).replace('"', '""') + '"',)
    ).fetchone()
    connection.close()
    assert row is not None
    assert bool(row[0]) is has_plan(stream, Plan(tuple((token,) for token in wanted)))


@pytest.mark.parametrize("over", [-1, 0, 1, 200])
def test_of_a_very_long_needle_the_first_tokens_count(over: int) -> None:
    needle = "x " + "a, " * ((MOST_TOKENS + over) // 2) + ("b" if (MOST_TOKENS + over) % 2 else "")
    needle = normal(needle)
    count = len(tokens(needle))
    for plan in (substring(needle), phrase(needle, How.PREFIX)):
        assert len(plan.slots) == min(count, MOST_TOKENS)
        assert plan.exact is (count <= MOST_TOKENS)
        assert has_plan(tokens(f"and {needle} more"), plan)


@pytest.mark.parametrize("needle", ["aa aa", "aa a", "a " + "a" * 100])
def test_a_piece_is_no_word_of_its_own(needle: str) -> None:
    assert not has_plan(tokens("a" * 200), substring(needle))
    assert has_plan(tokens("a" * 200 + " " + "a" * 150), substring(needle))
