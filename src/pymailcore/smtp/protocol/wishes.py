"""What a sender wishes for a message or a recipient, read by the tables of all parameters.

Standards: RFC 5321 section 4.1.2 (esmtp-param); RFC 8621 section 7 (parameters of an envelope in JMAP).

There is one table for MAIL and one for RCPT. A command of SMTP carries the words of parameters; JMAP carries
names and decoded values, which are written as such words here, so that both are judged by the same code.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pymailcore.base.envelope import ReportTerms
from pymailcore.smtp.protocol import carriage, parameters, reply, reporting
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.parameters import MailDraft, MailParameter, RecipientDraft
from pymailcore.smtp.protocol.reply import CommandRefused
from pymailcore.smtp.protocol.xtext import encode_utf8_address, encode_xtext

MAX_VALUE_CHARACTERS: Final = 1_000
_OF_MAIL: Final[Mapping[bytes, MailParameter]] = MappingProxyType(
    {**parameters.BASIC, **reporting.OF_MAIL, **carriage.OF_MAIL}
)


def read_mail(said: Mapping[bytes, bytes], options: ServerOptions) -> MailDraft:
    """Read the parameters of MAIL.

    Raises:
        CommandRefused: one is unknown or not offered here, or its value cannot be.
    """
    draft = MailDraft()
    for keyword, value in said.items():
        read = _OF_MAIL.get(keyword)
        if read is None:
            raise CommandRefused(reply.UNKNOWN_PARAMETER)
        read(draft, value, options)
    return draft


def read_recipient(said: Mapping[bytes, bytes], options: ServerOptions, *, smtputf8: bool) -> ReportTerms:
    """Read the parameters of RCPT, in a transaction with or without SMTPUTF8.

    Raises:
        CommandRefused: one is unknown or not offered here, or its value cannot be.
    """
    draft = RecipientDraft(smtputf8=smtputf8)
    for keyword, value in said.items():
        read = reporting.OF_RECIPIENT.get(keyword)
        if read is None:
            raise CommandRefused(reply.UNKNOWN_PARAMETER)
        read(draft, value, options)
    return draft.terms


def from_decoded(given: Mapping[str, object]) -> Mapping[bytes, bytes]:
    """Write parameters whose values are decoded texts, or None where there is none, as commands have them.

    Raises:
        CommandRefused: a name or value is none.
    """
    return parameters.gather([_word(name, value) for name, value in given.items()])


def _word(name: str, value: object) -> bytes:
    if value is None:
        return name.encode("utf-8", "replace")
    if not isinstance(value, str) or len(value) > MAX_VALUE_CHARACTERS:
        raise CommandRefused(reply.SYNTAX)
    try:
        return f"{name}={_encoded(name.upper(), value)}".encode()
    except UnicodeEncodeError:  # surrogates are no characters
        raise CommandRefused(reply.SYNTAX) from None


def _encoded(name: str, value: str) -> str:
    """The value as the standard of the parameter has it encoded (RFC 3461 section 4, RFC 6533 section 3)."""
    if name in ("ENVID", "AUTH"):
        return encode_xtext(value)
    if name == "ORCPT":
        kind, separator, address = value.partition(";")
        encode = encode_utf8_address if kind.lower() == "utf-8" else encode_xtext
        return kind + separator + encode(address)
    return value
