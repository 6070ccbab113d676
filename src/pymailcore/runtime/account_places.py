"""Who may do dear work now: a few places for each account.

Theory: some work of one client can keep what all clients share busy for seconds. So an account has a few
places for each kind of such work; more of it waits, and that of others goes on.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from pymailcore.base.ids import AccountId


class AccountPlaces:
    """The places of all accounts of one process, for one kind of work."""

    def __init__(self, per_account: int) -> None:
        self._per_account = per_account
        self._places: dict[AccountId, trio.CapacityLimiter] = {}

    def __len__(self) -> int:
        """How many accounts hold or wait for a place."""
        return len(self._places)

    @asynccontextmanager
    async def place(self, account: AccountId) -> AsyncIterator[None]:
        """Hold a place; waits for one."""
        places = self._places.setdefault(account, trio.CapacityLimiter(self._per_account))
        holder = object()
        try:
            await places.acquire_on_behalf_of(holder)
            try:
                yield
            finally:
                places.release_on_behalf_of(holder)
        finally:
            statistics = places.statistics()
            if not statistics.borrowed_tokens and not statistics.tasks_waiting:
                self._places.pop(account, None)
