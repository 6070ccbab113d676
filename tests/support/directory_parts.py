"""The parts of the directory over a real store, for tests of one part that need no sign-in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.directories import CHEAP, address
from tests.support.grounds import make_ground
from tests.support.stores import EnginePlace, counted_ids, small_settings

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.directory.accounts import Accounts
from pymailcore.directory.actors import Actor
from pymailcore.directory.addresses import Addresses
from pymailcore.directory.claims import Claims
from pymailcore.directory.credentials import Secret
from pymailcore.directory.domains import Domains
from pymailcore.directory.forwards import Forwards
from pymailcore.directory.ground import Ground
from pymailcore.directory.groups import Groups
from pymailcore.directory.permissions import View
from pymailcore.directory.routes import Routes
from pymailcore.directory.send_rights import SendRights
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.tenants import Tenants
from pymailcore.directory.types import Account, Route
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store
from pymailcore.store.types import Row, Transaction

ROOT = Actor.operator("root")
ALL = View(everything=True, tenants=frozenset(), domains=frozenset())


class PlainSecrets:
    """Passwords that are kept as they are: nobody signs in here."""

    async def prepare(self, password: str) -> Secret:
        """Take it."""
        return Secret(password)


@dataclass
class Parts:
    """The parts over one store, and what they told others."""

    store: Store
    ground: Ground
    notices: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.routes = Routes(self.ground)
        self.domains = Domains(self.ground)
        self.claims = Claims(self.ground)
        self.accounts = Accounts(self.ground, PlainSecrets())
        self.tenants = Tenants(self.ground, self.accounts)
        self.addresses = Addresses(self.ground)
        self.groups = Groups(self.ground)
        self.forwards = Forwards(self.ground)
        self.send_rights = SendRights(self.ground)

    async def account(self, text: str) -> Account:
        """An account; its domain is made when it is not there."""
        parsed = address(text)
        if await self.routes.domain(parsed.domain) is None:
            await self.domains.add(ROOT, parsed.domain)
        return await self.accounts.add(ROOT, parsed)

    async def route(self, text: str) -> Route:
        """Where mail for an address goes."""
        return await self.routes.route(address(text))

    async def reached(self, text: str) -> tuple[list[str], list[str]]:
        """The accounts by name, and the addresses elsewhere, that an address leads to; both sorted."""
        route = await self.route(text)
        names = [(await self.accounts.numbered(one.account)).name for one in route.local]
        return sorted(names), sorted(str(one) for one in route.remote)

    async def rows(self, sql: str, *arguments: object) -> list[Row]:
        """Read rows."""

        async def work(tx: Transaction) -> list[Row]:
            return await tx.rows(sql, *arguments)

        return await self.store.database.read(work)

    async def actions(self) -> list[tuple[str, str]]:
        """What the audit log has: actions and subjects."""
        return [(row[0], row[1]) for row in await self.rows("SELECT action, subject FROM audit ORDER BY seq")]


@asynccontextmanager
async def opened_parts(
    data: Path, settings: EnginePlace, *, seed: int = 1, directory: DirectorySettings = CHEAP
) -> AsyncIterator[Parts]:
    """The parts over a store of an engine, which may be there already."""
    ids, notices = counted_ids(seed), list[tuple[int, int]]()

    def publish(channel: int, value: int) -> None:
        notices.append((channel, value))

    async with open_store(small_settings(data, **settings), notify=publish, ids=ids, maintain=False) as store:
        yield Parts(store, make_ground(store, ids, publish, directory), notices)


__all__ = ["ALL", "DEFAULT_TENANT", "ROOT", "Parts", "address", "make_ground", "opened_parts"]
