"""EmailSubmission/set: sending.

Standards: RFC 8621 section 7.5. The server does not hold mail back: what is created is sent at once, and its
undoStatus is final.
"""

import json
from typing import Final

from pymailcore.base import ids
from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import (
    Forbidden,
    InvalidValue,
    MailError,
    NotFound,
    TemporaryFailure,
    TooLarge,
)
from pymailcore.base.ids import EmailId
from pymailcore.jmap import submissions
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.methods.email_submission_properties import PROPERTIES
from pymailcore.jmap.methods.sets import SetAnswer, check_unchanged, error_document
from pymailcore.jmap.methods.states import check_if_in_state
from pymailcore.jmap.protocol.arguments import Arguments, only_known
from pymailcore.jmap.protocol.errors import SetError, invalid_arguments, invalid_properties
from pymailcore.jmap.protocol.patch import parse_patch
from pymailcore.jmap.protocol.standard import set_arguments
from pymailcore.jmap.protocol.values import JsonObject, utc_date
from pymailcore.jmap.submissions import SubmissionRow
from pymailcore.message import facts
from pymailcore.message.facts import Facts
from pymailcore.store.types import EmailRow, StoredMessage, Transaction
from pymailcore.submission.submission import Origin

MAX_RECIPIENTS: Final = 1_000
_SETTABLE: Final = frozenset({"identityId", "emailId", "envelope"})


async def set_(context: Context, arguments: Arguments) -> JsonObject:
    """EmailSubmission/set; the Email/set that follows from it is answered behind it."""
    context.take_account(arguments)
    taken = set_arguments(arguments, max_objects=context.services.settings.max_objects_in_set)
    on_update = arguments.objects("onSuccessUpdateEmail")
    on_destroy = arguments.identifiers("onSuccessDestroyEmail") or []
    arguments.finish()
    named = {*taken.create, *context.created_ids}
    for text in (*on_update, *on_destroy):
        if text.startswith("#") and text[1:] not in named:
            raise invalid_arguments("onSuccess… names what nobody has created")
    store = context.services.store
    old = (await store.states(context.account)).submission
    check_if_in_state(taken.if_in_state, old)
    answer = SetAnswer()
    emails: dict[str, str] = {}  # submission as the client may name it, to its Email
    for key, properties in taken.create.items():
        try:
            answer.created[key], email = await _create(context, key, properties)
            emails["#" + key] = emails[str(answer.created[key]["id"])] = email
        except (SetError, MailError) as error:
            answer.not_created[key] = error_document(error)
    await _update_all(context, taken.update, answer, emails)
    await _destroy_all(context, taken.destroy, answer, emails)
    _then(context, on_update, on_destroy, emails)
    return answer.document(context, old, (await store.states(context.account)).submission)


def _then(
    context: Context, on_update: dict[str, JsonObject], on_destroy: list[str], emails: dict[str, str]
) -> None:
    """Ask for the one Email/set that RFC 8621 section 7.5 has follow, for what was sent."""
    update: dict[str, JsonObject] = {}
    for text, patch in on_update.items():
        if text in emails:
            update.setdefault(emails[text], {}).update(patch)
    destroy = list(dict.fromkeys(emails[text] for text in on_destroy if text in emails))
    if update or destroy:
        document: JsonObject = {"accountId": context.account_id}
        if update:
            document["update"] = update
        if destroy:
            document["destroy"] = destroy
        context.then.append(("Email/set", document))


async def _create(context: Context, key: str, properties: JsonObject) -> tuple[JsonObject, str]:
    if unknown := only_known(properties, _SETTABLE):
        raise invalid_properties(unknown)
    identity, identity_email = await _identity(context, properties.get("identityId"))
    row = await _email(context, properties.get("emailId"))
    known = facts.unpack(row.facts or b"")
    if not known.from_:
        raise SetError("invalidEmail", "the message has no From", properties=["from"])
    wanted = properties.get("envelope")
    envelope = _derived(known, identity_email) if wanted is None else _given(wanted)
    services = context.services
    octets = await services.store.message(context.account, EmailId(row.id))
    envelope = Envelope(
        reverse_path=envelope.reverse_path,
        recipients=envelope.recipients,
        smtputf8=not all(address.is_ascii for address in _addresses(envelope)),
        eight_bit=not octets.isascii(),
    )
    now_ms = services.now_ms()
    made = SubmissionRow(
        id=services.ids.new(),
        identity=identity,
        email=row.id,
        thread=row.thread,
        envelope=json.dumps(_document(envelope)),
        send_at_ms=now_ms,
        undo_status="final",
    )

    modseqs: list[int] = []

    async def also(tx: Transaction, _message: StoredMessage) -> None:
        modseqs.append(await services.store.bump(tx, context.account, submissions.KIND))
        await submissions.insert(tx, context.account, made, modseqs[-1])

    origin = Origin(hello=context.peer, peer=context.peer, protocol="HTTP")
    try:
        await services.submission.submit(context.principal, envelope, octets, origin=origin, also=also)
    except MailError as error:
        raise _refusal(error, context) from error
    services.publish(context.account, modseqs[-1])
    text = ids.encode_id(ids.SUBMISSION, made.id)
    context.created_ids[key] = text
    shown: JsonObject = {
        "id": text,
        "threadId": ids.encode_id(ids.THREAD, row.thread),
        "sendAt": utc_date(now_ms),
        "undoStatus": "final",
    }
    if wanted is None:
        shown["envelope"] = _document(envelope)
    return shown, ids.encode_id(ids.EMAIL, row.id)


def _refusal(error: MailError, context: Context) -> SetError:
    """The outcome of sending as RFC 8621 section 7.5 names it."""
    match error:
        case Forbidden():
            return SetError("forbiddenFrom", "an address that this account may not send as")
        case NotFound():
            return SetError("invalidRecipients", invalidRecipients=[])
        case TooLarge():
            return SetError("tooLarge", maxSize=context.services.settings.max_upload_octets)
        case InvalidValue():
            return SetError("invalidEmail", properties=[])
        case TemporaryFailure():
            return SetError("serverUnavailable")
    return SetError("forbiddenToSend", "the message was not accepted")


async def _identity(context: Context, value: object) -> tuple[int, str]:
    if isinstance(value, str):
        number = ids.decode_id(ids.IDENTITY, context.real_id(value) or "")
        for identity in await context.services.directory.identities(context.account):
            if identity.id == number:
                return identity.id, identity.email
    raise invalid_properties(["identityId"], "there is no such Identity")


async def _email(context: Context, value: object) -> EmailRow:
    if isinstance(value, str):
        number = ids.decode_id(ids.EMAIL, context.real_id(value) or "")
        rows = [] if number is None else await context.services.store.emails(context.account, [number])
        if rows:
            return rows[0]
    raise invalid_properties(["emailId"], "there is no such Email")


def _derived(known: Facts, identity_email: str) -> Envelope:
    """The envelope from the header (RFC 8621 section 7: envelope)."""
    sender = next((entry.email for entry in known.sender or known.from_ or []), identity_email)
    reverse_path = Address.parse(sender)
    if reverse_path is None:
        raise SetError("invalidEmail", "the sender is no address", properties=["from"])
    emails = [entry.email for field in (known.to, known.cc, known.bcc) for entry in field or []]
    return Envelope(reverse_path=reverse_path, recipients=_recipients(emails))


def _given(value: object) -> Envelope:
    if not isinstance(value, dict) or set(value) != {"mailFrom", "rcptTo"}:
        raise invalid_properties(["envelope"], "an envelope has mailFrom and rcptTo")
    mail_from, recipients = value["mailFrom"], value["rcptTo"]
    if not isinstance(recipients, list):
        raise invalid_properties(["envelope/rcptTo"])
    sender = _envelope_address(mail_from, "mailFrom")
    reverse_path = Address.parse(sender) if sender else None
    if sender and reverse_path is None:
        raise invalid_properties(["envelope/mailFrom"], "no address")
    return Envelope(
        reverse_path=reverse_path,
        recipients=_recipients([_envelope_address(item, "rcptTo") for item in recipients]),
    )


def _envelope_address(value: object, name: str) -> str:
    if not isinstance(value, dict) or set(value) - {"email", "parameters"}:
        raise invalid_properties([f"envelope/{name}"])
    email = value.get("email")
    if not isinstance(email, str) or value.get("parameters"):
        # No SMTP extension is announced in submissionExtensions, so no parameter can be given.
        raise invalid_properties([f"envelope/{name}"], "an address, and no parameters")
    return email


def _recipients(emails: list[str]) -> tuple[Address, ...]:
    found: dict[str, Address] = {}
    wrong: list[str] = []
    for email in emails:
        address = Address.parse(email)
        if address is None:
            wrong.append(email)
        else:
            found.setdefault(address.key, address)
    if wrong:
        raise SetError("invalidRecipients", invalidRecipients=wrong)
    if not found:
        raise SetError("noRecipients")
    if len(found) > MAX_RECIPIENTS:
        raise SetError("tooManyRecipients", maxRecipients=MAX_RECIPIENTS)
    return tuple(found.values())


def _addresses(envelope: Envelope) -> list[Address]:
    sender = [] if envelope.reverse_path is None else [envelope.reverse_path]
    return [*sender, *envelope.recipients]


def _document(envelope: Envelope) -> JsonObject:
    sender = "" if envelope.reverse_path is None else str(envelope.reverse_path)
    return {
        "mailFrom": {"email": sender, "parameters": None},
        "rcptTo": [{"email": str(address), "parameters": None} for address in envelope.recipients],
    }


async def _rows(context: Context, numbers: list[int]) -> dict[int, SubmissionRow]:
    async def work(tx: Transaction) -> list[SubmissionRow]:
        return await submissions.by_ids(tx, context.account, numbers, len(numbers))

    return {row.id: row for row in await context.services.store.database.read(work)}


def _name_email(text: str, row: SubmissionRow, emails: dict[str, str]) -> None:
    """Note the Email of a submission under both names that a client may have for it."""
    emails[text] = emails[ids.encode_id(ids.SUBMISSION, row.id)] = ids.encode_id(ids.EMAIL, row.email)


async def _update_all(
    context: Context, wanted: dict[str, JsonObject], answer: SetAnswer, emails: dict[str, str]
) -> None:
    """Only undoStatus can be changed, and what was sent cannot be taken back (cannotUnsend)."""
    numbers = {text: ids.decode_id(ids.SUBMISSION, context.real_id(text) or "") for text in wanted}
    there = await _rows(context, [number for number in numbers.values() if number is not None])
    for text, patch in wanted.items():
        try:
            row = there.get(numbers[text] or 0)
            if row is None:
                raise SetError("notFound")
            for change in parse_patch(patch):
                name = change.path[0]
                if len(change.path) != 1 or name not in PROPERTIES:
                    raise invalid_properties(["/".join(change.path)[:255]], "cannot be changed")
                if name == "undoStatus" and change.value == "canceled":
                    raise SetError("cannotUnsend")
                check_unchanged(name, PROPERTIES[name](row), change.value)
            answer.updated[text] = None
            _name_email(text, row, emails)
        except SetError as error:
            answer.not_updated[text] = error.document()


async def _destroy_all(
    context: Context, wanted: list[str], answer: SetAnswer, emails: dict[str, str]
) -> None:
    numbers = {text: ids.decode_id(ids.SUBMISSION, context.real_id(text) or "") for text in wanted}
    known = [number for number in numbers.values() if number is not None]
    there = await _rows(context, known) if known else {}
    store = context.services.store
    now_ms = context.services.now_ms()
    if there:

        async def work(tx: Transaction) -> int:
            modseq = await store.bump(tx, context.account, submissions.KIND)
            await submissions.delete(tx, context.account, sorted(there), modseq, now_ms)
            return modseq

        context.services.publish(context.account, await store.database.write(work))
    for text, number in numbers.items():
        if number is not None and number in there:
            answer.destroyed.append(context.real_id(text) or text)
            _name_email(text, there[number], emails)
        else:
            answer.not_destroyed[text] = SetError("notFound").document()
