"""Rows of the text index on PostgreSQL: what its types can hold."""

from pymailcore.store.fulltext.documents import Document
from pymailcore.store.postgres.text_rows import MOST_VECTOR_OCTETS, Remembered, rows_of


def test_the_longest_token_is_a_lexeme() -> None:
    """A tsvector takes 2 KiB for one, 1 MiB for all."""
    texts = ("\U0001e900" * 1_000 + " " + " ".join(f"{n}" * 20 for n in range(40_000)), *[""] * 7)
    tokens: set[str] = set()
    made = rows_of(10**9, Document(1, texts), tokens)
    assert len(tokens) > 40_000
    lexemes = [[one.encode() for one in str(row[4]).split(" ")] for row in made]
    assert len(made) > 2
    assert max(len(one) for some in lexemes for one in some) < 2_048
    assert max(sum(len(one) + 1 for one in some) for some in lexemes) <= MOST_VECTOR_OCTETS + 1
    assert len({one for some in lexemes for one in some}) == len(tokens)
    assert {row[3] for row in made} == {1}


def test_what_is_remembered_is_bounded() -> None:
    remembered = Remembered(most=10)
    remembered.begin(1, whole=True)
    remembered.add(1, [f"a{n}" for n in range(6)])
    remembered.begin(2, whole=False)
    remembered.add(2, ["b"] * 3)
    assert remembered.is_whole(1)
    assert not remembered.is_whole(2)
    assert remembered.of(1) == {f"a{n}" for n in range(6)}  # used last
    remembered.add(2, [f"b{n}" for n in range(6)])
    assert remembered.of(2) is None or remembered.of(1) is None
    remembered.clear()
    assert remembered.of(1) is None
    assert not remembered.is_whole(1)
