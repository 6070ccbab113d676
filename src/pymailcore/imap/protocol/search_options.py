"""What a SEARCH or SORT is to answer with.

Standards: RFC 4731 section 3.1 and RFC 9051 section 6.4.4 (MIN, MAX, ALL, COUNT), RFC 5182 section 2.1
(SAVE), RFC 9394 section 3.1 (PARTIAL), RFC 6203 section 4 (RELEVANCY), RFC 5267 section 3 (SORT).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.sequence import LARGEST

T = TypeVar("T")

_PARTIAL: Final = re.compile(rb"(-?)([1-9][0-9]{0,9}):(-?)([1-9][0-9]{0,9})(?![^ )])")
_NAMES: Final = frozenset({b"MIN", b"MAX", b"ALL", b"COUNT", b"SAVE", b"RELEVANCY", b"PARTIAL"})
MAX_OPTIONS: Final = 32


@dataclass(frozen=True, slots=True)
class PartialRange:
    """The `low`-th to `high`-th result; the numbers are negative when they count from the last.

    Attributes:
        text: as the client wrote it, to be given back.
    """

    first: int
    last: int
    text: bytes

    def cut(self, results: Sequence[T]) -> Sequence[T]:
        """Give the results of the range."""
        low, high = sorted((self.first, self.last))
        if low > 0:
            return results[low - 1 : high]
        return results[max(0, len(results) + low) : max(0, len(results) + high + 1)]


@dataclass(frozen=True, slots=True)
class ReturnOptions:
    """The options in RETURN; none of them is ALL alone."""

    min: bool = False
    max: bool = False
    all: bool = False
    count: bool = False
    save: bool = False
    relevancy: bool = False
    partial: PartialRange | None = None

    @property
    def silent(self) -> bool:
        """Whether only SAVE is asked for, which is answered by nothing (RFC 5182 section 1)."""
        return self == ReturnOptions(save=True)

    @property
    def saves_all(self) -> bool:
        """Whether SAVE keeps all that is found (RFC 5182 section 2.4, RFC 9394 section 3.2)."""
        return self.all or self.count or not (self.min or self.max or self.partial)


def parse_return(scanner: Scanner) -> ReturnOptions | None:
    """Read RETURN with its options and the space behind it, if it comes next.

    Raises:
        BadCommand: an option is not known, or ALL and PARTIAL stand together.
    """
    if not scanner.sees_word(b"RETURN"):
        return None
    scanner.atom("RETURN")
    scanner.space()
    scanner.expect(b"(", "a list of return options")
    seen: set[bytes] = set()
    partial: PartialRange | None = None
    count = 0
    while not scanner.takes(b")"):
        if count:
            scanner.space()
        count += 1
        name = scanner.atom("a return option").upper()
        if name not in _NAMES or count > MAX_OPTIONS:
            raise BadCommand("Unknown return option")
        if name == b"PARTIAL":
            if partial is not None:
                raise BadCommand("PARTIAL stands there twice")
            scanner.space()
            partial = parse_partial(scanner)
        seen.add(name)
    scanner.space()
    if {b"ALL", b"PARTIAL"} <= seen:  # RFC 9394 section 3.1
        raise BadCommand("ALL and PARTIAL exclude each other")
    return ReturnOptions(
        min=b"MIN" in seen,
        max=b"MAX" in seen,
        all=b"ALL" in seen or seen <= {b"RELEVANCY"},
        count=b"COUNT" in seen,
        save=b"SAVE" in seen,
        relevancy=b"RELEVANCY" in seen,
        partial=partial,
    )


def parse_partial(scanner: Scanner) -> PartialRange:
    """Read the range of PARTIAL."""
    text = scanner.word(_PARTIAL, "a partial range")
    match = _PARTIAL.match(text)
    if match is None or match[1] != match[3]:
        raise BadCommand("Expected a partial range")
    first, last = int(match[2]), int(match[4])
    if max(first, last) > LARGEST:
        raise BadCommand("Expected a partial range")
    return PartialRange(-first, -last, text) if match[1] else PartialRange(first, last, text)
