r"""Responses and the data in them, as octets.

Standards: RFC 3501 sections 7 and 9, RFC 5530 section 3 (response codes).
"""

import enum
from dataclasses import dataclass
from typing import Final

from pymailcore.imap.protocol.names import encode_name

CONTINUE: Final = b"+ Go ahead\r\n"
IDLING: Final = b"+ idling\r\n"

_QUOTABLE: Final = bytes(octet for octet in range(0x20, 0x7F) if octet not in b'"\\')
_ATOM: Final = bytes(octet for octet in range(0x21, 0x7F) if octet not in b'(){%*"\\]')
_CONTROLS: Final = bytes([*range(0x20), 0x7F])
MAX_QUOTED_OCTETS: Final = 1_024


class Condition(enum.Enum):
    """Status responses."""

    OK = b"OK"
    NO = b"NO"
    BAD = b"BAD"
    BYE = b"BYE"


@dataclass(frozen=True, slots=True)
class Status:
    """A status response without its tag.

    Attributes:
        text: for people; US-ASCII, one line, says nothing about the inside of the server.
        code: what stands in the brackets, without them.
    """

    condition: Condition
    text: str
    code: bytes | None = None

    @property
    def ok(self) -> bool:
        """Whether the command did what it was asked."""
        return self.condition is Condition.OK

    def encode(self, tag: bytes = b"*") -> bytes:
        """Write it as a line."""
        code = b"" if self.code is None else b"[%b] " % self.code
        return b"%b %b %b%b\r\n" % (tag, self.condition.value, code, self.text.encode("ascii", "replace"))


def ok(text: str, code: bytes | None = None) -> Status:
    """Done."""
    return Status(Condition.OK, text, code)


def no(text: str, code: bytes | None = None) -> Status:
    """Not done."""
    return Status(Condition.NO, text, code)


def bad(text: str, code: bytes | None = None) -> Status:
    """Not understood."""
    return Status(Condition.BAD, text, code)


def bye(text: str, code: bytes | None = None) -> Status:
    """The connection ends."""
    return Status(Condition.BYE, text, code)


def literal(octets: bytes) -> bytes:
    """Write octets as a literal."""
    return b"{%d}\r\n%b" % (len(octets), octets)


def string(octets: bytes) -> bytes:
    """Write octets as a quoted string where that is allowed, else as a literal."""
    if len(octets) <= MAX_QUOTED_OCTETS and not octets.translate(None, _QUOTABLE):
        return b'"%b"' % octets
    if len(octets) <= MAX_QUOTED_OCTETS and not octets.translate(None, _QUOTABLE + b'"\\'):
        return b'"%b"' % octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return literal(octets)


def utf8_string(octets: bytes) -> bytes:
    """Write UTF-8 as a quoted string (RFC 9051 section 9, `quoted`), or as a literal where it is none."""
    if len(octets) > MAX_QUOTED_OCTETS or octets.translate(None, _CONTROLS) != octets:
        return literal(octets)
    return b'"%b"' % octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def astring(octets: bytes) -> bytes:
    """Write octets as an atom where that is allowed, else as a string."""
    if octets and not octets.translate(None, _ATOM) and octets.upper() != b"NIL":
        return octets
    return string(octets)


def mailbox(name: str, *, utf8: bool = False) -> bytes:
    """Write a Mailbox name: in UTF-8 where that was agreed on, else in modified UTF-7."""
    if not utf8 or name.isascii():
        return astring(name.encode("ascii") if utf8 else encode_name(name))
    return utf8_string(name.encode())
