"""Words that several commands share: names of Mailboxes, sets, flags, lists of modifiers.

Standards: RFC 3501 section 9, RFC 9051 sections 5.1 and 9, RFC 4466 section 2 (modifiers and parameters).
"""

import unicodedata
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from pymailcore.imap.protocol.flags import Flags, parse_flags
from pymailcore.imap.protocol.names import decode_name, decode_utf8_name
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.sequence import SequenceSet, parse_set

T = TypeVar("T")

MAX_FLAGS: Final = 256


def mailbox(scanner: Scanner) -> str:
    """Take a space and the name of a Mailbox, as it is written."""
    scanner.space()
    return _name(scanner, scanner.astring("a mailbox name"))


def decoded_name(scanner: Scanner, octets: bytes) -> str:
    """Read a reference, or a pattern of names, and give it in NFC, as names are kept."""
    return unicodedata.normalize("NFC", _name(scanner, octets))


def _name(scanner: Scanner, octets: bytes) -> str:
    if scanner.utf8:
        name = decode_utf8_name(octets)
        if name is None:
            raise BadCommand("Mailbox name is too long or not in UTF-8")
        return name
    name = decode_name(octets)
    if name is None:
        raise BadCommand("Mailbox name is too long or not in modified UTF-7")
    return name


def text(octets: bytes, what: str) -> str:
    """Read UTF-8."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise BadCommand(f"Expected {what} in UTF-8") from None


def sequence_set(scanner: Scanner) -> SequenceSet:
    """Take a set."""
    found = parse_set(scanner.set_text())
    if found is None:
        raise BadCommand("Expected a sequence set")
    return found


def messages(scanner: Scanner) -> SequenceSet:
    """Take a space and a set."""
    scanner.space()
    return sequence_set(scanner)


def flag_words(scanner: Scanner) -> list[bytes]:
    """Take flags up to the parenthesis that ends their list."""
    words: list[bytes] = []
    while not scanner.takes(b")"):
        if words:
            scanner.space()
        if len(words) == MAX_FLAGS:
            raise BadCommand("Too many flags")
        words.append(scanner.flag())
    return words


def flags(words: list[bytes]) -> Flags:
    """Read flags that a client may set."""
    found = parse_flags(words)
    if found is None:
        raise BadCommand("A flag cannot be set")
    return found


def modifiers(
    scanner: Scanner, table: Mapping[bytes, Callable[[Scanner, T], T]], none: T, what: str = "modifier"
) -> T:
    """Take a list of named parameters, each at most once.

    Args:
        table: for each name what reads its value and notes it.
        none: what there is without any.
    """
    scanner.expect(b"(", f"a list of {what}s")
    seen: set[bytes] = set()
    value = none
    while not seen or not scanner.takes(b")"):
        if seen:
            scanner.space()
        name = scanner.atom(f"a {what}").upper()
        parse = table.get(name)
        if parse is None or name in seen:
            raise BadCommand(f"Unknown {what}" if parse is None else f"A {what} stands there twice")
        seen.add(name)
        value = parse(scanner, value)
    return value
