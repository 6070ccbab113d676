"""Places for work that holds up others, given fairly to tenants, and in a tenant to its accounts.

Contract: never more than `count` have a place; who is next when one becomes free says `base.fair_queue`. Who
is cancelled while he waits has no place and is in nobody's way. Waiting costs a few hundred octets. Where no
more than so many may wait, one more turns away the last of the tenant that has the most waiting: who fills
the queue fills it for himself.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from pymailcore.base.fair_queue import FairQueue
from pymailcore.base.parties import Party, current_party


class Crowded(Exception):
    """Too many wait for a place; this one was turned away."""


class _Waiter:
    """One wish for a place."""

    def __init__(self) -> None:
        self.task: trio.lowlevel.Task | None = None  # once it sleeps
        self.given = False
        self.turned_away = False

    def give(self) -> None:
        """The place is his."""
        self.given = True
        self._wake()

    def turn_away(self) -> None:
        """He gets none."""
        self.turned_away = True
        self._wake()

    def _wake(self) -> None:
        if self.task is not None:
            trio.lowlevel.reschedule(self.task)


class FairPlaces:
    """The places of one process for one kind of work.

    Args:
        count: how many there are; from 1.
        waiting_count: how many may wait; None: any number.
    """

    def __init__(self, count: int, waiting_count: int | None = None) -> None:
        self._waiters: FairQueue[_Waiter] = FairQueue(count)
        self._most_waiting = waiting_count

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

        Raises:
            Crowded: more wait than may.
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
        if self._most_waiting is not None and len(self._waiters) > self._most_waiting:
            self._waiters.thin(party)[1].turn_away()
        if not (waiter.given or waiter.turned_away):
            waiter.task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(abort)
        if waiter.turned_away:
            raise Crowded

    def _give(self) -> None:
        """Give free places to those who wait."""
        while (taken := self._waiters.take()) is not None:
            taken[1].give()
