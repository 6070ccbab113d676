"""Waiting for what tells nobody when it happens: a look again and again, until a deadline."""

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

T = TypeVar("T")

_PAUSE_SECONDS = 0.005


async def until(holds: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Return as soon as something holds.

    Raises:
        AssertionError: it did not for so long.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "what was waited for did not come"
        await trio.sleep(_PAUSE_SECONDS)


async def until_taken(
    work: Callable[[], Awaitable[T]], refusal: type[Exception], *, seconds: float = 10.0
) -> T:
    """Do something as soon as it is not refused any more.

    Raises:
        AssertionError: it still was after so long.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(refusal):
            return await work()
        await trio.sleep(_PAUSE_SECONDS)
    raise AssertionError("what was refused still is")


def block_until(
    holds: Callable[[], bool], *, seconds: float = 10.0, pause_seconds: float = _PAUSE_SECONDS
) -> None:
    """The same as `until`, for what has no loop; with longer pauses where a look costs something."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(pause_seconds)
