"""Sets of sequence numbers and UIDs.

Standards: RFC 3501 section 9 (`sequence-set`), RFC 4315 section 3 (UID sets in response codes), RFC 5182
section 2.1 (`$`).

A set is kept as the ranges that were written. It becomes merged, ascending intervals once the value of
`*` is known, so that `1:*,1:*,1:*` costs what `1:*` costs.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

STAR: Final = 0
LARGEST: Final = 2**32 - 1
MAX_RANGES: Final = 65_536

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges as the client wrote them; `STAR` (0) stands for `*`.

    Attributes:
        saved: the messages that the last SEARCH with SAVE has found belong to it (`$`).
    """

    ranges: Ranges
    saved: bool = False

    @property
    def is_single(self) -> bool:
        """Whether it names one message, by its number or as `*`."""
        return not self.saved and len(self.ranges) == 1 and self.ranges[0][0] == self.ranges[0][1]

    def resolve(self, largest: int) -> Ranges:
        """Give the set as merged, ascending intervals, ends included.

        Args:
            largest: what `*` means; 0 when there is no message, then `*` is 0 too.
        """
        pairs = []
        for first, last in self.ranges:
            low, high = first or largest, last or largest
            pairs.append((low, high) if low <= high else (high, low))
        return merge(pairs) if pairs else ()


def merge(pairs: list[tuple[int, int]]) -> Ranges:
    """Give intervals in order, those that overlap or touch as one."""
    if len(pairs) == 1:
        return (pairs[0],)
    pairs.sort()
    merged: list[tuple[int, int]] = []
    start, end = pairs[0]
    for low, high in pairs:
        if low > end + 1:
            merged.append((start, end))
            start, end = low, high
        elif high > end:
            end = high
    merged.append((start, end))
    return tuple(merged)


def parse_set(text: bytes) -> SequenceSet | None:
    """Read a set; None when it is none, or has more than `MAX_RANGES` members."""
    if text.count(b",") >= MAX_RANGES:
        return None
    ranges = []
    members = text.split(b",")
    saved = members[-1] == b"$"  # the grammar of RFC 5182 section 3 has it at the end
    if saved:
        members.pop()
    for member in members:
        first, colon, last = member.partition(b":")
        low = _number(first)
        high = _number(last) if colon else low
        if low is None or high is None:
            return None
        ranges.append((low, high))
    return SequenceSet(tuple(ranges), saved)


def _number(text: bytes) -> int | None:
    if text == b"*":
        return STAR
    if not text.isdigit() or len(text) > 10 or text[0] == 0x30:
        return None
    number = int(text)
    return number if number <= LARGEST else None


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Give numbers, in their order, as runs of consecutive ones."""
    found: list[tuple[int, int]] = []
    if not numbers:
        return found
    start = end = numbers[0]
    for number in numbers[1:]:
        if number == end + 1:
            end = number
        else:
            found.append((start, end))
            start = end = number
    found.append((start, end))
    return found


def members(ranges: Iterable[tuple[int, int]], numbers: Sequence[int]) -> list[int]:
    """Give those of ascending numbers that are in a range."""
    return [
        number
        for low, high in ranges
        for number in numbers[bisect_left(numbers, low) : bisect_right(numbers, high)]
    ]


def encode_runs(pairs: Iterable[tuple[int, int]]) -> bytes:
    """Write intervals as a set."""
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in pairs)
