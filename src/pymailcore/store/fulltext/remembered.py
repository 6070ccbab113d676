"""Tokens that the indexer has seen, so that it does not ask the index for each; pure.

Theory. What is remembered of an account is in its vocabulary, or is no word. Of an account that has few words
when it is met all are remembered, and until it is forgotten no word needs to be looked up; of others the
first ones are, which are the most frequent.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

MOST_REMEMBERED: Final = 400_000
"""Tokens; some 100 octets each."""

FIRST_CHUNKS: Final = 64
"""So many chunks of an account's words are read when it is met."""


class Remembered:
    """Tokens of accounts that were seen lately; those of the account longest not used go first."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._count = 0
        self._sets: OrderedDict[int, set[str]] = OrderedDict()
        self._whole: dict[int, int] = {}

    def of(self, no: int) -> set[str] | None:
        """The tokens of one account; None: nothing is remembered of it."""
        found = self._sets.get(no)
        if found is not None:
            self._sets.move_to_end(no)
        return found

    def is_whole(self, no: int, next_chunk: int) -> bool:
        """Whether a word that is not remembered is in no closed chunk, where this is the next one."""
        return self._whole.get(no) == next_chunk

    def begin(self, no: int, words: Iterable[str], *, whole: int | None) -> None:
        """Remember an account.

        Args:
            whole: these are all words that it has as long as this is the number of its next chunk.
        """
        self._sets[no] = set()
        if whole is not None:
            self._whole[no] = whole
        self.add(no, words, whole or 0)

    def add(self, no: int, fresh: Iterable[str], next_chunk: int) -> None:
        """Remember more of an account that was begun; when they were written this was the next chunk."""
        there = self._sets.get(no)
        if there is None:
            return
        if no in self._whole:
            self._whole[no] = next_chunk
        before = len(there)
        there.update(fresh)
        self._count += len(there) - before
        while self._count > self._most:
            gone, words = self._sets.popitem(last=False)
            self._whole.pop(gone, None)
            self._count -= len(words)

    def clear(self) -> None:
        """Remember nothing."""
        self._sets.clear()
        self._whole.clear()
        self._count = 0
