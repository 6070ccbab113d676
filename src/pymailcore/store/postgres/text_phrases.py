"""Phrases as stretches of the streams that the text index on PostgreSQL keeps; pure.

Theory. A stream is kept as its tokens with blanks between them, and one before and behind all. A phrase is in
it where a string is: its tokens likewise, with the blank at an end left out where the needle may end inside
of a word. Where accents do not count there is a string for each way to write the phrase that the words of the
account give.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Final

from pymailcore.store.fulltext.words import SPACE, Place, Slot, Words, is_word, plain

MOST_STRETCHES: Final = 16
"""Ways to write one phrase; with more of them the messages are looked at."""


def stretches(slots: Sequence[Slot], found: Sequence[Sequence[str] | None]) -> list[str]:
    """What a stream has, with a blank before and behind it, where it has a phrase: any of these.

    Args:
        found: the words that fill each slot; None: too many.

    Returns:
        Nothing where that cannot be said, or in too many ways.
    """
    ways = [_ways(slot, there) for slot, there in zip(slots, found, strict=True)]
    if len(slots) == 1:
        return _alone(slots[0])
    if not all(ways) or math.prod(map(len, ways)) > MOST_STRETCHES:
        return []
    first, last = slots[0], slots[-1]
    before, behind = " ", " "
    if isinstance(first, Words):
        before = "" if first.place is Place.END else " "
    elif SPACE + first[0] in first:
        ways[0], before = [first[0]], ""
    if isinstance(last, Words):
        behind = "" if last.place is Place.BEGINNING else " "
    elif last[0] + SPACE in last:
        ways[-1], behind = [last[0]], ""
    return [before + " ".join(row) + behind for row in itertools.product(*ways)]


def _alone(slot: Slot) -> list[str]:
    if isinstance(slot, Words):
        return [slot.part] if slot.place is Place.INSIDE and slot.accents else []
    return [slot[0]]


def _ways(slot: Slot, found: Sequence[str] | None) -> list[str]:
    """What may stand in the stream for a slot of a phrase; for words at its ends what counts of them."""
    if not isinstance(slot, Words):
        return list(slot)
    if slot.place is Place.INSIDE:
        return []
    if slot.accents:
        return [slot.part]
    if found is None:
        return []
    ways = {_counting(word, slot) for word in found}
    return [] if "" in ways else sorted(ways)


def _counting(word: str, slot: Words) -> str:
    """The shortest piece of a word, at the end that counts, that has a slot's part; "": there is none."""
    if slot.place is Place.WHOLE:
        return word
    for length in range(1, len(word) + 1):
        piece = word[:length] if slot.place is Place.BEGINNING else word[-length:]
        if plain(piece) == slot.part:
            return piece
    return ""


def text_of(tokens: Sequence[str]) -> str:
    """The normal text of a stream that has no pieces of words."""
    out = []
    after_word = False
    for token in tokens:
        word = is_word(token)
        out.append(f" {token}" if word and after_word else token.replace(SPACE, " "))
        after_word = word
    return "".join(out)
