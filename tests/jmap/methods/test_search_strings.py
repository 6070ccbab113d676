"""RFC 8621 section 4.4.1: the text that a user types."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.jmap.methods.search_strings import Needle, split_search


def words(*texts: str) -> list[Needle]:
    return [Needle(text, phrase=False) for text in texts]


def phrase(text: str) -> Needle:
    return Needle(text, phrase=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", words("a", "b")),
        ('"a b" c', [phrase("a b"), *words("c")]),
        ("'a b'", [phrase("a b")]),
        ("'a b'c", [phrase("a b"), *words("c")]),
        (r"a\"b", words('a"b')),
        (r'"say \"no\" and \\"', [phrase('say "no" and \\')]),
        (r"'it\'s'", [phrase("it's")]),
        ('"it\'s"', [phrase("it's")]),
        (r"C:\dir", words(r"C:\dir")),
        ("don't", words("don't")),
        ("'tis so", words("tis", "so")),
        ('5" disk 3" disk', words('5"', "disk", '3"', "disk")),
        ('"open word', words("open", "word")),
        ("a\\", words("a\\")),
        ('""', []),
        ("  \u3000\t", []),
        ("one,two, (three) four.", words("one,two", "three", "four")),
        ("C++ .net ... ?", words("C++", ".net", "...", "?")),
        ("会議 室", words("会議", "室")),
    ],
)
def test_search_strings_are_cut_into_words_and_phrases(text: str, expected: list[Needle]) -> None:
    assert split_search(text) == expected


@given(text=st.text(alphabet="ab '\"\\.,(", max_size=40))
def test_each_needle_is_in_the_string(text: str) -> None:
    """But for backslashes that take the next one as it is."""
    bare = text.replace("\\", "")
    for needle in split_search(text):
        assert needle.text.strip()
        assert needle.text.replace("\\", "") in bare


@given(phrase=st.text(max_size=40))
def test_every_phrase_can_be_asked_for(phrase: str) -> None:
    quoted = '"' + phrase.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert split_search(quoted) == ([Needle(phrase, phrase=True)] if phrase.strip() else [])


@pytest.mark.parametrize("piece", ['" ', "' ", '"', "\\", '\\"', "(", "a"])
def test_hostile_strings_take_linear_time(piece: str) -> None:
    began = time.perf_counter()
    split_search(piece * 100_000)
    assert time.perf_counter() - began < 2.0
