"""From the pieces of a server's response to a value.

Standards: RFC 3501 sections 7 and 9, RFC 9051 section 7, RFC 2342 section 6 (NAMESPACE), RFC 8474 section 5
(EMAILID).

Read with some leniency, as servers of twenty years are imported from: flags and names may have octets that
the grammar has not; items of FETCH that nobody asked for are passed over. What cannot be read at all is
`BadResponse` and nothing else.
"""

import re
from dataclasses import dataclass
from typing import Final

from pymailcore.imap.protocol.client_reader import BadResponse, Raw
from pymailcore.imap.protocol.dates import parse_date_time
from pymailcore.imap.protocol.scanner import BadCommand, Scanner

MAX_DEPTH: Final = 16
MAX_ITEMS: Final = 10_000
"""Values in one list, such as flags of a message."""
_MAX_TEXT: Final = 500

_STATUS: Final = re.compile(
    rb"(OK|NO|BAD|BYE|PREAUTH)(?: \[([^\]\r\n]*)\])?(?: ([^\r\n]*))?\Z", re.IGNORECASE
)
_TAGGED: Final = re.compile(rb"([A-Za-z0-9]{1,64}) ")
_WORD: Final = re.compile(rb'[^\s(){"\x00]+')
_NUMBERED: Final = re.compile(rb"([0-9]{1,10}) ([A-Za-z]+)")
_ITEM: Final = re.compile(rb"[A-Za-z][A-Za-z0-9.\-_]*(?:\[[^\]\r\n]*\](?:<[0-9]+>)?)?")
_SIZE: Final = re.compile(rb"[0-9]{1,19}")

Value = bytes | None | list["Value"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A status response.

    Attributes:
        tag: of the command that it ends; b"" for an untagged one.
        kind: OK, NO, BAD, BYE or PREAUTH.
        code: what stands in brackets.
    """

    tag: bytes
    kind: str
    code: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Continuation:
    """The server waits for more of the command."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Names in upper case."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder in the answer to LIST or LSUB; attributes in lower case."""

    attributes: frozenset[str]
    delimiter: str
    name: bytes
    lsub: bool


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Prefix and delimiter of each namespace."""

    personal: tuple[tuple[bytes, str], ...]
    foreign: tuple[tuple[bytes, str], ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """So many messages are in the folder."""

    count: int


@dataclass(frozen=True, slots=True)
class Expunged:
    """A message has gone; those behind it move up."""

    seq: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """Data of one message; None, or 0, for what did not come.

    Attributes:
        internal_date_ms: milliseconds since 1970.
        identity: X-GM-MSGID or EMAILID: the same in all folders.
        dropped: the body was longer than what is kept.
    """

    seq: int
    uid: int = 0
    flags: tuple[str, ...] | None = None
    internal_date_ms: int | None = None
    size_octets: int | None = None
    body: bytes | None = None
    identity: str | None = None
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """Something that nobody asked for."""


Response = Condition | Continuation | Capabilities | Listed | Namespaces | Exists | Expunged | Fetched | Other


def parse_response(raw: Raw) -> Response:
    """Read one response.

    Raises:
        BadResponse: it is none.
    """
    try:
        return _parse(raw)
    except BadCommand as fault:
        raise BadResponse(f"a response cannot be read: {fault}") from None


def _parse(raw: Raw) -> Response:
    line = raw.pieces[0]
    if line[:1] == b"+":
        return Continuation(line[2:])
    scanner = Scanner(raw.pieces)
    if not scanner.takes(b"* "):
        match = _TAGGED.match(line)
        status = None if match is None else _STATUS.match(line[match.end() :])
        if match is None or status is None or len(raw.pieces) > 1:
            raise BadCommand("neither untagged nor the end of a command")
        return _condition(match[1], status)
    if (status := _STATUS.match(line[2:])) is not None:
        return _condition(b"", status)
    if (numbered := _NUMBERED.match(line, 2)) is not None:
        scanner.takes(line[2 : numbered.end()])
        return _numbered(int(numbered[1]), numbered[2].upper(), scanner, raw.dropped)
    name = scanner.word(_WORD, "the name of a response").upper()
    reader = _READERS.get(name)
    return Other() if reader is None else reader(scanner)


def _condition(tag: bytes, match: re.Match[bytes]) -> Condition:
    text = (match[3] or b"")[:_MAX_TEXT].decode("utf-8", "replace")
    return Condition(tag, match[1].decode("ascii").upper(), match[2] or b"", text)


def code_number(code: bytes, name: bytes) -> int | None:
    """The number in a response code such as `UIDVALIDITY 7`."""
    word, _, number = code.partition(b" ")
    return int(number) if word.upper() == name and re.fullmatch(rb"[0-9]{1,10}", number) else None


def capabilities_in(code: bytes) -> frozenset[str] | None:
    """The names in a response code CAPABILITY."""
    word, _, names = code.partition(b" ")
    return _names(names) if word.upper() == b"CAPABILITY" else None


def _names(text: bytes) -> frozenset[str]:
    return frozenset(text.decode("ascii", "replace").upper().split())


def _capability(scanner: Scanner) -> Response:
    names = []
    while scanner.takes(b" "):
        word = scanner.maybe(_WORD)
        if word is not None:
            names.append(word)
    return Capabilities(_names(b" ".join(names)))


def _list(scanner: Scanner, *, lsub: bool = False) -> Response:
    scanner.space()
    attributes = _value(scanner)
    scanner.space()
    delimiter = _value(scanner)
    scanner.space()
    word = scanner.maybe(_WORD)
    name = scanner.string("a name") if word is None else word
    if not isinstance(attributes, list) or isinstance(delimiter, list):
        raise BadCommand("Expected attributes and a delimiter")
    return Listed(
        frozenset(_text(attribute).lower() for attribute in attributes),
        _text(delimiter)[:1],
        name,
        lsub,
    )


def _lsub(scanner: Scanner) -> Response:
    return _list(scanner, lsub=True)


def _namespace(scanner: Scanner) -> Response:
    kinds = []
    for _ in range(3):
        scanner.space()
        kinds.append(_namespaces(_value(scanner)))
    return Namespaces(kinds[0], kinds[1] + kinds[2])


def _namespaces(value: Value) -> tuple[tuple[bytes, str], ...]:
    return tuple(
        [
            (one[0], _text(one[1])[:1])
            for one in (value if isinstance(value, list) else [])
            if isinstance(one, list) and len(one) >= 2 and isinstance(one[0], bytes)
        ]
    )


def _text(value: Value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _numbered(number: int, name: bytes, scanner: Scanner, dropped: bool) -> Response:
    if name == b"EXISTS":
        return Exists(number)
    if name == b"EXPUNGE":
        return Expunged(number)
    if name != b"FETCH":
        return Other()
    scanner.space()
    scanner.expect(b"(", "a parenthesis")
    items: dict[bytes, Value] = {}
    while not scanner.takes(b")"):
        if items:
            scanner.space()
        item = scanner.word(_ITEM, "the name of an item").upper()
        scanner.space()
        items[item] = _value(scanner)
        if len(items) > MAX_ITEMS:
            raise BadCommand("too many items")
    return _fetched(number, items, dropped)


def _fetched(seq: int, items: dict[bytes, Value], dropped: bool) -> Fetched:
    flags = items.get(b"FLAGS")
    date = items.get(b"INTERNALDATE")
    body = items.get(b"BODY[]")
    identity = items.get(b"X-GM-MSGID", items.get(b"EMAILID"))
    if isinstance(identity, list):
        identity = identity[0] if identity else None
    return Fetched(
        seq=seq,
        uid=_number(items.get(b"UID")) or 0,
        flags=tuple(_text(flag) for flag in flags) if isinstance(flags, list) else None,
        internal_date_ms=parse_date_time(date) if isinstance(date, bytes) else None,
        size_octets=_number(items.get(b"RFC822.SIZE")),
        body=body if isinstance(body, bytes) else None,
        identity=_text(identity) or None,
        dropped=dropped,
    )


def _number(value: Value) -> int | None:
    return int(value) if isinstance(value, bytes) and _SIZE.fullmatch(value) else None


def _value(scanner: Scanner, depth: int = 0) -> Value:
    """A list, a string, NIL or a word."""
    if scanner.takes(b"("):
        if depth >= MAX_DEPTH:
            raise BadCommand("lists too deep in each other")
        values: list[Value] = []
        while not scanner.takes(b")"):
            if len(values) > MAX_ITEMS:
                raise BadCommand("a list is too long")
            while scanner.takes(b" "):
                pass
            if not scanner.sees(b")"):
                values.append(_value(scanner, depth + 1))
        return values
    word = scanner.maybe(_WORD)
    if word is None:
        scanner.takes(b"~")
        return scanner.string("a value")
    return None if word.upper() == b"NIL" else word


_READERS: Final = {
    b"CAPABILITY": _capability,
    b"LIST": _list,
    b"XLIST": _list,
    b"LSUB": _lsub,
    b"NAMESPACE": _namespace,
}
