"""EmailSubmission/set: sending, and taking back what waits for its release.

Standards: RFC 8621 section 7.5, RFC 4865 section 4. What is created without HOLDFOR or HOLDUNTIL is sent at
once, and its undoStatus is final. What is held is pending until its release, and can be canceled until then.
"""

import json
from dataclasses import replace
from typing import Final

from pymailcore.base import ids
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
from pymailcore.jmap.methods.email_submission_envelope import derived, given, shown
from pymailcore.jmap.methods.email_submission_properties import PROPERTIES
from pymailcore.jmap.methods.email_submission_undo import CANCELED, FINAL, PENDING, cancel, settle
from pymailcore.jmap.methods.sets import SetAnswer, check_unchanged, error_document
from pymailcore.jmap.methods.states import check_if_in_state
from pymailcore.jmap.protocol.arguments import Arguments, only_known
from pymailcore.jmap.protocol.errors import SetError, invalid_arguments, invalid_properties
from pymailcore.jmap.protocol.patch import parse_patch
from pymailcore.jmap.protocol.standard import set_arguments
from pymailcore.jmap.protocol.values import JsonObject, utc_date
from pymailcore.jmap.submissions import SubmissionRow
from pymailcore.message import facts
from pymailcore.store.types import EmailRow, StoredMessage, Transaction
from pymailcore.submission.authorise import ReversePathNotYours
from pymailcore.submission.submission import HTTP, Origin

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
    await settle(context)
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
    services = context.services
    octets = await services.store.message(context.account, EmailId(row.id))
    if len(octets) > services.sending.max_message_octets:
        raise SetError("tooLarge", maxSize=services.sending.max_message_octets)
    wanted = properties.get("envelope")
    if wanted is None:
        envelope = derived(known, identity_email)
        shown_envelope = shown(envelope)
    else:
        envelope, shown_envelope = given(wanted, services.sending)
    envelope = replace(envelope, eight_bit=envelope.eight_bit or not octets.isascii())
    made = _submission(context, identity, row, envelope, shown_envelope)
    await _send(context, envelope, octets, made)
    text = ids.encode_id(ids.SUBMISSION, made.id)
    context.created_ids[key] = text
    answer: JsonObject = {
        "id": text,
        "threadId": ids.encode_id(ids.THREAD, row.thread),
        "sendAt": utc_date(made.send_at_ms),
        "undoStatus": made.undo_status,
    }
    if wanted is None:
        answer["envelope"] = shown_envelope
    return answer, ids.encode_id(ids.EMAIL, row.id)


def _submission(
    context: Context, identity: int, row: EmailRow, envelope: Envelope, shown_envelope: JsonObject
) -> SubmissionRow:
    """The row of a new submission: pending when the message waits for its release (RFC 4865 section 4)."""
    services = context.services
    now_ms = services.now_ms()
    send_at_ms = max(now_ms, envelope.terms.hold_until_ms or 0)
    return SubmissionRow(
        id=services.ids.new(),
        identity=identity,
        email=row.id,
        thread=row.thread,
        envelope=json.dumps(shown_envelope),
        send_at_ms=send_at_ms,
        undo_status=PENDING if send_at_ms > now_ms else FINAL,
        queue_message=services.ids.new() if send_at_ms > now_ms else None,
    )


async def _send(context: Context, envelope: Envelope, octets: bytes, made: SubmissionRow) -> None:
    """Hand the message to submission; its row is written in the same transaction."""
    services = context.services
    modseqs: list[int] = []

    async def also(tx: Transaction, _message: StoredMessage) -> None:
        modseqs.append(await services.store.bump(tx, context.account, submissions.KIND))
        await submissions.insert(tx, context.account, made, modseqs[-1])

    origin = Origin(hello=context.peer, peer=context.peer, protocol=HTTP)
    try:
        await services.submission.submit(
            context.principal, envelope, octets, origin=origin, queued_as=made.queue_message, also=also
        )
    except MailError as error:
        raise _refusal(error, context) from error
    services.publish(context.account, modseqs[-1])


def _refusal(error: MailError, context: Context) -> SetError:
    """The outcome of sending as RFC 8621 section 7.5 names it."""
    match error:
        case ReversePathNotYours():
            return SetError("forbiddenMailFrom", "an address that this account may not send as")
        case Forbidden():
            return SetError("forbiddenFrom", "an address that this account may not send as")
        case NotFound():
            return SetError("invalidRecipients", invalidRecipients=[])
        case TooLarge():
            return SetError("tooLarge", maxSize=context.services.sending.max_message_octets)
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
    """Only undoStatus can be changed, and only of what has not begun to leave."""
    numbers = {text: ids.decode_id(ids.SUBMISSION, context.real_id(text) or "") for text in wanted}
    there = await _rows(context, [number for number in numbers.values() if number is not None])
    for text, patch in wanted.items():
        try:
            row = there.get(numbers[text] or 0)
            if row is None:
                raise SetError("notFound")
            if _wants_cancel(row, patch):
                await cancel(context, row)
            answer.updated[text] = None
            _name_email(text, row, emails)
        except SetError as error:
            answer.not_updated[text] = error.document()


def _wants_cancel(row: SubmissionRow, patch: JsonObject) -> bool:
    """Check a patch; whether it takes the message back."""
    wants = False
    for change in parse_patch(patch):
        name = change.path[0]
        if len(change.path) != 1 or name not in PROPERTIES:
            raise invalid_properties(["/".join(change.path)[:255]], "cannot be changed")
        if name == "undoStatus" and change.value == CANCELED and row.undo_status != CANCELED:
            wants = True
        else:
            check_unchanged(name, PROPERTIES[name](row), change.value)
    return wants


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
