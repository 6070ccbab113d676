"""Work that blocks, off the loop: threads with named limiters, never abandoned.

A cancelled caller waits for its thread to end, so "was it done?" always has an answer.
"""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Limiters:
    """How many threads of one process may do one kind of work at a time.

    Attributes:
        password: checking and hashing passwords; each takes tens of milliseconds and megabytes.
        parse: large messages.
        files: small work on files.
    """

    def __init__(self, *, password: int = 2, parse: int = 2, files: int = 4) -> None:
        self.password = trio.CapacityLimiter(password)
        self.parse = trio.CapacityLimiter(parse)
        self.files = trio.CapacityLimiter(files)


async def run_in_thread(
    work: Callable[[*Ts], T], *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Run `work(*args)` in a thread and wait for its end, also when cancelled meanwhile."""
    return await trio.to_thread.run_sync(work, *args, limiter=limiter)
