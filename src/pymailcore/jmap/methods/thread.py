"""Thread/get and Thread/changes.

Standards: RFC 8621 section 3.
"""

from typing import Final

from pymailcore.base import ids
from pymailcore.jmap.methods.context import Context, DataType
from pymailcore.jmap.methods.states import changes_of
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.capabilities import MAIL
from pymailcore.jmap.protocol.errors import MethodError
from pymailcore.jmap.protocol.standard import get_arguments
from pymailcore.jmap.protocol.values import JsonObject

_PROPERTIES: Final = frozenset({"id", "emailIds"})


async def get(context: Context, arguments: Arguments) -> JsonObject:
    """Thread/get (RFC 8621 section 3.1). All Threads at once are too many: `ids` must be given."""
    context.take_account(arguments)
    most = context.services.settings.max_objects_in_get
    wanted = get_arguments(arguments, max_objects=most, known=_PROPERTIES)
    arguments.finish()
    if wanted.ids is None:
        raise MethodError("requestTooLarge", "ids must be given")
    numbers = {text: ids.decode_id(ids.THREAD, text) for text in wanted.ids}
    store = context.services.store
    # The state is read first: what changes meanwhile is told again by the next Thread/changes.
    states = await store.states(context.account)
    found = dict(
        await store.threads(context.account, [number for number in numbers.values() if number is not None])
    )
    with_emails = wanted.properties is None or "emailIds" in wanted.properties
    listed: list[JsonObject] = []
    missing: list[str] = []
    for text, number in numbers.items():
        emails = None if number is None else found.get(number)  # type: ignore[call-overload]
        if emails is None:
            missing.append(text)
        else:
            thread: JsonObject = {"id": text}
            if with_emails:
                thread["emailIds"] = [ids.encode_id(ids.EMAIL, email) for email in emails]
            listed.append(thread)
    return {
        "accountId": context.account_id,
        "state": str(states.thread),
        "list": listed,
        "notFound": missing,
    }


async def changes(context: Context, arguments: Arguments) -> JsonObject:
    """Thread/changes (RFC 8621 section 3.2)."""
    return await changes_of(context, arguments, "thread", ids.THREAD)


DATA_TYPE: Final = DataType(MAIL, {"Thread/get": get, "Thread/changes": changes})
