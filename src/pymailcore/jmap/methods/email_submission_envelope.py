"""The envelope of an EmailSubmission: made from the message, or given, with what is asked for in it.

Standards: RFC 8621 section 7 (envelope, Address); RFC 5321 section 4.1.2.

Parameters mean what they mean in MAIL and RCPT of the submission port, and are judged by the same code.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope, ReportTerms
from pymailcore.jmap.protocol.errors import SetError, invalid_properties
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.message.facts import Facts
from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.parameters import MailDraft
from pymailcore.smtp.protocol.reply import CommandRefused
from pymailcore.smtp.protocol.wishes import from_decoded, read_mail, read_recipient

MAX_RECIPIENTS: Final = 1_000
_NOTHING: Final[Mapping[Address, JsonObject | None]] = MappingProxyType({})


def derived(known: Facts, identity_email: str) -> Envelope:
    """The envelope from the header; its sender is the Identity's when the header has another.

    Raises:
        SetError: the sender is no address; or there are no recipients, too many, or wrong ones.
    """
    sender = next((entry.email for entry in known.sender or known.from_ or []), identity_email)
    reverse_path, own = Address.parse(sender), Address.parse(identity_email)
    if reverse_path is None:
        raise SetError("invalidEmail", "the sender is no address", properties=["from"])
    if own is not None and own.key != reverse_path.key:
        reverse_path = own
    emails = [entry.email for field in (known.to, known.cc, known.bcc) for entry in field or []]
    recipients = tuple(_recipients([(email, None) for email in emails]))
    return Envelope(
        reverse_path=reverse_path,
        recipients=recipients,
        smtputf8=not all(address.is_ascii for address in (reverse_path, *recipients)),
    )


def given(value: object, options: ServerOptions) -> tuple[Envelope, JsonObject]:
    """The envelope that a client gives, and the form in which it is shown.

    Args:
        options: what can be asked for.

    Raises:
        SetError: invalidProperties, tooLarge, or there are no recipients, too many, or wrong ones.
    """
    if not isinstance(value, dict) or set(value) != {"mailFrom", "rcptTo"}:
        raise invalid_properties(["envelope"], "an envelope has mailFrom and rcptTo")
    sender, said = _address(value["mailFrom"], "mailFrom")
    if not isinstance(value["rcptTo"], list):
        raise invalid_properties(["envelope/rcptTo"])
    reverse_path = Address.parse(sender) if sender else None
    if sender and reverse_path is None:
        raise invalid_properties(["envelope/mailFrom"], "no address")
    draft = _mail_parameters(said, options)
    found = _recipients([_address(item, "rcptTo") for item in value["rcptTo"]])
    addresses = (*found, *(() if reverse_path is None else (reverse_path,)))
    smtputf8 = draft.smtputf8 or not all(address.is_ascii for address in addresses)
    envelope = Envelope(
        reverse_path=reverse_path,
        recipients=tuple(found),
        smtputf8=smtputf8,
        eight_bit=draft.eight_bit,
        terms=draft.terms,
        report_terms={
            address: _recipient_parameters(words, options, smtputf8=smtputf8)
            for address, words in found.items()
            if words
        },
    )
    return envelope, shown(envelope, said, found)


def shown(
    envelope: Envelope, said: JsonObject | None = None, of: Mapping[Address, JsonObject | None] = _NOTHING
) -> JsonObject:
    """The form in which an envelope is shown.

    Args:
        said: parameters of the sender.
        of: those of recipients.
    """
    sender = "" if envelope.reverse_path is None else str(envelope.reverse_path)
    return {
        "mailFrom": {"email": sender, "parameters": said},
        "rcptTo": [{"email": str(one), "parameters": of.get(one)} for one in envelope.recipients],
    }


def _mail_parameters(said: JsonObject | None, options: ServerOptions) -> MailDraft:
    try:
        return read_mail(from_decoded(said or {}), options)
    except CommandRefused as refusal:
        if refusal.reply is reply.TOO_LARGE:
            raise SetError("tooLarge", maxSize=options.max_message_octets) from None
        raise invalid_properties(["envelope/mailFrom/parameters"], refusal.reply.text) from None


def _recipient_parameters(said: JsonObject, options: ServerOptions, *, smtputf8: bool) -> ReportTerms:
    try:
        return read_recipient(from_decoded(said), options, smtputf8=smtputf8)
    except CommandRefused as refusal:
        raise invalid_properties(["envelope/rcptTo/parameters"], refusal.reply.text) from None


def _address(value: object, name: str) -> tuple[str, JsonObject | None]:
    """The address of an Address object, and its parameters."""
    if not isinstance(value, dict) or set(value) - {"email", "parameters"}:
        raise invalid_properties([f"envelope/{name}"])
    email, said = value.get("email"), value.get("parameters")
    if not isinstance(email, str) or not (said is None or isinstance(said, dict)):
        raise invalid_properties([f"envelope/{name}"], "an address, and parameters")
    return email, said


def _recipients(
    asked: Sequence[tuple[str, JsonObject | None]],
) -> dict[Address, JsonObject | None]:
    """Each address once, with what was first said of it."""
    found: dict[str, tuple[Address, JsonObject | None]] = {}
    wrong: list[str] = []
    for email, said in asked:
        address = Address.parse(email)
        if address is None:
            wrong.append(email)
        else:
            found.setdefault(address.key, (address, said))
    if wrong:
        raise SetError("invalidRecipients", invalidRecipients=wrong)
    if not found:
        raise SetError("noRecipients")
    if len(found) > MAX_RECIPIENTS:
        raise SetError("tooManyRecipients", maxRecipients=MAX_RECIPIENTS)
    return dict(found.values())
