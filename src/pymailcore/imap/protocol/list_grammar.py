"""The arguments of LIST, LSUB and XLIST.

Standards: RFC 5258 sections 3 and 6 (LIST-EXTENDED); RFC 5819 section 4 (STATUS); RFC 6154 section 6
(SPECIAL-USE); RFC 9590 section 5 (METADATA); RFC 9051 section 6.3.9.

RECURSIVEMATCH needs an option that selects, be it SUBSCRIBED or SPECIAL-USE: the text of RFC 5258 section 3.1
allows what the grammar of RFC 6154, where SPECIAL-USE does not count, forbids.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol.metadata_grammar import parse_entries
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.status_items import StatusItem, parse_status_items
from pymailcore.imap.protocol.words import decoded_name

MAX_PATTERNS: Final = 32
"""Patterns of one LIST: each costs a walk through every name."""

MAX_OPTIONS: Final = 32


@dataclass(frozen=True, slots=True)
class ListOptions:
    r"""What the extended form selects and what it returns besides attributes.

    Attributes:
        subscribed: only what is subscribed to.
        special_use: only what has a special use.
        recursive: also what has something selected below it.
        tell_subscribed: return `\Subscribed`.
        status: items of a STATUS for each Mailbox; none for no STATUS.
        entries: of METADATA for each Mailbox, as they are written.
    """

    subscribed: bool = False
    special_use: bool = False
    recursive: bool = False
    tell_subscribed: bool = False
    status: tuple[StatusItem, ...] = ()
    entries: tuple[str, ...] = ()


_Parse = Callable[[Scanner, ListOptions], ListOptions]


def parse_list(scanner: Scanner) -> tuple[str, tuple[str, ...], ListOptions | None]:
    """Read reference, patterns and options of LIST; no options for the basic form.

    Raises:
        BadCommand: an option is unknown, or RECURSIVEMATCH stands alone.
    """
    options: ListOptions | None = None
    if scanner.sees(b" ("):
        scanner.space()
        options = _options(scanner, _SELECT, ListOptions())
        if options.recursive and not (options.subscribed or options.special_use):
            raise BadCommand("RECURSIVEMATCH needs another option")
    scanner.space()
    reference = decoded_name(scanner, scanner.astring("a reference"))
    scanner.space()
    if scanner.takes(b"("):
        options = options or ListOptions()
        patterns = _patterns(scanner)
    else:
        patterns = (decoded_name(scanner, scanner.list_mailbox()),)
    if scanner.takes(b" "):
        if scanner.atom("RETURN").upper() != b"RETURN":
            raise BadCommand("Expected RETURN")
        scanner.space()
        options = _options(scanner, _RETURN, options or ListOptions())
    return reference, patterns, options


def parse_plain_list(scanner: Scanner) -> tuple[str, str]:
    """Read reference and pattern of LSUB and XLIST, which have one form only."""
    scanner.space()
    reference = decoded_name(scanner, scanner.astring("a reference"))
    scanner.space()
    return reference, decoded_name(scanner, scanner.list_mailbox())


def _patterns(scanner: Scanner) -> tuple[str, ...]:
    patterns = [decoded_name(scanner, scanner.list_mailbox())]
    while not scanner.takes(b")"):
        scanner.space()
        if len(patterns) == MAX_PATTERNS:
            raise BadCommand("Too many patterns")
        patterns.append(decoded_name(scanner, scanner.list_mailbox()))
    return tuple(dict.fromkeys(patterns))


def _options(scanner: Scanner, table: Mapping[bytes, _Parse], options: ListOptions) -> ListOptions:
    """Read a list of options, each of which may be there more than once and counts once."""
    scanner.expect(b"(", "a list of options")
    count = 0
    while not scanner.takes(b")"):
        if count:
            scanner.space()
        count += 1
        parse = table.get(scanner.atom("an option").upper())
        if parse is None or count > MAX_OPTIONS:
            raise BadCommand("Unknown option, or too many options")
        options = parse(scanner, options)
    return options


def _status(scanner: Scanner, options: ListOptions) -> ListOptions:
    scanner.space()
    return replace(options, status=tuple(dict.fromkeys(options.status + parse_status_items(scanner))))


def _metadata(scanner: Scanner, options: ListOptions) -> ListOptions:
    scanner.space()
    if not scanner.sees(b"("):
        raise BadCommand("Expected a list of entries")
    return replace(options, entries=tuple(dict.fromkeys(options.entries + parse_entries(scanner))))


_SELECT: Final[Mapping[bytes, _Parse]] = MappingProxyType(
    {
        b"SUBSCRIBED": lambda _, options: replace(options, subscribed=True, tell_subscribed=True),
        b"REMOTE": lambda _, options: options,
        b"RECURSIVEMATCH": lambda _, options: replace(options, recursive=True),
        b"SPECIAL-USE": lambda _, options: replace(options, special_use=True),
    }
)
_RETURN: Final[Mapping[bytes, _Parse]] = MappingProxyType(
    {
        b"SUBSCRIBED": lambda _, options: replace(options, tell_subscribed=True),
        # Attributes of children and of special use are always there.
        b"CHILDREN": lambda _, options: options,
        b"SPECIAL-USE": lambda _, options: options,
        b"STATUS": _status,
        b"METADATA": _metadata,
    }
)
