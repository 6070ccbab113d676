"""Core/echo.

Standards: RFC 8620 section 4.
"""

from typing import Final

from pymailcore.jmap.methods.context import Context, DataType
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.capabilities import CORE
from pymailcore.jmap.protocol.values import JsonObject


async def echo(context: Context, arguments: Arguments) -> JsonObject:  # noqa: ARG001
    """Give the arguments back (RFC 8620 section 4)."""
    return arguments.take_all()


DATA_TYPE: Final = DataType(CORE, {"Core/echo": echo})
