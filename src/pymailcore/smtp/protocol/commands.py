"""The grammar of SMTP commands that carry arguments.

Standards: RFC 5321 sections 4.1.1.1, 4.1.1.2, 4.1.1.3, 4.1.1.6, 4.1.1.7, 4.1.1.11 and 4.1.2; RFC 6531
sections 3.3 and 3.7.4.2.

More lenient than the standard: spaces after the colon of MAIL and RCPT, and at the end of a line, are passed
over, because many programs send them. Stricter: a source route is read and dropped (RFC 5321 appendix C lets
us), no address is ever rewritten because of `%`, `!` or `@` in its local part, and the name that a client
says with EHLO must be made of characters that are safe in a header field.
"""

import re
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.envelope import NOTHING_SAID
from pymailcore.smtp.protocol import events, parameters, reply
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.reply import CommandRefused
from pymailcore.smtp.protocol.wishes import read_mail, read_recipient

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
    draft = read_mail(said, options)
    return events.Mail(
        reverse_path, draft.size_octets, draft.eight_bit, draft.smtputf8, draft.binary, draft.terms
    )


def parse_recipient(arguments: bytes, options: ServerOptions, *, smtputf8: bool) -> events.Recipient:
    """Read the arguments of RCPT, in a transaction with or without SMTPUTF8."""
    match = _TO_PATH.match(arguments)
    if match is None or match[1] is None:
        raise CommandRefused(reply.BAD_RECIPIENT)
    path, tail = match.groups()
    terms = NOTHING_SAID
    if tail:
        terms = read_recipient(parameters.split(tail), options, smtputf8=smtputf8)
    forward_path = _parse_address(path, options, smtputf8=smtputf8)
    if forward_path is None:
        raise CommandRefused(reply.BAD_RECIPIENT)
    return events.Recipient(forward_path, terms)


def parse_verify(verb: bytes, arguments: bytes, options: ServerOptions) -> events.Verify | None:
    """Read the arguments of VRFY or EXPN; None when nobody looks, or they name no address with its domain."""
    if not arguments:
        raise CommandRefused(reply.SYNTAX)
    if verb.decode() not in options.lookups:
        return None
    text, _, said = arguments.rpartition(b" ")
    smtputf8 = said.upper() == b"SMTPUTF8" and text != b""
    given = (text if smtputf8 else arguments).strip()
    if not smtputf8 and not given.isascii():
        raise CommandRefused(reply.NEEDS_SMTPUTF8)
    if given.startswith(b"<") and given.endswith(b">"):
        given = given[1:-1]
    address = _decode_address(given)
    return None if address is None else events.Verify(address, verb == b"EXPN", smtputf8)


def _parse_address(path: bytes, options: ServerOptions, *, smtputf8: bool) -> Address | None:
    if not smtputf8 and not path.isascii():
        raise CommandRefused(reply.NEEDS_SMTPUTF8)
    if path.lower() == b"postmaster":
        path += b"@" + options.postmaster_domain.encode()
    return _decode_address(path)


def _decode_address(path: bytes) -> Address | None:
    try:
        return Address.parse(path.decode())
    except UnicodeDecodeError:
        return None
