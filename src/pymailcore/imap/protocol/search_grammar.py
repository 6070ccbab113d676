"""The keys of SEARCH, SORT and THREAD.

Standards: RFC 9051 sections 6.4.4 and 9 (`search-key`), RFC 3501 section 6.4.4 (RECENT, NEW, OLD), RFC 5032
section 3 (OLDER, YOUNGER), RFC 5182 section 3 (`$`), RFC 5466 section 4 (FILTER), RFC 6203 section 7 (FUZZY),
RFC 7162 section 7 (MODSEQ), RFC 8474 section 6 (EMAILID, THREADID), RFC 8514 section 5 (SAVEDBEFORE …).
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol import search_keys as k
from pymailcore.imap.protocol.dates import parse_date
from pymailcore.imap.protocol.flags import parse_flags
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.sequence import SequenceSet, parse_set
from pymailcore.message.charsets import python_codec

MAX_KEYS: Final = 256
MAX_DEPTH: Final = 32
MAX_NEEDLE_OCTETS: Final = 8_192

CHARSETS: Final = (
    b"US-ASCII UTF-8 ISO-8859-1 ISO-8859-2 ISO-8859-7 ISO-8859-15 WINDOWS-1251 WINDOWS-1252 KOI8-R SHIFT_JIS"
    b" ISO-2022-JP EUC-JP EUC-KR GB18030 BIG5"
)
"""What BADCHARSET names; other charsets that message.charsets knows are taken, too."""

_UTF8: Final = "utf-8"
_LITERAL: Final = re.compile(rb"\{([0-9]{1,6})\+?\}\r\n")
_OBJECT_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,255}(?![^ )])")
_FIELDS: Final = {
    name: name.decode("ascii").lower()
    for name in (b"BCC", b"BODY", b"CC", b"FROM", b"SUBJECT", b"TEXT", b"TO")
}
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
        b"SAVEDATESUPPORTED": k.All(),  # RFC 8514 section 4.3
        b"RECENT": _RECENT,
        b"OLD": k.Without(_RECENT),
        b"NEW": k.Both((_RECENT, k.Without(_SYSTEM[b"SEEN"]))),
        **_SYSTEM,
        **{b"UN" + name: k.Without(key) for name, key in _SYSTEM.items()},
    }
)


class UnknownCharset(Exception):
    """The strings of a SEARCH are in a charset that is not known, or not in the charset that they claim.

    Attributes:
        bad: the command breaks a rule, and is not only one that cannot be done.
    """

    def __init__(self, *, bad: bool = False) -> None:
        super().__init__()
        self.bad = bad


class BadFilter(Exception):
    """The stored value of a filter is no list of search keys."""


def parse_search(scanner: Scanner) -> k.SearchKey:
    """Read all keys of a SEARCH, with CHARSET before them if that is there.

    Raises:
        BadCommand: a key is not understood, or there are too many or too deep.
        UnknownCharset: as its name says.
    """
    codec = _UTF8
    if scanner.sees_word(b"CHARSET"):
        if not scanner.charsets:  # RFC 6855 section 3
            raise BadCommand("Strings are in UTF-8: no CHARSET")
        scanner.atom("CHARSET")
        scanner.space()
        codec = _charset(scanner)
        scanner.space()
    return _keys(scanner, codec)


def parse_criteria(scanner: Scanner) -> k.SearchKey:
    """Read charset and keys of a SORT or THREAD (RFC 5256 section 5, `search-criteria`).

    Raises:
        BadCommand, UnknownCharset: as `parse_search`.
    """
    codec = _charset(scanner)
    scanner.space()
    return _keys(scanner, codec)


def parse_filter(value: bytes) -> k.SearchKey:
    """Read the stored value of a filter, whose strings are in UTF-8 (RFC 5466 section 3.1).

    Raises:
        BadFilter: it is none.
    """
    pieces = []
    place = 0
    while (match := _LITERAL.search(value, place)) is not None:
        end = match.end() + int(match[1])
        if end > len(value):
            raise BadFilter
        pieces += [value[place : match.start()], value[match.end() : end]]
        place = end
    scanner = Scanner([*pieces, value[place:]])
    try:
        key = _keys(scanner, _UTF8)
        scanner.end()
    except (BadCommand, UnknownCharset):
        raise BadFilter from None
    return key


def _charset(scanner: Scanner) -> str:
    """Read the name of a charset, and give that of its codec."""
    try:
        name = scanner.astring("a charset").decode("ascii")
    except UnicodeDecodeError:
        raise UnknownCharset from None
    codec = python_codec(name)
    if codec is None:
        raise UnknownCharset
    return _UTF8 if codec == "ascii" else codec


def _keys(scanner: Scanner, codec: str) -> k.SearchKey:
    reader = _Keys(scanner, codec)
    keys = [reader.key(1)]
    while scanner.takes(b" "):
        keys.append(reader.key(1))
    key = _all_of(keys)
    if codec != _UTF8 and k.contains(key, k.Filtered):  # RFC 5466 section 3.1
        raise UnknownCharset(bad=True)
    return key


def _all_of(keys: list[k.SearchKey]) -> k.SearchKey:
    return keys[0] if len(keys) == 1 else k.Both(tuple(keys))


class _Keys:
    """Reads keys and counts them."""

    def __init__(self, scanner: Scanner, codec: str) -> None:
        self._scanner = scanner
        self._codec = codec
        self._count = 0

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
        if name == b"FUZZY":
            scanner.space()
            return k.Fuzzy(self.key(depth + 1))
        if name == b"OR":
            scanner.space()
            first = self.key(depth + 1)
            scanner.space()
            return k.Either(first, self.key(depth + 1))
        return self._with_argument(name)

    def _with_argument(self, name: bytes) -> k.SearchKey:
        scanner = self._scanner
        parse = _WITH_ARGUMENT.get(name)
        if parse is not None:
            scanner.space()
            return parse(scanner)
        field = _FIELDS.get(name)
        if field is None and name != b"HEADER":
            raise BadCommand("Unknown search key")
        scanner.space()
        if field is not None:
            return k.Holds(field, self._needle())
        header = scanner.astring("a field name")
        scanner.space()
        return k.HeaderHolds(header.decode("latin-1"), self._needle())

    def _needle(self) -> str:
        octets = self._scanner.astring("a string")
        if len(octets) > MAX_NEEDLE_OCTETS:
            raise BadCommand("Search string is too long")
        try:
            text = octets.decode(self._codec)
            text.encode()  # lone surrogates, which some codecs let pass
        except (UnicodeError, ValueError):
            raise UnknownCharset from None
        return text


def _set(scanner: Scanner) -> SequenceSet:
    messages = parse_set(scanner.set_text())
    if messages is None:
        raise BadCommand("Expected a sequence set")
    return messages


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


def _modseq(scanner: Scanner) -> k.SearchKey:
    """MODSEQ; there is one mod-sequence for all of a message, so the entry is passed over."""
    if scanner.sees(b'"'):
        scanner.string("an entry")
        scanner.space()
        if scanner.atom("a type of entry").upper() not in (b"PRIV", b"SHARED", b"ALL"):
            raise BadCommand("Expected priv, shared or all")
        scanner.space()
    return k.ModifiedSince(scanner.number64("a mod-sequence"))


def _age(*, older: bool) -> Callable[[Scanner], k.SearchKey]:
    def parse(scanner: Scanner) -> k.SearchKey:
        seconds = scanner.number("a number of seconds")
        if not seconds:
            raise BadCommand("Expected a number of seconds")
        return k.Aged(older, seconds)

    return parse


def _filter(scanner: Scanner) -> k.SearchKey:
    name = scanner.atom("the name of a filter")
    if b"/" in name:
        raise BadCommand("Expected the name of a filter")
    return k.Filtered(name.decode("ascii").lower())


def _object_id(scanner: Scanner) -> str:
    return scanner.word(_OBJECT_ID, "an objectid").decode("ascii")


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
        b"BEFORE": _before(k.Clock.INTERNAL),
        b"ON": _on(k.Clock.INTERNAL),
        b"SINCE": _since(k.Clock.INTERNAL),
        b"SENTBEFORE": _before(k.Clock.SENT),
        b"SENTON": _on(k.Clock.SENT),
        b"SENTSINCE": _since(k.Clock.SENT),
        b"KEYWORD": _keyword,
        b"UNKEYWORD": lambda scanner: k.Without(_keyword(scanner)),
        b"SAVEDBEFORE": _before(k.Clock.SAVED),
        b"SAVEDON": _on(k.Clock.SAVED),
        b"SAVEDSINCE": _since(k.Clock.SAVED),
        b"OLDER": _age(older=True),
        b"YOUNGER": _age(older=False),
        b"LARGER": lambda scanner: k.Larger(scanner.number64()),
        b"SMALLER": lambda scanner: k.Smaller(scanner.number64()),
        b"EMAILID": lambda scanner: k.HasEmailId(_object_id(scanner)),
        b"THREADID": lambda scanner: k.HasThreadId(_object_id(scanner)),
        b"MODSEQ": _modseq,
        b"FILTER": _filter,
        b"UID": lambda scanner: k.Messages(_set(scanner), uid=True),
    }
)
