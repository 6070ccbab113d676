"""The index file, as it is written: an account's words."""

import random
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from pymailcore.store.fulltext import writer
from pymailcore.store.fulltext.documents import Document, Part
from pymailcore.store.fulltext.index_file import COLUMNS, make_file
from pymailcore.store.fulltext.remembered import Remembered
from pymailcore.store.fulltext.vocabulary import words_of
from pymailcore.store.fulltext.writer import IndexWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "text.sqlite3"
    make_file(place, [])
    return place


def with_words(account: int, number: int, words: Sequence[str]) -> Part:
    texts = (" ".join(words), *[""] * (len(COLUMNS) - 1))
    return Part(account, [Document(100 * account + number, texts)], (), number)


def some_words(source: random.Random, count: int) -> list[str]:
    return ["".join(source.choices("abcäé", k=source.randint(1, 6))) for _ in range(count)]


def vocabulary(path: Path) -> list[str]:
    connection = apsw.Connection(str(path))
    try:
        rows = connection.execute("SELECT text FROM terms").fetchall()
    finally:
        connection.close()
    return sorted(word for (text,) in rows for word in words_of(str(text)))


@pytest.mark.parametrize("remembered", ["all", "some", "none", "after each restart"])
def test_a_word_comes_into_the_vocabulary_once(
    path: Path, remembered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if remembered != "all":
        monkeypatch.setattr(writer, "FIRST_CHUNKS", -1 if remembered != "after each restart" else 1)
    index = IndexWriter(path)
    if remembered == "none":
        index._remembered = Remembered(most=0)
    source = random.Random(4)  # noqa: S311
    there: list[set[str]] = [set(), set()]
    for turn in range(6):
        for account in (0, 1):
            words = some_words(source, 60)
            there[account].update(words)
            index.write([with_words(account, turn, words)])
        if remembered == "after each restart":
            index.close()
            index = IndexWriter(path)
    index.close()
    assert vocabulary(path) == sorted([*there[0], *there[1]])


def test_words_of_what_was_not_written_are_not_remembered(path: Path) -> None:
    index = IndexWriter(path)
    index.write([with_words(1, 1, ["one"])])
    with pytest.raises(apsw.Error):
        index.write([with_words(1, 2, ["two"]), Part(1, (), ("no number",), 2)])  # type: ignore[arg-type] # a fault
    assert vocabulary(path) == ["one"]
    index.write([with_words(1, 3, ["two", "one"])])
    index.close()
    assert vocabulary(path) == ["one", "two"]


def test_no_word_is_looked_up_while_all_are_remembered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is for mail that is filled into an account, and after a restart where there are few words."""
    asked: list[str] = []
    real = IndexWriter._has_word

    def noted(self: IndexWriter, no: int, word: str) -> bool:
        asked.append(word)
        return real(self, no, word)

    monkeypatch.setattr(IndexWriter, "_has_word", noted)
    for turn in range(3):
        index = IndexWriter(path)
        for number in range(2):
            index.write([with_words(1, 10 * turn + number, [f"w{turn}{number}", "same"])])
        index.close()
    assert asked == []
    monkeypatch.setattr(writer, "FIRST_CHUNKS", -1)
    index = IndexWriter(path)
    index.write([with_words(1, 99, ["w00", "new"])])
    index.close()
    assert sorted(asked) == ["new", "w00"]
    assert vocabulary(path) == ["new", "same", "w00", "w01", "w10", "w11", "w20", "w21"]
