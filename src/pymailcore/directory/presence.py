"""Who is signed in to this process, so that a connection ends when its sign-in counts for nothing any more.

Theory. A connection holds its place here from its sign-in to its end, with the generation of the account that
it signed in at. Whenever the directory changed, the accounts that may be concerned are looked at in one
statement for some hundred; who has a newer generation, is not active or is gone has his connections ended.
A lost notice costs the time until `review` looks at everybody, which the process does every few seconds.
As often `keep` writes who is connected, so that it can be listed for all processes (`presences`).
"""

import contextlib
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.directory import presences
from pymailcore.directory.cache import tag
from pymailcore.directory.presences import New
from pymailcore.directory.standing import ACTIVE, RESOURCE, SHARED, worst
from pymailcore.directory.types import Principal
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.runtime.logs import get_logger
from pymailcore.store.types import Database, Row, Transaction

_SLICE: Final = 500
_CLIENT_CHARACTERS: Final = 100
_LIFE_MS: Final = 60_000  # so often a process says that it lives, when nothing else is to be written

log = get_logger()


@dataclass(slots=True, eq=False)
class Place:
    """One connection that is signed in.

    Attributes:
        client: what the program says that it is; may become known later.
    """

    principal: Principal
    end: Callable[[], None]
    protocol: str
    peer: str
    client: str
    since_ms: int

    def row(self, number: int) -> New:
        """What is written of it."""
        client = "".join(one if one.isprintable() else " " for one in self.client[:_CLIENT_CHARACTERS])
        who = self.principal
        return New(number, who.account, self.protocol, self.peer, client, who.mechanism, self.since_ms)


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
    """The connections of one process that are signed in; it lives as long as the process.

    Args:
        process: names it among all processes of the installation; nobody else has that name.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self, database: Database, process: str = "", *, now_ms: Callable[[], int] = wall_clock_ms
    ) -> None:
        self._database = database
        self._process = process
        self._now_ms = now_ms
        self._written: dict[int, New] = {}
        self._lived_ms = 0
        self._accounts: dict[AccountId, _Account] = {}
        self._last = 0
        self._concerned: set[AccountId] = set()
        self._told = trio.Event()

    def __len__(self) -> int:
        return sum(len(account.places) for account in self._accounts.values())

    @contextlib.contextmanager
    def here(
        self, principal: Principal, end: Callable[[], None], *, protocol: str, peer: str, client: str = ""
    ) -> Iterator[Place]:
        """Hold a place for a connection while it is signed in.

        Args:
            end: makes the connection close soon; called at most once, from this process's loop, and must
                neither raise nor block.
        """
        account = self._accounts.setdefault(principal.account, _Account(principal))
        self._last += 1
        number = self._last
        place = Place(principal, end, protocol, peer, client, self._now_ms())
        account.places[number] = place
        try:
            yield place
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

    async def keep(self) -> None:
        """Write what has changed among the connections since the last time.

        Raises:
            TemporaryFailure: nothing can be written now; the next call does.
        """
        now_ms = self._now_ms()
        present = {
            number: place.row(number)
            for account in self._accounts.values()
            for number, place in account.places.items()
        }
        new = [row for number, row in present.items() if self._written.get(number) != row]
        gone = sorted(self._written.keys() - present.keys())
        lives = bool(present) and now_ms - self._lived_ms >= _LIFE_MS
        if not (new or gone or lives):
            return
        await self._database.write(lambda tx: presences.keep(tx, self._process, new, gone, now_ms))
        self._written, self._lived_ms = present, now_ms

    async def leave(self) -> None:
        """Take all connections of this process out of the list; at its end.

        Raises:
            TemporaryFailure: nothing can be written now.
        """
        if self._written:
            await self._database.write(lambda tx: presences.leave(tx, self._process))
            self._written = {}

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
            number
            for number, place in present.places.items()
            if reason or place.principal.generation != generation
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
