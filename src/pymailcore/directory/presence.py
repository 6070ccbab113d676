"""Who is signed in to this process, so that a connection ends when its sign-in counts for nothing any more.

Theory. A connection holds its place here from its sign-in to its end, with the generation of the account that
it signed in at. Whenever the directory changed, the accounts that may be concerned are looked at in one
statement for some hundred; who has a newer generation, is not active or is gone has his connections ended.
A lost notice costs the time until `review` looks at everybody, which the process does every few seconds.
"""

import contextlib
import json
from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.directory.cache import tag
from pymailcore.directory.standing import ACTIVE, RESOURCE, SHARED, worst
from pymailcore.directory.types import Principal
from pymailcore.runtime.logs import get_logger
from pymailcore.store.types import Database, Row, Transaction

_SLICE: Final = 500

log = get_logger()


class Place(NamedTuple):
    """One connection that is signed in."""

    generation: int
    end: Callable[[], None]


class _Account:
    """The places of one account, and the tags that its standing depends on."""

    __slots__ = ("places", "tags")

    def __init__(self, principal: Principal) -> None:
        self.places: dict[int, Place] = {}
        self.tags = frozenset(
            (
                tag("account", principal.account),
                tag("tenant", principal.tenant),
                tag("domain", principal.name.rpartition("@")[2]),
            )
        )


class Presence:
    """The connections of one process that are signed in; it lives as long as the process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._accounts: dict[AccountId, _Account] = {}
        self._last = 0
        self._concerned: set[AccountId] = set()
        self._told = trio.Event()

    def __len__(self) -> int:
        return sum(len(account.places) for account in self._accounts.values())

    @contextlib.contextmanager
    def here(self, principal: Principal, end: Callable[[], None]) -> Iterator[None]:
        """Hold a place for a connection while it is signed in.

        Args:
            end: makes the connection close soon; called at most once, from this process's loop, and must
                neither raise nor block.
        """
        account = self._accounts.setdefault(principal.account, _Account(principal))
        self._last += 1
        number = self._last
        account.places[number] = Place(principal.generation, end)
        try:
            yield
        finally:
            account.places.pop(number, None)
            if not account.places and self._accounts.get(principal.account) is account:
                del self._accounts[principal.account]

    def touched(self, tags: Collection[int] | None) -> None:
        """Have the accounts looked at that depend on these tags; None: all of them."""
        wanted = None if tags is None else frozenset(tags)
        concerned = {
            number
            for number, account in self._accounts.items()
            if wanted is None or not wanted.isdisjoint(account.tags)
        }
        if concerned:
            self._concerned |= concerned
            self._told.set()

    async def follow(self) -> None:
        """Look at the accounts that `touched` named; runs until it is cancelled."""
        while True:
            await self._told.wait()
            self._told = trio.Event()
            concerned, self._concerned = self._concerned, set()
            with contextlib.suppress(TemporaryFailure):  # `review` of all comes soon
                await self.review(concerned)

    async def review(self, accounts: Collection[AccountId] | None = None) -> int:
        """End the connections of accounts whose sign-in counts no more; gives how many.

        Args:
            accounts: which; None for all that are signed in.

        Raises:
            TemporaryFailure: the tables cannot be read now; nothing was ended.
        """
        wanted = sorted(self._accounts if accounts is None else accounts)
        ended = 0
        for first in range(0, len(wanted), _SLICE):
            some = wanted[first : first + _SLICE]
            listed = json.dumps(some)

            async def work(tx: Transaction, listed: str = listed) -> list[Row]:
                return await tx.rows(_STATES, listed)

            found = {AccountId(row[0]): row for row in await self._database.read(work)}
            for account in some:
                ended += self._end(account, found.get(account))
        return ended

    def _end(self, account: AccountId, row: Row | None) -> int:
        present = self._accounts.get(account)
        if present is None:
            return 0
        reason = _reason(row)
        generation = -1 if row is None else row[1]
        over = [
            number for number, place in present.places.items() if reason or place.generation != generation
        ]
        for number in over:
            present.places.pop(number).end()
        if over:
            log.info("ended", account=account, connections=len(over), reason=reason or "credentials changed")
        return len(over)


_STATES: Final = (
    "SELECT a.id, a.generation, a.kind, a.state, a.reason, d.state, t.state, t.reason FROM accounts a"
    " LEFT JOIN domains d ON d.id = a.domain LEFT JOIN tenants t ON t.id = a.tenant"
    " WHERE a.id IN (SELECT value FROM json_each(?1))"
)


def _reason(row: Row | None) -> str:
    """Why an account may not stay signed in; empty when it may."""
    if row is None:
        return "the account is gone"
    _, _, kind, state, reason, of_domain, of_tenant, why = row
    if kind in (SHARED, RESOURCE):
        return f"the account is {kind}"
    return worst(
        ("the account", state, reason),
        ("the domain", of_domain or ACTIVE, ""),
        ("the tenant", of_tenant or ACTIVE, why or ""),
    )[1]
