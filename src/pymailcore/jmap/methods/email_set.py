"""Email/set and Email/copy.

Standards: RFC 8621 sections 4.6 and 4.7.
"""

from collections.abc import Mapping
from typing import cast

from pymailcore.base import ids
from pymailcore.base.errors import InvalidValue, MailError, NotFound, OverQuota
from pymailcore.base.ids import EmailId, MailboxId
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.methods.email_create import MessageBuilder
from pymailcore.jmap.methods.email_get import get
from pymailcore.jmap.methods.keyword_names import is_keyword, keyword_set, keywords_property
from pymailcore.jmap.methods.sets import SetAnswer, check_unchanged, error_document
from pymailcore.jmap.methods.states import check_if_in_state
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.errors import MethodError, SetError, invalid_arguments, invalid_properties
from pymailcore.jmap.protocol.patch import Change, parse_patch
from pymailcore.jmap.protocol.standard import set_arguments
from pymailcore.jmap.protocol.values import JsonObject, parse_utc_date
from pymailcore.store.blobids import email_blob
from pymailcore.store.keywords import Keywords
from pymailcore.store.types import EmailUpdate, Target


async def set_(context: Context, arguments: Arguments) -> JsonObject:
    """Email/set (RFC 8621 section 4.6). All updates are one transaction, all destroys are one."""
    context.take_account(arguments)
    taken = set_arguments(arguments, max_objects=context.services.settings.max_objects_in_set)
    arguments.finish()
    store = context.services.store
    old = (await store.states(context.account)).email
    check_if_in_state(taken.if_in_state, old)
    expected = old if taken.if_in_state is not None else None
    answer = SetAnswer()
    for key, properties in taken.create.items():
        expected = None  # what we do ourselves moves the state on
        try:
            answer.created[key] = await _create(context, key, properties)
        except (SetError, MailError) as error:
            answer.not_created[key] = error_document(error)
    doomed = {context.real_id(text) for text in taken.destroy}
    await _update_all(context, taken.update, doomed, answer, expected)
    if taken.update:
        expected = None
    await _destroy_all(context, taken.destroy, answer, expected)
    return answer.document(context, old, (await store.states(context.account)).email)


# --- create -----------------------------------------------------------------------------------


async def _create(context: Context, key: str, properties: JsonObject) -> JsonObject:
    rest = dict(properties)
    mailboxes = mailboxes_property(context, rest.pop("mailboxIds", None))
    keywords = keywords_property(rest.pop("keywords", {}))
    received_ms = received_property(context, rest.pop("receivedAt", None))
    octets = await MessageBuilder(context).build(rest)
    return await file_message(context, key, octets, mailboxes, keywords, received_ms)


async def file_message(
    context: Context,
    key: str,
    octets: bytes,
    mailboxes: frozenset[MailboxId],
    keywords: Keywords,
    received_ms: int,
) -> JsonObject:
    """Make a message one new Email, and give what a `created` shows of it.

    Raises:
        SetError: invalidProperties when a Mailbox is gone.
        OverQuota: the account cannot take it.
    """
    store = context.services.store
    prepared = await store.prepare(octets)
    try:
        appended = await store.deliver(
            prepared,
            [Target(context.account, mailbox, keywords) for mailbox in sorted(mailboxes)],
            tenant=context.principal.tenant,
            received_ms=received_ms,
        )
    except NotFound as error:
        raise invalid_properties(["mailboxIds"], "there is no such Mailbox") from error
    email = appended[0].email
    text = ids.encode_id(ids.EMAIL, email)
    context.created_ids[key] = text
    return {
        "id": text,
        "blobId": email_blob(email),
        "threadId": ids.encode_id(ids.THREAD, appended[0].thread),
        "size": len(octets),
    }


def mailboxes_property(context: Context, value: object) -> frozenset[MailboxId]:
    """Read `mailboxIds`: at least one id, each to true; `#creation` is looked up.

    Raises:
        SetError: invalidProperties.
    """
    if not isinstance(value, dict) or not value or not all(item is True for item in value.values()):
        raise invalid_properties(["mailboxIds"], "at least one Mailbox, each with the value true")
    return frozenset(_mailbox(context, text, "mailboxIds") for text in value)


def _mailbox(context: Context, text: str, name: str) -> MailboxId:
    real = context.real_id(text)
    number = None if real is None else ids.decode_id(ids.MAILBOX, real)
    if number is None:
        raise invalid_properties([name], "there is no such Mailbox")
    return MailboxId(number)


def received_property(context: Context, value: object) -> int:
    """Read `receivedAt`; the present time when there is none.

    Raises:
        SetError: invalidProperties.
    """
    if value is None:
        return context.services.now_ms()
    moment = parse_utc_date(value) if isinstance(value, str) else None
    if moment is None or moment < 0:
        raise invalid_properties(["receivedAt"], "a UTCDate")
    return moment


# --- update -----------------------------------------------------------------------------------


async def _update_all(
    context: Context,
    wanted: Mapping[str, JsonObject],
    doomed: set[str | None],
    answer: SetAnswer,
    expected: int | None,
) -> None:
    updates: dict[int, EmailUpdate] = {}
    names: dict[int, str] = {}
    for text, patch in wanted.items():
        real = context.real_id(text)
        number = None if real is None else ids.decode_id(ids.EMAIL, real)
        try:
            if number is None:
                raise SetError("notFound")
            if real in doomed:
                raise SetError("willDestroy")
            updates[number] = await _update(context, EmailId(number), patch)
            names[number] = text
        except SetError as error:
            answer.not_updated[text] = error.document()
    if not updates:
        return
    failed = await context.services.store.update_emails(
        context.account, list(updates.values()), if_modseq=expected
    )
    for number, text in names.items():
        cause = failed.get(number)
        if cause is None:
            answer.updated[text] = None
        else:
            answer.not_updated[text] = await _why_not(context, number, cause)


async def _why_not(context: Context, number: int, error: Exception) -> JsonObject:
    if isinstance(error, NotFound) and await context.services.store.emails(
        context.account, [number], facts=False
    ):
        return invalid_properties(["mailboxIds"], "there is no such Mailbox").document()
    if isinstance(error, InvalidValue):
        return invalid_properties(["mailboxIds"], "an Email is in at least one Mailbox").document()
    if isinstance(error, OverQuota):
        return SetError("tooManyKeywords").document()
    return error_document(error)


async def _update(context: Context, email: EmailId, patch: JsonObject) -> EmailUpdate:
    claims: JsonObject = {}  # what only the server sets, as the client says it is
    keywords: Keywords | None = None
    mailboxes: frozenset[MailboxId] | None = None
    add: list[str] = []
    remove: list[str] = []
    add_mailboxes: set[MailboxId] = set()
    remove_mailboxes: set[MailboxId] = set()
    for change in parse_patch(patch):
        match change.path:
            case ("keywords",):
                keywords = keywords_property(change.value if change.value is not None else {})
            case ("keywords", name):
                if not is_keyword(name):
                    raise invalid_properties([f"keywords/{name}"[:255]], "no keyword")
                (add if _switch(change) else remove).append(name)
            case ("mailboxIds",):
                mailboxes = mailboxes_property(context, change.value)
            case ("mailboxIds", text):
                mailbox = _mailbox(context, text, f"mailboxIds/{text}"[:255])
                (add_mailboxes if _switch(change) else remove_mailboxes).add(mailbox)
            case (name,):
                claims[name] = change.value
            case _:
                raise invalid_properties(["/".join(change.path)[:255]], "cannot be changed")
    if claims:
        await _check_claims(context, email, claims)
    return EmailUpdate(
        email,
        keywords=keywords,
        add=keyword_set(add),
        remove=keyword_set(remove),
        mailboxes=mailboxes,
        add_mailboxes=frozenset(add_mailboxes),
        remove_mailboxes=frozenset(remove_mailboxes),
    )


async def _check_claims(context: Context, email: EmailId, claims: JsonObject) -> None:
    """Let a patch repeat what Email/get shows (RFC 8620 section 5.3: a whole object is a PatchObject)."""
    asked: JsonObject = {
        "accountId": context.account_id,
        "ids": [ids.encode_id(ids.EMAIL, email)],
        "properties": list(claims),
    }
    try:
        answer = await get(context, Arguments(asked))
    except MethodError as error:
        raise invalid_properties([name[:255] for name in claims], "cannot be changed") from error
    found = cast("list[JsonObject]", answer["list"])
    if not found:
        raise SetError("notFound")
    for name, value in claims.items():
        check_unchanged(name, found[0].get(name), value)


def _switch(change: Change) -> bool:
    """True sets, null takes away; RFC 8621 section 4.1.1 knows no other value."""
    if change.value is True:
        return True
    if change.value is None:
        return False
    raise invalid_properties(["/".join(change.path)[:255]], "the value is true or null")


# --- destroy ----------------------------------------------------------------------------------


async def _destroy_all(context: Context, wanted: list[str], answer: SetAnswer, expected: int | None) -> None:
    numbers: dict[str, int] = {}
    for text in wanted:
        real = context.real_id(text)
        number = None if real is None else ids.decode_id(ids.EMAIL, real)
        if number is not None:
            numbers[text] = number
    gone: set[int] = set()
    if numbers:
        gone.update(
            await context.services.store.destroy_emails(
                context.account, list(dict.fromkeys(numbers.values())), if_modseq=expected
            )
        )
    for text in wanted:
        if text in numbers and numbers[text] in gone:
            answer.destroyed.append(text if context.real_id(text) is None else str(context.real_id(text)))
        else:
            answer.not_destroyed[text] = SetError("notFound").document()


# --- copy -------------------------------------------------------------------------------------


async def copy(context: Context, arguments: Arguments) -> JsonObject:
    """Email/copy (RFC 8621 section 4.7): a principal has one account, so there is nowhere to copy from."""
    source = arguments.identifier("fromAccountId")
    account = context.take_account(arguments)
    arguments.text("ifFromInState")
    arguments.text("ifInState")
    arguments.objects("create")
    arguments.flag("onSuccessDestroyOriginal")
    arguments.text("destroyFromIfInState")
    arguments.finish()
    if source != account:
        raise MethodError("fromAccountNotFound")
    raise invalid_arguments("fromAccountId and accountId are the same")
