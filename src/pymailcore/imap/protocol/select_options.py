"""Parameters of SELECT and EXAMINE.

Standards: RFC 4466 section 2.1 (where they stand), RFC 7162 sections 3.2.5 and 7 (CONDSTORE, QRESYNC).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.sequence import STAR, Ranges, SequenceSet
from pymailcore.imap.protocol.words import modifiers, sequence_set


@dataclass(frozen=True, slots=True)
class Resync:
    """What a client knows of a Mailbox from the last time (QRESYNC).

    Attributes:
        uids: what it knows of, ascending; None for all.
        matches: stretches of messages as (number, UID, length), ascending.
    """

    uid_validity: int
    modseq: int
    uids: Ranges | None = None
    matches: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SelectOptions:
    """What stands behind the name of the Mailbox."""

    condstore: bool = False
    resync: Resync | None = None


NO_OPTIONS: Final = SelectOptions()


def _condstore(_scanner: Scanner, found: SelectOptions) -> SelectOptions:
    return replace(found, condstore=True)


def _qresync(scanner: Scanner, found: SelectOptions) -> SelectOptions:
    scanner.space()
    scanner.expect(b"(", "what is known")
    validity = scanner.number("a UIDVALIDITY")
    scanner.space()
    modseq = scanner.number64("a mod-sequence")
    uids: Ranges | None = None
    matches: tuple[tuple[int, int, int], ...] = ()
    if scanner.sees(b" ") and not scanner.sees(b" ("):
        scanner.space()
        uids = _plain_set(scanner).resolve(STAR)
    if scanner.takes(b" "):
        scanner.expect(b"(", "numbers and UIDs")
        numbers = _ascending(scanner)
        scanner.space()
        matches = _paired(numbers, _ascending(scanner))
        scanner.expect(b")", "a parenthesis")
    scanner.expect(b")", "a parenthesis")
    return replace(found, resync=Resync(validity, modseq, uids, matches))


def _plain_set(scanner: Scanner) -> SequenceSet:
    found = sequence_set(scanner)
    if found.saved or any(STAR in pair for pair in found.ranges):
        raise BadCommand("Expected a set of numbers")
    return found


def _ascending(scanner: Scanner) -> Ranges:
    ranges = _plain_set(scanner).ranges
    before = 0
    for low, high in ranges:
        if not before < low <= high:
            raise BadCommand("Expected ascending numbers")
        before = high
    return ranges


def _paired(numbers: Ranges, uids: Ranges) -> tuple[tuple[int, int, int], ...]:
    """Cut both sets at the same places; their members pair up in order."""
    pairs: list[tuple[int, int, int]] = []
    left, right = list(reversed(numbers)), list(reversed(uids))
    while left and right:
        (number, last_number), (uid, last_uid) = left.pop(), right.pop()
        length = min(last_number - number, last_uid - uid) + 1
        pairs.append((number, uid, length))
        if number + length <= last_number:
            left.append((number + length, last_number))
        if uid + length <= last_uid:
            right.append((uid + length, last_uid))
    if left or right:
        raise BadCommand("Expected as many UIDs as numbers")
    return tuple(pairs)


_PARAMETERS: Final[Mapping[bytes, Callable[[Scanner, SelectOptions], SelectOptions]]] = MappingProxyType(
    {b"CONDSTORE": _condstore, b"QRESYNC": _qresync}
)


def parse_select_options(scanner: Scanner) -> SelectOptions:
    """Read the parameters with the space before them, if they come next."""
    if not scanner.sees(b" ("):
        return NO_OPTIONS
    scanner.space()
    return modifiers(scanner, _PARAMETERS, NO_OPTIONS, "parameter")
