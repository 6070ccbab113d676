"""The grammar of SMTP commands that carry arguments.

Standards: RFC 5321 sections 4.1.1.1, 4.1.1.2, 4.1.1.3, 4.1.1.11 and 4.1.2; RFC 6531 section 3.3.

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
from pymailcore.base.envelope import NOTHING_SAID, ReportTerms
from pymailcore.smtp.protocol import carriage, events, parameters, reply, reporting
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.parameters import MailDraft, MailParameter, RecipientDraft
from pymailcore.smtp.protocol.reply import CommandRefused

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
_HELLO: Final = re.compile(rb"[0-9A-Za-z._:\[\]-]{1,255}\Z")
_OF_MAIL: Final[Mapping[bytes, MailParameter]] = MappingProxyType(
    {**parameters.BASIC, **reporting.OF_MAIL, **carriage.OF_MAIL}
)


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
    said = parameters.split(tail)
    reverse_path = None
    if path is not None:
        reverse_path = _parse_address(path, options, smtputf8=b"SMTPUTF8" in said)
        if reverse_path is None:
            raise CommandRefused(reply.BAD_SENDER)
    if not said:
        return events.Mail(reverse_path)
    draft = MailDraft()
    for keyword, value in said.items():
        read = _OF_MAIL.get(keyword)
        if read is None:
            raise CommandRefused(reply.UNKNOWN_PARAMETER)
        read(draft, value, options)
    return events.Mail(
        reverse_path, draft.size_octets, draft.eight_bit, draft.smtputf8, draft.binary, draft.terms
    )


def parse_recipient(arguments: bytes, options: ServerOptions, *, smtputf8: bool) -> events.Recipient:
    """Read the arguments of RCPT, in a transaction with or without SMTPUTF8."""
    match = _TO_PATH.match(arguments)
    if match is None or match[1] is None:
        raise CommandRefused(reply.BAD_RECIPIENT)
    path, tail = match.groups()
    terms = _parse_report_terms(tail, options, smtputf8=smtputf8) if tail else NOTHING_SAID
    forward_path = _parse_address(path, options, smtputf8=smtputf8)
    if forward_path is None:
        raise CommandRefused(reply.BAD_RECIPIENT)
    return events.Recipient(forward_path, terms)


def _parse_report_terms(tail: bytes, options: ServerOptions, *, smtputf8: bool) -> ReportTerms:
    draft = RecipientDraft(smtputf8=smtputf8)
    for keyword, value in parameters.split(tail).items():
        read = reporting.OF_RECIPIENT.get(keyword)
        if read is None:
            raise CommandRefused(reply.UNKNOWN_PARAMETER)
        read(draft, value, options)
    return draft.terms


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
