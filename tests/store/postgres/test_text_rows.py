"""Rows of the text index on PostgreSQL: what its types can hold."""

import pytest

from pymailcore.store.fulltext.documents import Document
from pymailcore.store.fulltext.words import LONGEST
from pymailcore.store.postgres import text_rows
from pymailcore.store.postgres.text_index import MOST_SLOTS, lexeme
from pymailcore.store.postgres.text_rows import MOST_VECTOR_OCTETS, joined, rows_of


def test_the_longest_token_is_a_lexeme() -> None:
    """A tsvector takes 2 KiB for one, 1 MiB for all."""
    texts = ("\U0001e900" * 1_000 + " " + " ".join(f"{n}" * 20 for n in range(40_000)), *[""] * 7)
    tokens: set[str] = set()
    made = rows_of(10**9, Document(1, texts), tokens)
    assert len(tokens) > 40_000
    lexemes = [
        [lexeme(10**9, "body", one).encode() for one in str(row[4]).partition("\n")[0].strip(" ").split(" ")]
        for row in made
    ]
    assert len(made) > 2
    assert max(len(one) for some in lexemes for one in some) < 2_048
    assert max(sum(len(one) + 1 for one in some) for some in lexemes) <= MOST_VECTOR_OCTETS + 1
    assert len({one for some in lexemes for one in some}) == len(tokens)
    assert {row[3] for row in made} == {1}


def test_rows_of_one_mail_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any phrase of as many tokens as are looked for is in one row."""
    monkeypatch.setattr(text_rows, "MOST_VECTOR_OCTETS", 4_000)
    words = [f"word{n}" for n in range(2_000)]
    texts = (" ".join(words), *["x y"] * 5, " ".join(reversed(words)), "a file")
    made = rows_of(3, Document(1, texts), set())
    assert len(made) > 10
    for start in range(0, len(words) - MOST_SLOTS + 1, 7):
        some = words[start : start + MOST_SLOTS]
        assert any(joined(some) in str(row[4]).split("\n")[0] for row in made)
        assert any(joined(some[::-1]) in str(row[4]).split("\n")[1] for row in made)
    assert [row[7] for row in made] == ["a file", *[None] * (len(made) - 1)]
    assert [row[2] for row in made] == list(range(len(made)))


def test_what_is_kept_of_attachments_says_their_text() -> None:
    texts = ["", "", "", "", "", "", "", "a file, and so"]
    ((*_, attached, whole),) = rows_of(3, Document(1, tuple(texts)), set())
    assert (attached, whole) == (" a file ,\x1f and so ", None)
    texts[-1] += " " + "x" * (LONGEST + 1)
    assert rows_of(3, Document(1, tuple(texts)), set())[0][7] == texts[-1]
