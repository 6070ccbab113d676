"""The keys of SEARCH.

Standards: RFC 3501 sections 6.4.4 and 9 (`search-key`).
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol import search_keys as k
from pymailcore.imap.protocol.dates import parse_date
from pymailcore.imap.protocol.flags import parse_flags
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.sequence import SequenceSet, parse_set

MAX_KEYS: Final = 256
MAX_DEPTH: Final = 32
MAX_NEEDLE_OCTETS: Final = 8_192

_CHARSETS: Final = frozenset({b"US-ASCII", b"UTF-8"})
_SYSTEM: Final = {
    name: k.HasKeyword("$" + name.decode("ascii").lower())
    for name in (b"SEEN", b"ANSWERED", b"FLAGGED", b"DRAFT")
}
_RECENT: Final = k.IsRecent()
_PLAIN: Final[Mapping[bytes, k.SearchKey]] = MappingProxyType(
    {
        b"ALL": k.All(),
        b"DELETED": k.IsDeleted(),
        b"UNDELETED": k.Without(k.IsDeleted()),
        b"RECENT": _RECENT,
        b"OLD": k.Without(_RECENT),
        b"NEW": k.Both((_RECENT, k.Without(_SYSTEM[b"SEEN"]))),
        **_SYSTEM,
        **{b"UN" + name: k.Without(key) for name, key in _SYSTEM.items()},
    }
)


class UnknownCharset(Exception):
    """The strings of a SEARCH are in a charset that is not known, or not in the charset that they claim."""


def parse_search(scanner: Scanner) -> k.SearchKey:
    """Read all keys of a SEARCH, the space before them included.

    Raises:
        BadCommand: a key is not understood, or there are too many or too deep.
        UnknownCharset: as its name says.
    """
    reader = _Keys(scanner)
    scanner.space()
    keys = [reader.first()]
    while scanner.takes(b" "):
        keys.append(reader.key(1))
    return _all_of(keys)


def _all_of(keys: list[k.SearchKey]) -> k.SearchKey:
    return keys[0] if len(keys) == 1 else k.Both(tuple(keys))


class _Keys:
    """Reads keys and counts them."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._count = 0

    def first(self) -> k.SearchKey:
        """Read the first key, behind CHARSET if that is there."""
        if not self._scanner.sees_word(b"CHARSET"):
            return self.key(1)
        self._scanner.atom("CHARSET")
        self._scanner.space()
        if self._scanner.astring("a charset").upper() not in _CHARSETS:
            raise UnknownCharset
        self._scanner.space()
        return self.key(1)

    def key(self, depth: int) -> k.SearchKey:
        """Read one key."""
        scanner = self._scanner
        self._count += 1
        if self._count > MAX_KEYS:
            raise BadCommand("Too many search keys")
        if depth > MAX_DEPTH:
            raise BadCommand("Search keys are nested too deeply")
        if scanner.takes(b"("):
            keys = [self.key(depth + 1)]
            while not scanner.takes(b")"):
                scanner.space()
                keys.append(self.key(depth + 1))
            return _all_of(keys)
        if scanner.sees_set():
            return k.Messages(_set(scanner))
        name = scanner.atom("a search key").upper()
        plain = _PLAIN.get(name)
        if plain is not None:
            return plain
        if name == b"NOT":
            scanner.space()
            return k.Without(self.key(depth + 1))
        if name == b"OR":
            scanner.space()
            first = self.key(depth + 1)
            scanner.space()
            return k.Either(first, self.key(depth + 1))
        parse = _WITH_ARGUMENT.get(name)
        if parse is None:
            raise BadCommand("Unknown search key")
        scanner.space()
        return parse(scanner)


def _set(scanner: Scanner) -> SequenceSet:
    messages = parse_set(scanner.set_text())
    if messages is None:
        raise BadCommand("Expected a sequence set")
    return messages


def _needle(scanner: Scanner) -> str:
    octets = scanner.astring("a string")
    if len(octets) > MAX_NEEDLE_OCTETS:
        raise BadCommand("Search string is too long")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise UnknownCharset from None


def _date(scanner: Scanner) -> date:
    day = parse_date(scanner.astring("a date"))
    if day is None or day == date.max:
        raise BadCommand("Expected a date")
    return day


def _keyword(scanner: Scanner) -> k.SearchKey:
    flags = parse_flags([scanner.atom("a keyword")])
    if flags is None:
        raise BadCommand("Expected a keyword")
    return k.HasKeyword(flags.keywords[0])


def _header(scanner: Scanner) -> k.SearchKey:
    name = scanner.astring("a field name")
    scanner.space()
    return k.HeaderHolds(name.decode("latin-1"), _needle(scanner))


def _holds(field: str) -> Callable[[Scanner], k.SearchKey]:
    return lambda scanner: k.Holds(field, _needle(scanner))


def _before(clock: k.Clock) -> Callable[[Scanner], k.SearchKey]:
    return lambda scanner: k.Dated(clock, before=_date(scanner))


def _since(clock: k.Clock) -> Callable[[Scanner], k.SearchKey]:
    return lambda scanner: k.Dated(clock, since=_date(scanner))


def _on(clock: k.Clock) -> Callable[[Scanner], k.SearchKey]:
    def parse(scanner: Scanner) -> k.SearchKey:
        day = _date(scanner)
        return k.Dated(clock, since=day, before=day + timedelta(days=1))

    return parse


_WITH_ARGUMENT: Final[Mapping[bytes, Callable[[Scanner], k.SearchKey]]] = MappingProxyType(
    {
        **{
            name: _holds(name.decode("ascii").lower())
            for name in (b"BCC", b"BODY", b"CC", b"FROM", b"SUBJECT", b"TEXT", b"TO")
        },
        b"BEFORE": _before(k.Clock.INTERNAL),
        b"ON": _on(k.Clock.INTERNAL),
        b"SINCE": _since(k.Clock.INTERNAL),
        b"SENTBEFORE": _before(k.Clock.SENT),
        b"SENTON": _on(k.Clock.SENT),
        b"SENTSINCE": _since(k.Clock.SENT),
        b"KEYWORD": _keyword,
        b"UNKEYWORD": lambda scanner: k.Without(_keyword(scanner)),
        b"HEADER": _header,
        b"LARGER": lambda scanner: k.Larger(scanner.number()),
        b"SMALLER": lambda scanner: k.Smaller(scanner.number()),
        b"UID": lambda scanner: k.Messages(_set(scanner), uid=True),
    }
)
