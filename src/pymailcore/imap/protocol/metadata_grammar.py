"""The arguments of GETMETADATA and SETMETADATA.

Standards: RFC 5464 sections 4.2, 4.3 and 5; RFC 4466 section 3 (`tagged-ext-label`); RFC 3516 section 7
(`literal8`).

Names of entries are taken as they are written: whether one is a name is told by who keeps them.

The grammar of RFC 5464 section 5 has the options before the Mailbox, its examples have them behind it, and
one example names two entries without parentheses. All of that is taken.
"""

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeVar

from pymailcore.imap.protocol.scanner import BadCommand, Scanner

T = TypeVar("T")

MAX_ENTRIES: Final = 256
_OPTIONS: Final = re.compile(rb"\((?=[A-Za-z])")
_LABEL: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_.:-]*")


class Depth(enum.Enum):
    """How far below an entry GETMETADATA looks (section 4.2.2)."""

    ZERO = b"0"
    ONE = b"1"
    INFINITY = b"INFINITY"


_DEPTHS: Final = {depth.value: depth for depth in Depth}


@dataclass(frozen=True, slots=True)
class MetadataOptions:
    """Options of GETMETADATA.

    Attributes:
        max_octets: larger values are left out (section 4.2.1).
    """

    max_octets: int | None = None
    depth: Depth = Depth.ZERO


Values = tuple[tuple[str, bytes | None], ...]
"""Entries with what they are set to; None removes."""


def sees_options(scanner: Scanner) -> bool:
    """Whether options come next, and not a Mailbox or a list of entries, which begin with a `/`."""
    return scanner.matches(_OPTIONS)


def parse_metadata_options(scanner: Scanner) -> MetadataOptions:
    """Read `getmetadata-options`.

    Raises:
        BadCommand: one is unknown, or there twice.
    """
    options = MetadataOptions()
    scanner.expect(b"(", "options")
    seen: set[bytes] = set()
    while not seen or not scanner.takes(b")"):
        if seen:
            scanner.space()
        name = scanner.word(_LABEL, "an option").upper()
        parse = _PARSE.get(name)
        if parse is None or name in seen:
            raise BadCommand("Unknown option, or one that is there twice")
        scanner.space()
        options = parse(scanner, options)
        seen.add(name)
    return options


def _max_size(scanner: Scanner, options: MetadataOptions) -> MetadataOptions:
    return replace(options, max_octets=scanner.number())


def _depth(scanner: Scanner, options: MetadataOptions) -> MetadataOptions:
    depth = _DEPTHS.get(scanner.atom("a depth").upper())
    if depth is None:
        raise BadCommand("Expected 0, 1 or infinity")
    return replace(options, depth=depth)


_PARSE: Final[Mapping[bytes, Callable[[Scanner, MetadataOptions], MetadataOptions]]] = MappingProxyType(
    {b"MAXSIZE": _max_size, b"DEPTH": _depth}
)


def parse_entries(scanner: Scanner) -> tuple[str, ...]:
    """Read `entries`: names as they are written, without repeats.

    Raises:
        BadCommand: there are none or too many, or one is not in US-ASCII.
    """
    if scanner.sees(b"("):
        return tuple(dict.fromkeys(_listed(scanner, _entry)))
    entries = {_entry(scanner): None}
    while scanner.takes(b" ") and not scanner.at_end:
        entries[_entry(scanner)] = None
        if len(entries) > MAX_ENTRIES:
            raise BadCommand("Too many entries")
    return tuple(entries)


def parse_entry_values(scanner: Scanner) -> Values:
    """Read `entry-values`.

    Raises:
        BadCommand: there are none or too many, or one breaks the grammar.
    """
    return tuple(_listed(scanner, _entry_value))


def _listed(scanner: Scanner, parse: Callable[[Scanner], T]) -> list[T]:
    scanner.expect(b"(", "a list of entries")
    items = [parse(scanner)]
    while not scanner.takes(b")"):
        scanner.space()
        items.append(parse(scanner))
        if len(items) > MAX_ENTRIES:
            raise BadCommand("Too many entries")
    return items


def _entry(scanner: Scanner) -> str:
    try:
        return scanner.astring("an entry").decode("ascii")
    except UnicodeDecodeError:
        raise BadCommand("Names of entries are in US-ASCII") from None


def _entry_value(scanner: Scanner) -> tuple[str, bytes | None]:
    name = _entry(scanner)
    scanner.space()
    value = scanner.literal("a literal") if scanner.takes(b"~") else scanner.nstring("a value or NIL")
    return name, value
