"""Work off the loop: threads that are never abandoned, and those that compute in turns by parties.

A cancelled caller waits for its thread to end, so "was it done?" always has an answer.
"""

from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

import trio

from pymailcore.runtime.fair_places import FairPlaces

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

COMPUTING: Final = 3
"""So many threads of a process compute at a time; more would keep the loop waiting for the interpreter."""

_computing: trio.lowlevel.RunVar[FairPlaces] = trio.lowlevel.RunVar("computing")


def computing() -> FairPlaces:
    """The places of those that compute in this process."""
    try:
        return _computing.get()
    except LookupError:
        places = FairPlaces(COMPUTING)
        _computing.set(places)
        return places


async def run_in_thread(
    work: Callable[[*Ts], T], *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Run `work(*args)`, which blocks, in a thread and wait for its end, also when cancelled meanwhile."""
    return await trio.to_thread.run_sync(work, *args, limiter=limiter)


async def compute(work: Callable[[*Ts], T], *args: *Ts, places: FairPlaces | None = None) -> T:
    """Run `work(*args)`, which needs a core for long, in a thread, and wait for its end; in turns by parties.

    Args:
        places: None: those of the process (`computing`).
    """
    async with (places or computing()).place():
        return await trio.to_thread.run_sync(work, *args)
