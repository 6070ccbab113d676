"""The words of an account, in chunks: which of them have a part; pure but for `SQL`.

Theory. A substring of a word is found by the words that have it. The words of an account are far fewer than
those of its mail; they are kept as text, some to a chunk, each on a line of its own, with its form without
accents behind it where that is another. Which chunks may have a part is told by an index of three characters
(`grams`); parts of one or two characters are looked for in all of them.
"""

from collections.abc import Iterable
from typing import Final

from pymailcore.store.fulltext.words import SPACE, Place, Words, plain

CHUNK_WORDS: Final = 64
GRAM: Final = 3
_MOST_GRAMS: Final = 12  # of a long part; more make the answer no smaller


def entry(word: str) -> str:
    """A word's line."""
    if word.isascii():
        return word
    bare = plain(word)
    return word if bare == word else f"{word}{SPACE}{bare}"


def chunk(words: Iterable[str]) -> str:
    """The text of some words; such texts may be joined."""
    return "".join([f"\n{entry(word)}" for word in words]) + "\n"


def words_of(text: str) -> list[str]:
    """The words of a chunk."""
    return [line.partition(SPACE)[0] for line in text.split("\n") if line]


def grams(part: str) -> str | None:
    """What FTS5 is asked for the chunks that may have a part; None: any may."""
    if len(part) < GRAM:
        return None
    starts = list(range(len(part) - GRAM + 1))
    if len(starts) > _MOST_GRAMS:
        starts = [*starts[: _MOST_GRAMS // 2], *starts[-_MOST_GRAMS // 2 :]]
    wanted = dict.fromkeys(part[start : start + GRAM] for start in starts)
    return " AND ".join('"' + gram.replace('"', '""') + '"' for gram in wanted)


def filling(chunks: Iterable[str], slot: Words, most: int) -> set[str] | None:
    """The words of some chunks that fill a slot; None: there are more than `most`."""
    found: set[str] = set()
    sought = _sought(slot)
    for text in chunks:
        for before, pattern in sought:
            at = text.find(pattern)
            while at >= 0:
                end = text.find("\n", at + before)
                word, _, bare = text[text.rfind("\n", 0, at + before) + 1 : end].partition(SPACE)
                if slot.takes(word if slot.accents or not bare else bare):
                    found.add(word)
                    if len(found) > most:
                        return None
                at = text.find(pattern, end)
    return found


def _sought(slot: Words) -> list[tuple[int, str]]:
    """What the lines of words that fill a slot have, each with the number of marks before the part."""
    part = slot.part
    beginnings = ["\n"] if slot.accents else ["\n", SPACE]
    ends = ["\n", SPACE] if slot.accents else ["\n"]
    match slot.place:
        case Place.WHOLE:
            return [(1, before + part + behind) for before in beginnings for behind in ends]
        case Place.BEGINNING:
            return [(1, before + part) for before in beginnings]
        case Place.END:
            return [(0, part + behind) for behind in ends]
        case Place.INSIDE:
            return [(0, part)]
