"""Blob/copy between accounts.

Standards: RFC 8620 section 6.3. A principal has one account, so there is no other to copy from: every
`fromAccountId` but the own one is fromAccountNotFound, and the own one leaves nothing to copy.
"""

from typing import Final

from pymailcore.jmap.methods.context import Context, DataType
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.capabilities import CORE
from pymailcore.jmap.protocol.errors import MethodError, invalid_arguments
from pymailcore.jmap.protocol.values import JsonObject


async def copy(context: Context, arguments: Arguments) -> JsonObject:
    """Blob/copy."""
    source = arguments.identifier("fromAccountId")
    account = context.take_account(arguments)
    if arguments.identifiers("blobIds") is None:
        raise invalid_arguments("blobIds is a list of Ids")
    arguments.finish()
    if source != account:
        raise MethodError("fromAccountNotFound")
    raise invalid_arguments("fromAccountId and accountId are the same")


DATA_TYPE: Final = DataType(CORE, {"Blob/copy": copy})
