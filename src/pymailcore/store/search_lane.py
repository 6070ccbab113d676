"""Which searches may use the database now.

Theory: a search can be one statement of many seconds, and there are few reading threads. So an account has
one statement of searches at a time, all accounts together have one thread less than there are, and what is
read by key always finds one. What waits here has its turn by tenants, and in a tenant by accounts: a tenant
that searches with a hundred accounts holds up another one no longer than one that does with one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.base.parties import Party, party_of
from pymailcore.runtime.account_places import AccountPlaces
from pymailcore.runtime.fair_places import FairPlaces

_MOST_REMEMBERED: Final = 10_000


class SearchLane:
    """The searches of one process.

    Args:
        readers: reading threads; one is left to others where there are two or more.
        tenant_of: to whom an account belongs, which never changes.
    """

    def __init__(self, readers: int, tenant_of: Callable[[AccountId], Awaitable[TenantId]]) -> None:
        self._accounts = AccountPlaces(1)
        self._every = FairPlaces(max(1, readers - 1))
        self._tenant_of = tenant_of
        self._parties: dict[AccountId, Party] = {}

    @asynccontextmanager
    async def place(self, account: AccountId) -> AsyncIterator[None]:
        """Hold a place for one statement, or for a slice of messages; waits for one.

        Raises:
            NotFound: no such account.
        """
        party = await self.party(account)
        async with self._accounts.place(account), self._every.place(party):
            yield

    async def party(self, account: AccountId) -> Party:
        """In whose turn work for an account is done.

        Raises:
            NotFound: no such account, and it was not known before.
        """
        party = self._parties.get(account)
        if party is None:
            party = party_of(await self._tenant_of(account), account)
            if len(self._parties) >= _MOST_REMEMBERED:
                self._parties.clear()
            self._parties[account] = party
        return party
