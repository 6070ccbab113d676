"""Places for work that holds up others, given fairly to tenants, and in a tenant to its accounts.

Contract: never more than `count` have a place; who is next when one becomes free says `base.fair_queue`. Who
is cancelled while he waits has no place and is in nobody's way. Waiting costs a few hundred octets.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from pymailcore.base.fair_queue import FairQueue
from pymailcore.base.parties import Party, current_party


class _Waiter:
    """One wish for a place."""

    def __init__(self) -> None:
        self.task: trio.lowlevel.Task | None = None  # once it sleeps
        self.given = False

    def give(self) -> None:
        """The place is his."""
        self.given = True
        if self.task is not None:
            trio.lowlevel.reschedule(self.task)


class FairPlaces:
    """The places of one process for one kind of work.

    Args:
        count: how many there are; from 1.
    """

    def __init__(self, count: int) -> None:
        self._waiters: FairQueue[_Waiter] = FairQueue(count)

    @property
    def taken(self) -> int:
        """How many have a place."""
        return self._waiters.taken

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._waiters)

    @asynccontextmanager
    async def place(self, party: Party | None = None) -> AsyncIterator[None]:
        """Hold a place; waits for one.

        Args:
            party: for whom; None: for whom the task works (`base.parties`).
        """
        party = party or current_party()
        await self._take(party)
        try:
            yield
        finally:
            self._waiters.done(party)
            self._give()

    async def _take(self, party: Party) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        waiter = _Waiter()
        self._waiters.put(party, waiter)

        def abort(_: object) -> trio.lowlevel.Abort:
            self._waiters.remove(party, waiter)
            return trio.lowlevel.Abort.SUCCEEDED

        self._give()
        if not waiter.given:
            waiter.task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(abort)

    def _give(self) -> None:
        """Give free places to those who wait."""
        while (taken := self._waiters.take()) is not None:
            taken[1].give()
