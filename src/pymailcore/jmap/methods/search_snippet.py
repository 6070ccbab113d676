"""SearchSnippet/get.

Standards: RFC 8621 section 5.

All messages are looked into by one call of the store, in its threads. What is only in an attachment, or
further back in a text than is looked at, has no preview.
"""

from functools import partial
from typing import Final

from pymailcore.base import ids
from pymailcore.jmap.methods.context import Context, DataType
from pymailcore.jmap.methods.email_filter import FilterCompiler
from pymailcore.jmap.methods.highlighting import Wanted, mark_all, mark_piece, wanted
from pymailcore.jmap.methods.patience import within_limits
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.capabilities import MAIL
from pymailcore.jmap.protocol.errors import MethodError, invalid_arguments
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.message import facts
from pymailcore.store.texts import SearchedMessage

MAX_TEXT_OCTETS: Final = 1_048_576
"""Of one message that are looked through for a preview."""


async def get(context: Context, arguments: Arguments) -> JsonObject:
    """SearchSnippet/get (RFC 8621 section 5.1)."""
    context.take_account(arguments)
    condition = arguments.take("filter")
    asked = arguments.identifiers("emailIds")
    arguments.finish()
    if condition is not None and not isinstance(condition, dict):
        raise invalid_arguments("filter is an object or null")
    if asked is None:
        raise invalid_arguments("emailIds is a list of Ids")
    settings = context.services.settings
    if len(asked) > settings.max_objects_in_get:
        raise MethodError("requestTooLarge")
    compiled = FilterCompiler(
        max_depth=settings.max_filter_depth, max_conditions=settings.max_filter_conditions
    ).compile(condition)
    numbers = {text: ids.decode_id(ids.EMAIL, text) for text in asked}
    known = [number for number in numbers.values() if number is not None]
    snippets = await within_limits(context, partial(_snippets, context, known, wanted(compiled)))
    listed: list[JsonObject] = []
    missing: list[str] = []
    for text, number in numbers.items():
        snippet = None if number is None else snippets.get(number)
        if snippet is None:
            missing.append(text)
        else:
            listed.append({"emailId": text, **snippet})
    return {"accountId": context.account_id, "list": listed, "notFound": missing or None}


async def _snippets(context: Context, emails: list[int], sought: Wanted) -> dict[int, JsonObject]:
    """Snippets of those of some Emails that the account has."""
    store = context.services.store
    rows = await store.emails(context.account, emails, facts=bool(sought.subject))
    previews: dict[int, str | None] = {}
    if sought.body:
        previews = await store.look_into(context.account, [row.id for row in rows], partial(_preview, sought))
    found: dict[int, JsonObject] = {}
    for row in rows:
        subject = facts.unpack(row.facts).subject if sought.subject and row.facts is not None else None
        found[row.id] = {
            "subject": mark_all(subject, sought.subject) if subject else None,
            "preview": previews.get(row.id),
        }
    return found


def _preview(sought: Wanted, message: SearchedMessage) -> str | None:
    return mark_piece(message.written(MAX_TEXT_OCTETS), sought.body)


DATA_TYPE: Final = DataType(MAIL, {"SearchSnippet/get": get})
