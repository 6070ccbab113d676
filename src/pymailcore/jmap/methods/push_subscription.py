"""PushSubscription/get and /set, for a server that does not call out.

Standards: RFC 8620 section 7.2. Push by HTTP POST to a URL of the client's choosing is not offered; changes
come by the event source (section 7.3). So there are no subscriptions, and one that a client would create is
refused with `forbidden`: it is the outcome of section 5.3 for what policy does not allow.
"""

from typing import Final

from pymailcore.jmap.methods.context import Context, DataType
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.capabilities import CORE
from pymailcore.jmap.protocol.errors import SetError
from pymailcore.jmap.protocol.standard import get_arguments, set_arguments
from pymailcore.jmap.protocol.values import JsonObject

_PROPERTIES: Final = frozenset({"id", "deviceClientId", "verificationCode", "expires", "types"})


async def get(context: Context, arguments: Arguments) -> JsonObject:
    """PushSubscription/get (RFC 8620 section 7.2.1): no accountId, no state, nothing found."""
    wanted = get_arguments(
        arguments, max_objects=context.services.settings.max_objects_in_get, known=_PROPERTIES
    )
    arguments.finish()
    return {"list": [], "notFound": wanted.ids or []}


async def set_(context: Context, arguments: Arguments) -> JsonObject:
    """PushSubscription/set (RFC 8620 section 7.2.2): no accountId, no state."""
    taken = set_arguments(arguments, max_objects=context.services.settings.max_objects_in_set)
    arguments.finish()
    refused = SetError("forbidden", "push goes by the event source only").document()
    missing = SetError("notFound").document()
    return {
        "created": None,
        "updated": None,
        "destroyed": None,
        "notCreated": dict.fromkeys(taken.create, refused) or None,
        "notUpdated": dict.fromkeys(taken.update, missing) or None,
        "notDestroyed": dict.fromkeys(taken.destroy, missing) or None,
    }


DATA_TYPE: Final = DataType(CORE, {"PushSubscription/get": get, "PushSubscription/set": set_})
