"""The items of FETCH.

Standards: RFC 3501 sections 6.4.5 and 9 (`fetch`, `section`), RFC 3516 section 7 (BINARY), RFC 8970 section 6
(PREVIEW).
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol.fetch_items import Attribute, BodySection, FetchItem, Form
from pymailcore.imap.protocol.responses import astring
from pymailcore.imap.protocol.scanner import MAX_NUMBER, BadCommand, Scanner

MAX_ITEMS: Final = 256
MAX_FIELDS: Final = 256
MAX_PATH: Final = 64

_NAME: Final = re.compile(rb"[A-Za-z0-9.]+")
_PATH: Final = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*")
_WHAT: Final = re.compile(rb"HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME", re.IGNORECASE)
_LAZY: Final = re.compile(rb" \(LAZY\)", re.IGNORECASE)
_PARTIAL: Final = re.compile(rb"<[0-9]{1,10}\.[1-9][0-9]{0,9}>")

_FAST: Final = (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.SIZE)
_MACROS: Final[Mapping[bytes, tuple[FetchItem, ...]]] = MappingProxyType(
    {
        b"FAST": _FAST,
        b"ALL": (*_FAST, Attribute.ENVELOPE),
        b"FULL": (*_FAST, Attribute.ENVELOPE, Attribute.BODY),
    }
)
_ITEMS: Final[Mapping[bytes, FetchItem]] = MappingProxyType(
    {
        **{attribute.value: attribute for attribute in Attribute},
        b"RFC822": BodySection(b"RFC822"),
        b"RFC822.HEADER": BodySection(b"RFC822.HEADER", what="HEADER", peek=True),
        b"RFC822.TEXT": BodySection(b"RFC822.TEXT", what="TEXT"),
    }
)


def parse_fetch_items(scanner: Scanner) -> tuple[FetchItem, ...]:
    """Read a macro, an item or a list of items."""
    if not scanner.takes(b"("):
        name = scanner.word(_NAME, "a fetch item").upper()
        return _MACROS.get(name) or (_item(scanner, name),)
    items: dict[FetchItem, None] = {}
    count = 0
    while not items or not scanner.takes(b")"):
        if items:
            scanner.space()
        count += 1
        if count > MAX_ITEMS:
            raise BadCommand("Too many fetch items")
        items[_item(scanner, scanner.word(_NAME, "a fetch item").upper())] = None
    return tuple(items)


def _item(scanner: Scanner, name: bytes) -> FetchItem:
    parse = _IN_BRACKETS.get(name)
    if parse is not None and scanner.takes(b"["):
        return parse(scanner)
    item = _ITEMS.get(name)
    if item is None:
        raise BadCommand("Unknown fetch item")
    if item is Attribute.PREVIEW:
        scanner.maybe(_LAZY)  # a preview is always at hand
    return item


def _section(scanner: Scanner, *, peek: bool) -> BodySection:
    label = b""
    path: tuple[int, ...] = ()
    what = ""
    fields: tuple[str, ...] = ()
    dot = False
    if not scanner.sees(b"]"):
        if (numbers := scanner.maybe(_PATH)) is not None:
            label, path = numbers, _path(numbers)
            dot = scanner.takes(b".")
        if dot or not path:
            word = scanner.word(_WHAT, "a section").upper()
            if word == b"MIME" and not path:
                raise BadCommand("MIME needs a part number")
            label += (b"." if path else b"") + word
            what = word.decode("ascii")
    if what.startswith("HEADER.FIELDS"):
        scanner.space()
        names = _field_names(scanner)
        label += b" (%b)" % b" ".join(map(astring, names))
        fields = tuple(name.decode("latin-1") for name in names)
    scanner.expect(b"]", "a bracket that ends the section")
    if (part := _partial(scanner)) is None:
        return BodySection(b"BODY[%b]" % label, path, what, fields, peek=peek)
    return BodySection(b"BODY[%b]<%d>" % (label, part[0]), path, what, fields, *part, peek)


def _path(numbers: bytes) -> tuple[int, ...]:
    path = tuple(map(int, numbers.split(b".")))
    if len(path) > MAX_PATH or max(path) > MAX_NUMBER:
        raise BadCommand("Section is too deep")
    return path


def _partial(scanner: Scanner) -> tuple[int, int] | None:
    """Read where a partial range begins and how many octets it has, if one comes next."""
    if not scanner.sees(b"<"):
        return None
    first, count = map(int, scanner.word(_PARTIAL, "a partial range")[1:-1].split(b"."))
    if max(first, count) > MAX_NUMBER:
        raise BadCommand("Expected a partial range")
    return first, count


def _binary(scanner: Scanner, *, peek: bool) -> BodySection:
    """Read `section-binary` and a partial range of what is decoded (RFC 3516 section 7)."""
    numbers = scanner.maybe(_PATH) or b""
    path = _path(numbers) if numbers else ()
    scanner.expect(b"]", "a bracket that ends the section")
    if (part := _partial(scanner)) is None:
        return BodySection(b"BINARY[%b]" % numbers, path, peek=peek, form=Form.DECODED)
    label = b"BINARY[%b]<%d>" % (numbers, part[0])
    return BodySection(label, path, "", (), *part, peek, Form.DECODED)


def _binary_size(scanner: Scanner) -> BodySection:
    numbers = scanner.maybe(_PATH) or b""
    path = _path(numbers) if numbers else ()
    scanner.expect(b"]", "a bracket that ends the section")
    return BodySection(b"BINARY.SIZE[%b]" % numbers, path, peek=True, form=Form.DECODED_SIZE)


_IN_BRACKETS: Final[Mapping[bytes, Callable[[Scanner], BodySection]]] = MappingProxyType(
    {
        b"BODY": lambda scanner: _section(scanner, peek=False),
        b"BODY.PEEK": lambda scanner: _section(scanner, peek=True),
        b"BINARY": lambda scanner: _binary(scanner, peek=False),
        b"BINARY.PEEK": lambda scanner: _binary(scanner, peek=True),
        b"BINARY.SIZE": _binary_size,
    }
)


def _field_names(scanner: Scanner) -> list[bytes]:
    scanner.expect(b"(", "a list of field names")
    names: list[bytes] = []
    while not names or not scanner.takes(b")"):
        if names:
            scanner.space()
        if len(names) == MAX_FIELDS:
            raise BadCommand("Too many field names")
        names.append(scanner.astring("a field name"))
    return names
