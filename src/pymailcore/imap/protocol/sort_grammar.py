"""What SORT sorts by, and what THREAD threads by.

Standards: RFC 5256 section 5 (`sort-criteria`, `thread-alg`), RFC 5957 section 5, RFC 6203 section 6
(RELEVANCY).
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol.scanner import BadCommand, Scanner

MAX_CRITERIA: Final = 32


class SortKey(enum.Enum):
    """The value is the name on the wire."""

    ARRIVAL = b"ARRIVAL"
    CC = b"CC"
    DATE = b"DATE"
    DISPLAY_FROM = b"DISPLAYFROM"
    DISPLAY_TO = b"DISPLAYTO"
    FROM = b"FROM"
    RELEVANCY = b"RELEVANCY"
    SIZE = b"SIZE"
    SUBJECT = b"SUBJECT"
    TO = b"TO"


class ThreadAlgorithm(enum.Enum):
    """The value is the name on the wire."""

    ORDERED_SUBJECT = b"ORDEREDSUBJECT"
    REFERENCES = b"REFERENCES"


@dataclass(frozen=True, slots=True)
class SortCriterion:
    """One key of an order."""

    key: SortKey
    reverse: bool = False


_KEYS: Final[Mapping[bytes, SortKey]] = MappingProxyType({key.value: key for key in SortKey})
_ALGORITHMS: Final[Mapping[bytes, ThreadAlgorithm]] = MappingProxyType(
    {algorithm.value: algorithm for algorithm in ThreadAlgorithm}
)


def parse_criteria_list(scanner: Scanner) -> tuple[SortCriterion, ...]:
    """Read the parenthesised list of criteria; what is named again changes nothing and is left out."""
    scanner.expect(b"(", "a list of sort criteria")
    found: dict[SortKey, SortCriterion] = {}
    count = 0
    while not count or not scanner.takes(b")"):
        if count:
            scanner.space()
        count += 1
        if count > MAX_CRITERIA:
            raise BadCommand("Too many sort criteria")
        name = scanner.atom("a sort key").upper()
        reverse = name == b"REVERSE"
        if reverse:
            scanner.space()
            name = scanner.atom("a sort key").upper()
        key = _KEYS.get(name)
        if key is None:
            raise BadCommand("Unknown sort key")
        found.setdefault(key, SortCriterion(key, reverse))
    return tuple(found.values())


def parse_algorithm(scanner: Scanner) -> ThreadAlgorithm:
    """Read the name of a threading algorithm."""
    algorithm = _ALGORITHMS.get(scanner.atom("a threading algorithm").upper())
    if algorithm is None:
        raise BadCommand("Unknown threading algorithm")
    return algorithm
