"""Parameters of MAIL and RCPT: how they are written, and the table of those that are known.

Standards: RFC 5321 section 4.1.2 (esmtp-param); RFC 1870 section 6, RFC 6152 section 2, RFC 3030 section 3,
RFC 6531 section 3.4, RFC 4954 section 5.

Each parameter is one function that writes what it was given into the draft of the command, or raises. The
parameters of delivery reports and of how a message is to be carried are in modules of their own.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pymailcore.base.envelope import NOTHING_SAID, PLAIN, ReportTerms, Terms
from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.reply import CommandRefused
from pymailcore.smtp.protocol.xtext import XTEXT

MAX_PARAMETERS_COUNT: Final = 16
# RFC 5321 section 4.1.2: esmtp-param = esmtp-keyword ["=" esmtp-value]
_PARAMETER: Final = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e\x80-\xff]+))?\Z")
_SIZE: Final = re.compile(rb"[0-9]{1,20}\Z")
_CONTROL_IN_XTEXT: Final = re.compile(rb"\+(?:[01][0-9A-F]|7F)")
_NO_PARAMETERS: Final[Mapping[bytes, bytes]] = MappingProxyType({})


class MailDraft:
    """What the parameters of one MAIL have said so far."""

    __slots__ = ("binary", "eight_bit", "size_octets", "smtputf8", "terms")

    def __init__(self) -> None:
        self.size_octets = 0
        self.eight_bit = False
        self.binary = False
        self.smtputf8 = False
        self.terms: Terms = PLAIN


class RecipientDraft:
    """What the parameters of one RCPT have said so far."""

    __slots__ = ("smtputf8", "terms")

    def __init__(self, *, smtputf8: bool) -> None:
        self.smtputf8 = smtputf8
        self.terms: ReportTerms = NOTHING_SAID


MailParameter = Callable[[MailDraft, bytes, ServerOptions], None]
RecipientParameter = Callable[[RecipientDraft, bytes, ServerOptions], None]


def split(tail: bytes | None) -> Mapping[bytes, bytes]:
    """Read the parameters behind a path; keywords come in upper case, the value of one without is empty."""
    return gather(tail.split()) if tail else _NO_PARAMETERS


def gather(words: Sequence[bytes]) -> Mapping[bytes, bytes]:
    """Read parameters each of which is one word; see `split`."""
    parameters: dict[bytes, bytes] = {}
    if len(words) > MAX_PARAMETERS_COUNT:
        raise CommandRefused(reply.SYNTAX)
    for word in words:
        match = _PARAMETER.match(word)
        if match is None:
            raise CommandRefused(reply.SYNTAX)
        keyword = match[1].upper()
        if keyword in parameters:
            raise CommandRefused(reply.SYNTAX)
        parameters[keyword] = match[2] or b""
    return parameters


def must(holds: object) -> None:
    """Refuse a value that has another form than the standard gives it."""
    if not holds:
        raise CommandRefused(reply.SYNTAX)


def known(offered: object) -> None:
    """Refuse a parameter of an extension that is not offered here."""
    if not offered:
        raise CommandRefused(reply.UNKNOWN_PARAMETER)


def _size(draft: MailDraft, value: bytes, options: ServerOptions) -> None:
    """RFC 1870 sections 6 and 6.1."""
    must(_SIZE.match(value))
    draft.size_octets = int(value)
    if draft.size_octets > options.max_message_octets:
        raise CommandRefused(reply.TOO_LARGE)


def _body(draft: MailDraft, value: bytes, options: ServerOptions) -> None:
    """RFC 6152 section 2, RFC 3030 section 3."""
    body = value.upper()
    must(body in {b"7BIT", b"8BITMIME", b"BINARYMIME"})
    if body == b"BINARYMIME":
        known(options.extensions.chunking and options.extensions.binarymime)
    draft.eight_bit = body != b"7BIT"
    draft.binary = body == b"BINARYMIME"


def _smtputf8(draft: MailDraft, value: bytes, _options: ServerOptions) -> None:
    must(not value)
    draft.smtputf8 = True


def _auth(_draft: MailDraft, value: bytes, options: ServerOptions) -> None:
    """RFC 4954 section 5 lets us drop what it says: we trust nobody to speak for others."""
    known(options.offer.names)
    must(XTEXT.match(value) and not _CONTROL_IN_XTEXT.search(value))


BASIC: Final[Mapping[bytes, MailParameter]] = MappingProxyType(
    {b"SIZE": _size, b"BODY": _body, b"SMTPUTF8": _smtputf8, b"AUTH": _auth}
)
