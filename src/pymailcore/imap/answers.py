"""Answers that took work and may be asked for again.

Theory: Threads and orders of the same messages never change, since what they are made of never does, and
clients ask for them each time a folder is opened. So a process keeps the last answers, as octets, up to a
bound for all.
"""

from array import array
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from hashlib import blake2b
from typing import Final

MOST_OCTETS: Final = 4 * 1024 * 1024


class KeptAnswers:
    """The answers that were asked for last.

    Args:
        most_octets: of all of them together; a larger one is not kept.
    """

    def __init__(self, most_octets: int = MOST_OCTETS) -> None:
        self._most_octets = most_octets
        self._octets = 0
        self._answers: OrderedDict[Hashable, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: Hashable) -> bytes | None:
        """The answer to a question, if it is kept."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def keep(self, key: Hashable, answer: bytes) -> None:
        """Keep an answer, and forget those that were not asked for the longest."""
        self._octets += len(answer) - len(self._answers.pop(key, b""))
        self._answers[key] = answer
        while self._octets > self._most_octets:
            _, oldest = self._answers.popitem(last=False)
            self._octets -= len(oldest)


def digest(numbers: Sequence[int]) -> bytes:
    """What stands for UIDs or message numbers in a question: 16 octets."""
    return blake2b(array("I", numbers).tobytes(), digest_size=16).digest()
