"""Email/import.

Standards: RFC 8621 section 4.8.
"""

from typing import Final

from pymailcore.base.errors import MailError, NotFound
from pymailcore.base.ids import BlobId
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.methods.email_set import file_message, mailboxes_property, received_property
from pymailcore.jmap.methods.keyword_names import keywords_property
from pymailcore.jmap.methods.sets import error_document
from pymailcore.jmap.methods.states import check_if_in_state
from pymailcore.jmap.protocol.arguments import Arguments, only_known
from pymailcore.jmap.protocol.errors import MethodError, SetError, invalid_properties
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.message.headers import split_fields
from pymailcore.message.received import parse_received
from pymailcore.message.trace import canonical

_PROPERTIES: Final = frozenset({"blobId", "mailboxIds", "keywords", "receivedAt"})


async def import_(context: Context, arguments: Arguments) -> JsonObject:
    """Email/import (RFC 8621 section 4.8): each blob becomes an Email of its own, also when one is like it.

    `receivedAt` is that of the newest Received field when the client gives none. Bare CR and LF become CRLF.
    """
    context.take_account(arguments)
    if_in_state = arguments.text("ifInState")
    emails = arguments.objects("emails")
    arguments.finish()
    if len(emails) > context.services.settings.max_objects_in_set:
        raise MethodError("requestTooLarge")
    store = context.services.store
    old = (await store.states(context.account)).email
    check_if_in_state(if_in_state, old)
    created: dict[str, JsonObject] = {}
    refused: dict[str, JsonObject] = {}
    for key, properties in emails.items():
        try:
            created[key] = await _import_one(context, key, properties)
        except (SetError, MailError) as error:
            refused[key] = error_document(error)
    return {
        "accountId": context.account_id,
        "oldState": str(old),
        "newState": str((await store.states(context.account)).email),
        "created": created or None,
        "notCreated": refused or None,
    }


async def _import_one(context: Context, key: str, properties: JsonObject) -> JsonObject:
    if unknown := only_known(properties, _PROPERTIES):
        raise invalid_properties(unknown)
    blob = properties.get("blobId")
    if not isinstance(blob, str):
        raise invalid_properties(["blobId"])
    mailboxes = mailboxes_property(context, properties.get("mailboxIds"))
    keywords = keywords_property(properties.get("keywords", {}))
    real = context.real_id(blob)
    try:
        octets = await context.services.store.blob(context.account, BlobId(real or ""))
    except NotFound as error:
        raise SetError("blobNotFound", notFound=[blob]) from error
    if not octets.strip():
        raise SetError("invalidEmail", "the blob is empty")
    octets = canonical(octets)
    given = properties.get("receivedAt")
    received_ms = _newest_received(octets) if given is None else None
    if received_ms is None:
        received_ms = received_property(context, given)
    return await file_message(context, key, octets, mailboxes, keywords, received_ms)


def _newest_received(octets: bytes) -> int | None:
    """When the last host took the message, milliseconds since 1970: RFC 8621 section 4.8's default."""
    header = octets[: octets.find(b"\r\n\r\n") + 2] if b"\r\n\r\n" in octets else octets
    raw = next((raw for name, raw in split_fields(header) if name.lower() == "received"), None)
    date = None if raw is None else parse_received(raw).date
    if date is None:
        return None
    moment = int(date.timestamp() * 1000)
    return moment if moment >= 0 else None
