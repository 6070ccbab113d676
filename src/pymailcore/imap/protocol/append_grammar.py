r"""The messages of APPEND and REPLACE.

Standards: RFC 3501 section 9 (`append`), RFC 4466 section 6 (`append-message`), RFC 3502 section 6
(MULTIAPPEND), RFC 3516 section 7 (literal8), RFC 4469 section 5 (CATENATE), RFC 6855 section 4 (UTF8),
RFC 8508 section 5.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol.dates import parse_date_time
from pymailcore.imap.protocol.flags import Flags
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.words import flag_words, flags

MAX_MESSAGES: Final = 1_000
MAX_PARTS: Final = 250
"""Of all messages of one command that are put together from parts."""

_DATE_TIME: Final = re.compile(rb'"([^"]{26})"')


@dataclass(frozen=True, slots=True)
class UrlPart:
    """Octets that the server has; the URL as it was written, not looked into yet."""

    url: bytes


Part = bytes | UrlPart


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that is to be kept.

    Attributes:
        time_ms: milliseconds since 1970; None means now.
        parts: the octets, end to end.
        binary: it came as literal8, and NUL may be in it.
        utf8: its header is in UTF-8.
        catenated: it was put together with CATENATE.
    """

    flags: Flags
    time_ms: int | None
    parts: tuple[Part, ...] = field(repr=False)
    binary: bool = False
    utf8: bool = False
    catenated: bool = False


@dataclass(slots=True)
class _Data:
    """What is gathered of one message."""

    parts: list[Part] = field(default_factory=list)
    binary: bool = False
    utf8: bool = False


def parse_messages(scanner: Scanner) -> tuple[NewMessage, ...]:
    """Read one message or more, each with a space before it, up to the end.

    Raises:
        BadCommand: one breaks the grammar, or there are too many.
    """
    messages = [parse_message(scanner)]
    count = len(messages[0].parts)
    while not scanner.at_blank_end:
        messages.append(parse_message(scanner))
        if messages[-1].catenated:
            count += len(messages[-1].parts)
        if len(messages) > MAX_MESSAGES or count > MAX_PARTS:
            raise BadCommand("Too many messages, or too many parts")
    return tuple(messages)


def parse_message(scanner: Scanner) -> NewMessage:
    """Read a space and one message with its flags and its time."""
    scanner.space()
    given, time_ms = Flags(), None
    if scanner.takes(b"("):
        given = flags(flag_words(scanner))
        scanner.space()
    if scanner.sees(b'"'):
        time_ms = parse_date_time(scanner.word(_DATE_TIME, "a date and time")[1:-1])
        if time_ms is None:
            raise BadCommand("Expected a date and time")
        scanner.space()
    data = _Data()
    catenated = False
    if scanner.sees_word(b"CATENATE"):
        catenated = True
        _catenate(scanner, data)
    elif scanner.sees_word(b"UTF8"):
        scanner.atom("UTF8")
        _utf8(scanner, data)
    else:
        _literal(scanner, data)
    return NewMessage(given, time_ms, tuple(data.parts), data.binary, data.utf8, catenated)


def _literal(scanner: Scanner, data: _Data) -> None:
    if scanner.takes(b"~"):
        data.binary = True
    data.parts.append(scanner.literal("a literal"))


def _utf8(scanner: Scanner, data: _Data) -> None:
    scanner.space()
    scanner.expect(b"(", "a literal in parentheses")
    if not scanner.sees(b"~"):
        raise BadCommand("Expected a literal of eight bits")
    _literal(scanner, data)
    scanner.expect(b")", "a parenthesis that ends UTF8")
    data.utf8 = True


def _text(scanner: Scanner, data: _Data) -> None:
    scanner.space()
    _literal(scanner, data)


def _url(scanner: Scanner, data: _Data) -> None:
    scanner.space()
    data.parts.append(UrlPart(scanner.astring("a URL")))


_PARTS: Final[Mapping[bytes, Callable[[Scanner, _Data], None]]] = MappingProxyType(
    {b"TEXT": _text, b"URL": _url, b"UTF8": _utf8}
)


def _catenate(scanner: Scanner, data: _Data) -> None:
    scanner.atom("CATENATE")
    scanner.space()
    scanner.expect(b"(", "a list of parts")
    while not data.parts or not scanner.takes(b")"):
        if data.parts:
            scanner.space()
        if len(data.parts) == MAX_PARTS:
            raise BadCommand("Too many parts")
        parse = _PARTS.get(scanner.atom("TEXT or URL").upper())
        if parse is None:
            raise BadCommand("Expected TEXT or URL")
        parse(scanner, data)
