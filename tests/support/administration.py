"""Two tenants, and somebody of each role in the first one; all that the second one has bears a canary."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.directories import CHEAP, Clock, mint
from tests.support.memory_store import MemoryStore
from tests.support.stores import EnginePlace, small_settings

from pymailcore.admin.registry import Administration
from pymailcore.base.address import Address
from pymailcore.base.ids import IdMint
from pymailcore.directory.actors import Actor
from pymailcore.directory.directory import Directory
from pymailcore.directory.permissions import DOMAIN_ADMIN, SUPPORT, TENANT_ADMIN, Scope
from pymailcore.queue.queue import Queue
from pymailcore.queue.settings import QueueSettings
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store

CANARY: Final = "canary"
PASSWORD: Final = "correct horse"
OPERATOR: Final = Actor.operator("root")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What an operation is aimed at: the names that its arguments are made of."""

    tenant: str
    domain: str
    account: str
    group: str
    alias: str
    key: str
    fresh: str

    def within(self, text: str) -> str:
        """A text with all these names taken out of it."""
        for name in (self.account, self.group, self.alias, self.fresh, self.domain, self.tenant, self.key):
            text = text.replace(name, "…")
        return text


def place(tenant: str, domain: str, prefix: str = "", key: str = "k1") -> Place:
    """The names of one domain."""
    return Place(
        tenant=tenant,
        domain=domain,
        account=f"{prefix}ann@{domain}",
        group=f"{prefix}team@{domain}",
        alias=f"{prefix}sales@{domain}",
        key=key,
        fresh=f"{prefix}new@{domain}",
    )


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation with its administration.

    Attributes:
        actors: by their roles.
        places: "own", "sibling" (another domain of the same tenant), "foreign", "unknown".
    """

    administration: Administration
    directory: Directory
    queue: Queue
    actors: Mapping[str, Actor]
    places: Mapping[str, Place]

    async def do(self, operation: str, /, **arguments: object) -> dict[str, Any]:
        """Do something as the operator."""
        return await self.administration.call(OPERATOR, operation, arguments)

    async def by(self, who: str, operation: str, /, **arguments: object) -> dict[str, Any]:
        """Do something as one of the actors."""
        return await self.administration.call(self.actors[who], operation, arguments)


@asynccontextmanager
async def opened_installation(data: Path, engine: EnginePlace) -> AsyncIterator[Installation]:
    """Open an installation on an engine: a tenant "alpha", which the actors are of, and one of canaries."""
    clock = Clock()
    ids = mint(clock)
    async with open_store(
        small_settings(data, **engine), notify=lambda _channel, _value: None, ids=ids, maintain=False
    ) as store:
        yield await furnished(store, ids, clock)


async def memory_installation() -> Installation:
    """The same over a store in memory, for what is not about the store."""
    clock = Clock()
    return await furnished(MemoryStore(), mint(clock), clock)


async def furnished(store: Store, ids: IdMint, clock: Clock) -> Installation:
    """Put everything into an empty store."""
    directory = Directory(store.database, store, ids, lambda _channel, _value: None, CHEAP, now_ms=clock)
    queue = Queue(store.database, store, lambda _channel, _value: None, QueueSettings(), now_ms=clock)
    administration = Administration(directory, queue, now_ms=clock)
    bare = Installation(administration, directory, queue, {}, {})
    places = {
        "own": place("alpha", "a.example"),
        "sibling": place("alpha", "a2.example"),
        "foreign": place(f"{CANARY}-tenant", f"{CANARY}.example", f"{CANARY}-"),
    }
    keys = {name: await _fill(bare, one) for name, one in places.items()}
    places = {name: place(one.tenant, one.domain, _prefix(one), keys[name]) for name, one in places.items()}
    places["unknown"] = place("nothing", "nothing.example", "no-", "k7vvvvvvvvvvv")
    return Installation(administration, directory, queue, await _actors(directory, places), places)


def _prefix(one: Place) -> str:
    return one.account.removesuffix(f"ann@{one.domain}")


async def _fill(it: Installation, one: Place) -> str:
    tenants = await it.do("tenant.list")
    if one.tenant not in str(tenants):
        await it.do("tenant.add", tenant=one.tenant, display=one.tenant)
        await it.do("role.add", role=f"{one.tenant}-desk", tenant=one.tenant, permissions=["account.read"])
    await it.do("domain.add", domain=one.domain, tenant=one.tenant)
    await it.do("domain.claim", domain=f"claimed.{one.domain}", tenant=one.tenant)
    await it.do("account.add", account=one.account, full_name=one.account, password=PASSWORD)
    await it.do("account.set", account=one.account, reason=one.account)
    await it.do("group.add", group=one.group)
    await it.do("group.member.add", group=one.group, member=one.account)
    await it.do("alias.add", address=one.alias, target=one.account)
    await it.do(
        "forward.set", account=one.account, target=f"{one.account.partition('@')[0]}@elsewhere.example"
    )
    await it.do("send-right.grant", account=one.account, address=one.group)
    await it.do("role.grant", account=one.account, role=SUPPORT, domain=one.domain)
    await it.do("role.revoke", account=one.account, role=SUPPORT, domain=one.domain)
    await it.do("app-password.add", account=one.account, name=f"phone of {one.account}")
    key = await it.do("apikey.add", name=f"key of {one.tenant}", role=SUPPORT, domain=one.domain)
    return str(key["id"])


async def _actors(directory: Directory, places: Mapping[str, Place]) -> dict[str, Actor]:
    own, foreign = places["own"], places["foreign"]
    alpha = Scope.tenant((await directory.tenants.get(own.tenant)).id)
    beta = Scope.tenant((await directory.tenants.get(foreign.tenant)).id)
    domain = Scope.domain((await directory.domains.get(own.domain)).id)
    actors = {"operator": OPERATOR}
    holders = (
        ("tenant-admin", TENANT_ADMIN, alpha, own),
        ("domain-admin", DOMAIN_ADMIN, domain, own),
        ("support", SUPPORT, alpha, own),
        ("stranger", TENANT_ADMIN, beta, foreign),
        ("mixed", SUPPORT, alpha, own),
    )
    for name, role, scope, one in holders:
        address = Address(f"{name}-of-{one.tenant}", one.domain)
        account = await directory.accounts.add(OPERATOR, address, PASSWORD)
        await directory.roles.grant(OPERATOR, account.id, role, scope)
        if name == "mixed":
            await directory.roles.grant(OPERATOR, account.id, DOMAIN_ADMIN, domain)
        actors[name] = await directory.roles.actor(await directory.principal(account.id), peer="192.0.2.1")
    user = await directory.accounts.get(Address(*own.account.split("@")))
    actors["user"] = await directory.roles.actor(await directory.principal(user.id), peer="192.0.2.1")
    _, key = await directory.credentials.api_keys.add(OPERATOR, "backup", TENANT_ADMIN, alpha)
    actors["key"] = await directory.logins.api_actor(key, peer="192.0.2.1")
    return actors
