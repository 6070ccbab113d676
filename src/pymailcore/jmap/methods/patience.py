"""Limits of searches: how long one may take, and that a client waits for it.

Standards: RFC 8620 section 5.5.

A search that takes too long is answered with unsupportedFilter, not with serverUnavailable: the same search
would take as long the next time, and with unsupportedFilter a client asks its user for a simpler one.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from pymailcore.jmap.asgi import Disconnected
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.protocol.errors import MethodError

T = TypeVar("T")


async def within_limits(context: Context, work: Callable[[], Awaitable[T]]) -> T:
    """Do work that only reads, and that may be long.

    Raises:
        MethodError: unsupportedFilter, it took too long.
        Disconnected: the client has gone meanwhile; the work is given up.
    """
    done: list[T] = []
    failed: list[Exception] = []
    gone = False
    with trio.move_on_after(context.services.settings.search_seconds) as deadline:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                nonlocal gone
                await context.gone()
                gone = True
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            try:
                done.append(await work())
            except Exception as failure:  # kept out of a group of exceptions
                failed.append(failure)
            nursery.cancel_scope.cancel()
    if done:
        return done[0]
    if failed:
        raise failed[0]
    if gone:
        raise Disconnected
    assert deadline.cancelled_caught  # noqa: S101 - nothing else ends the work
    raise MethodError("unsupportedFilter", "the search takes too long")
