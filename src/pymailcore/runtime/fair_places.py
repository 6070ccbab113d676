"""Places for work that holds up others, given fairly to tenants, and in a tenant to its accounts.

Contract: never more than `count` have a place; who is next when one becomes free says `base.shares`, and of
one account's wishes the oldest. Where there are three places or more, one tenant leaves some to others. Who
is cancelled while he waits has no place and is in nobody's way. Waiting costs a few hundred octets.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.base.shares import Shares


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
        self._count = count
        self._most_of_one = count - count // 3
        self._shares = Shares()
        self._waiting: dict[TenantId, dict[AccountId, deque[_Waiter]]] = {}

    @property
    def taken(self) -> int:
        """How many have a place."""
        return self._shares.tenants.total()

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return sum(len(wishes) for accounts in self._waiting.values() for wishes in accounts.values())

    @asynccontextmanager
    async def place(self, tenant: TenantId, account: AccountId) -> AsyncIterator[None]:
        """Hold a place; waits for one."""
        await self._take(tenant, account)
        try:
            yield
        finally:
            self._shares.end(tenant, account)
            self._give()

    async def _take(self, tenant: TenantId, account: AccountId) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        waiter = _Waiter()
        self._waiting.setdefault(tenant, {}).setdefault(account, deque()).append(waiter)

        def abort(_: object) -> trio.lowlevel.Abort:
            self._waiting[tenant][account].remove(waiter)
            self._tidy(tenant, account)
            return trio.lowlevel.Abort.SUCCEEDED

        self._give()
        if not waiter.given:
            waiter.task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(abort)

    def _give(self) -> None:
        """Give free places to those who wait."""
        while self.taken < self._count:
            tenant = self._shares.next_tenant(self._waiting, self._most_of_one)
            if tenant is None:
                return
            account = self._shares.next_flow(self._waiting[TenantId(tenant)], self._count)
            if account is None:
                return
            self._begin(TenantId(tenant), AccountId(account))

    def _begin(self, tenant: TenantId, account: AccountId) -> None:
        waiter = self._waiting[tenant][account].popleft()
        self._tidy(tenant, account)
        self._shares.begin(tenant, account)
        waiter.give()

    def _tidy(self, tenant: TenantId, account: AccountId) -> None:
        if not self._waiting[tenant][account]:
            del self._waiting[tenant][account]
        if not self._waiting[tenant]:
            del self._waiting[tenant]
