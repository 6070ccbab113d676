"""The grammar of SMTP commands that carry arguments.

Standards: RFC 5321 sections 4.1.1.1, 4.1.1.2, 4.1.1.3, 4.1.1.11 and 4.1.2; RFC 1870 section 6, RFC 6152
section 2, RFC 6531 sections 3.3 and 3.4, RFC 4954 section 5.

More lenient than the standard: spaces after the colon of MAIL and RCPT, and at the end of a line, are passed
over, because many programs send them. Stricter: a source route is read and dropped (RFC 5321 appendix C lets
us), no address is ever rewritten because of `%`, `!` or `@` in its local part, and the name that a client
says with EHLO must be made of characters that are safe in a header field.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pymailcore.base.address import Address
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.reply import Reply

MAX_PARAMETERS_COUNT: Final = 16

# RFC 5321 section 4.1.2: Path = "<" [ A-d-l ":" ] Mailbox ">"; Address.parse reads the parts of Mailbox.
_PATH: Final = rb"""
    <
    (?: @[^\s<>:"@,]+ (?: ,@[^\s<>:"@,]+ )* : )?        # source route, dropped
    ( (?: "(?:[^"\\]|\\.)*" | [^\s<>"@]+ ) @ [^\s<>"@]+ # local part and domain
    | (?i:postmaster) )?                                # RFC 5321 section 4.5.1; nothing is the null path
    >
    (?: \ + (.*) )? \Z
"""
_FROM_PATH: Final = re.compile(rb"(?i:FROM)[ ]*:[ ]*" + _PATH, re.VERBOSE | re.DOTALL)
_TO_PATH: Final = re.compile(rb"(?i:TO)[ ]*:[ ]*" + _PATH, re.VERBOSE | re.DOTALL)
# RFC 5321 section 4.1.2: esmtp-param = esmtp-keyword ["=" esmtp-value]
_PARAMETER: Final = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e\x80-\xff]+))?\Z")
_XTEXT: Final = re.compile(rb"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})+\Z")
_SIZE: Final = re.compile(rb"[0-9]{1,20}\Z")
_HELLO: Final = re.compile(rb"[0-9A-Za-z._:\[\]-]{1,255}\Z")
_NO_PARAMETERS: Final[Mapping[bytes, bytes]] = MappingProxyType({})


class CommandRefused(Exception):
    """The command cannot be served whatever the service behind would say."""

    def __init__(self, refusal: Reply) -> None:
        super().__init__(refusal)
        self.reply = refusal


def parse_hello(arguments: bytes, *, extended: bool) -> events.Hello:
    """Read the arguments of EHLO or HELO."""
    if not _HELLO.match(arguments):
        raise CommandRefused(reply.SYNTAX)
    return events.Hello(arguments.decode("ascii"), extended)


def parse_mail(arguments: bytes, options: ServerOptions) -> events.Mail:
    """Read the arguments of MAIL."""
    found = _FROM_PATH.match(arguments)
    if found is None:
        raise CommandRefused(reply.BAD_SENDER)
    path, tail = found.groups()
    parameters = _parse_parameters(tail) if tail else _NO_PARAMETERS
    smtputf8 = b"SMTPUTF8" in parameters
    reverse_path = None
    if path is not None:
        reverse_path = _parse_address(path, options, smtputf8=smtputf8)
        if reverse_path is None:
            raise CommandRefused(reply.BAD_SENDER)
    if not parameters:
        return events.Mail(reverse_path)
    size_octets = 0
    eight_bit = False
    for keyword, value in parameters.items():
        match keyword:
            case b"SIZE":
                size_octets = _parse_size(value, options)
            case b"BODY":
                eight_bit = _parse_body(value)
            case _:
                _check_parameter(keyword, value, options)
    return events.Mail(reverse_path, size_octets, eight_bit, smtputf8)


def _check_parameter(keyword: bytes, value: bytes, options: ServerOptions) -> None:
    if keyword == b"SMTPUTF8":
        sound = not value
    elif keyword == b"AUTH" and options.offer.names:
        # RFC 4954 section 5 lets us drop what it says: we trust nobody to speak for others.
        sound = _XTEXT.match(value) is not None
    else:
        raise CommandRefused(reply.UNKNOWN_PARAMETER)
    if not sound:
        raise CommandRefused(reply.SYNTAX)


def parse_recipient(arguments: bytes, options: ServerOptions, *, smtputf8: bool) -> events.Recipient:
    """Read the arguments of RCPT, in a transaction with or without SMTPUTF8."""
    match = _TO_PATH.match(arguments)
    if match is None or match[1] is None:
        raise CommandRefused(reply.BAD_RECIPIENT)
    path, tail = match.groups()
    if tail and _parse_parameters(tail):
        raise CommandRefused(reply.UNKNOWN_PARAMETER)
    forward_path = _parse_address(path, options, smtputf8=smtputf8)
    if forward_path is None:
        raise CommandRefused(reply.BAD_RECIPIENT)
    return events.Recipient(forward_path)


def _parse_address(path: bytes, options: ServerOptions, *, smtputf8: bool) -> Address | None:
    if not smtputf8 and not path.isascii():
        raise CommandRefused(reply.NEEDS_SMTPUTF8)
    if path.lower() == b"postmaster":
        path += b"@" + options.postmaster_domain.encode()
    try:
        address = Address.parse(path.decode())
    except UnicodeDecodeError:
        return None
    # Controls (C1, line and paragraph separators, directions) have no place in a trace field or a report.
    return address if address is not None and str(address).isprintable() else None


def _parse_parameters(tail: bytes) -> Mapping[bytes, bytes]:
    parameters: dict[bytes, bytes] = {}
    words = tail.split()
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


def _parse_size(value: bytes, options: ServerOptions) -> int:
    """RFC 1870 sections 6 and 6.1."""
    if not _SIZE.match(value):
        raise CommandRefused(reply.SYNTAX)
    size_octets = int(value)
    if size_octets > options.max_message_octets:
        raise CommandRefused(reply.TOO_LARGE)
    return size_octets


def _parse_body(value: bytes) -> bool:
    """RFC 6152 section 2; BINARYMIME (RFC 3030) is not announced."""
    body = value.upper()
    if body not in {b"7BIT", b"8BITMIME"}:
        raise CommandRefused(reply.UNKNOWN_PARAMETER if body == b"BINARYMIME" else reply.SYNTAX)
    return body == b"8BITMIME"
