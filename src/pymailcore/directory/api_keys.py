"""Keys for programs that administer: each acts with one role on one scope.

A key is made here, shown once and kept as a keyed digest. What its role means is looked up at each use, so a
role that is changed changes what its keys may do. A key whose tenant, domain or account is suspended opens
nothing until that is active again; one whose domain or tenant is removed goes with it.
"""

import base64
import json
from collections.abc import Iterable
from typing import Final, NamedTuple

from pymailcore.base.errors import Forbidden, InvalidValue, NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory import standing
from pymailcore.directory.actors import Actor
from pymailcore.directory.app_passwords import is_within, read_name, read_networks
from pymailcore.directory.cache import tag
from pymailcore.directory.changes import Change
from pymailcore.directory.digests import Digests
from pymailcore.directory.ground import Ground
from pymailcore.directory.permissions import Grant, Scope
from pymailcore.directory.roles import Roles, permissions_of, require
from pymailcore.store.types import Row, Transaction

PREFIX: Final = "pmc_"
"""How every key begins, so that it is known for one when it turns up in the wrong place."""

NOBODY: Final = AccountId(0)
_OCTETS: Final = 32
_LONGEST: Final = 128
_KIND: Final = "api key"
_COLUMNS: Final = (
    "id, tenant, account, name, role, scope, scope_id, networks, created_ms, expires_ms, last_used_ms,"
    " last_peer"
)
_STATES: Final = (
    "SELECT t.state, d.name, d.state FROM api_keys k LEFT JOIN tenants t ON t.id = k.tenant"
    " LEFT JOIN domains d ON k.scope = 'domain' AND d.id = k.scope_id WHERE k.id = ?1"
)


class ApiKey(NamedTuple):
    """What is known of a key; nobody can use it.

    Attributes:
        tenant: to which it belongs; 0: the installation.
        account: as which it acts in the log; 0 for none.
        last_used_ms: to the hour.
    """

    id: int
    tenant: TenantId
    account: AccountId
    name: str
    role: str
    scope: Scope
    networks: tuple[str, ...]
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None
    last_peer: str

    def has_expired(self, now_ms: int) -> bool:
        """Whether it is no longer good at a moment."""
        return self.expires_ms is not None and self.expires_ms <= now_ms


class Found(NamedTuple):
    """A key with what it may do at this moment."""

    key: ApiKey
    grant: Grant


class ApiKeys:
    """API keys of the installation and of all tenants."""

    def __init__(self, ground: Ground, digests: Digests, roles: Roles) -> None:
        self._ground = ground
        self._digests = digests
        self._roles = roles
        self._found = ground.lookup(_load)

    async def add(
        self,
        actor: Actor,
        name: str,
        role: str,
        scope: Scope,
        *,
        networks: Iterable[str] = (),
        expires_ms: int | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; gives it and its text, which nobody can have again.

        Raises:
            NotFound: no such role, tenant or domain.
            Forbidden: the key could do what the actor may not.
            InvalidValue: the name or a network is none, or it would have expired already.
        """
        subject, now_ms = await self._roles.on(scope), self._ground.now_ms()
        if expires_ms is not None and expires_ms <= now_ms:
            raise InvalidValue("it would have expired already")
        text = PREFIX + base64.urlsafe_b64encode(self._ground.random_bytes(_OCTETS)).decode().rstrip("=")
        digest = (await self._digests.keys()).digest(_KIND, text)
        tenant = TenantId(0) if subject.tenant is None else subject.tenant
        key = ApiKey(
            self._ground.ids.new(), tenant, NOBODY, read_name(name), role, scope, read_networks(networks),
            now_ms, expires_ms, None, "",
        )  # fmt: skip

        async def work(tx: Transaction, change: Change) -> None:
            require(change.actor, await permissions_of(tx, role, tenant), subject)
            await tx.run(
                "INSERT INTO api_keys (id, tenant, account, name, digest, role, scope, scope_id, networks,"
                " created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                key.id, tenant, NOBODY, key.name, digest, role, scope.kind, scope.id,
                json.dumps(key.networks), now_ms, expires_ms,
            )  # fmt: skip
            change.record(
                "apikey.add",
                key.name,
                tenant=subject.tenant,
                new={
                    "role": role,
                    "scope": list(scope),
                    "networks": list(key.networks),
                    "expires_ms": expires_ms,
                },
            )

        await self._ground.changes.run(actor, work)
        return key, text

    async def listing(self, tenant: TenantId | None) -> list[ApiKey]:
        """The keys of a tenant by name; None: all keys there are."""

        async def work(tx: Transaction) -> list[ApiKey]:
            rows = await tx.rows(
                f"SELECT {_COLUMNS} FROM api_keys WHERE ?1 = 1 OR tenant = ?2 ORDER BY name, id",  # noqa: S608 - constants
                int(tenant is None),
                tenant or 0,
            )
            return [_read(row) for row in rows]

        return await self._ground.database.read(work)

    async def key(self, number: int) -> ApiKey:
        """One key.

        Raises:
            NotFound: there is no such key.
        """

        async def work(tx: Transaction) -> ApiKey:
            row = await tx.row(f"SELECT {_COLUMNS} FROM api_keys WHERE id = ?1", number)  # noqa: S608 - constants
            if row is None:
                raise NotFound("no such key")
            return _read(row)

        return await self._ground.database.read(work)

    async def remove(self, actor: Actor, number: int) -> None:
        """Take a key out of force.

        Raises:
            NotFound: there is no such key.
        """

        async def work(tx: Transaction, change: Change) -> None:
            rows = await tx.rows("DELETE FROM api_keys WHERE id = ?1 RETURNING name, tenant, role", number)
            if not rows:
                raise NotFound("no such key")
            name, tenant, role = rows[0]
            change.touch("api key", number)
            change.record(
                "apikey.remove", name, tenant=TenantId(tenant) if tenant else None, old={"role": role}
            )

        await self._ground.changes.run(actor, work)

    async def actor(self, text: str, peer: str) -> tuple[Actor, int]:
        """Say who acts with a key, and give its number; the caller counts failures (`Logins.api_actor`).

        Raises:
            Forbidden: it is no key, has expired, or is not for this network.
        """
        if not text.startswith(PREFIX) or len(text) > _LONGEST:
            raise Forbidden("no such key")
        found = await self._found.get((await self._digests.keys()).digest(_KIND, text))
        if found is None:
            raise Forbidden("no such key")
        key = found.key
        if key.has_expired(self._ground.now_ms()):
            raise Forbidden("no such key")
        if key.networks and not is_within(peer, key.networks):
            raise Forbidden("no such key")
        actor = Actor(
            name=f"apikey:{key.name}",
            tenant=key.tenant or None,
            peer=peer,
            grants=(found.grant,),
            api_key=key.id,
        )
        return actor, key.id


async def _load(tx: Transaction, digest: bytes, tags: set[int]) -> Found | None:
    row = await tx.row(f"SELECT {_COLUMNS} FROM api_keys WHERE digest = ?1", digest)  # noqa: S608 - constants
    return None if row is None else await _in_force(tx, _read(row), tags)


async def grants_in(tx: Transaction, number: int, now_ms: int) -> tuple[Grant, ...]:
    """What a key holds at a moment: nothing when it is gone or has expired, or whose it is may do nothing."""
    row = await tx.row(f"SELECT {_COLUMNS} FROM api_keys WHERE id = ?1", number)  # noqa: S608 - constants
    key = None if row is None else _read(row)
    if key is None or key.has_expired(now_ms):
        return ()
    found = await _in_force(tx, key, set())
    return () if found is None else (found.grant,)


async def forget_domain(tx: Transaction, change: Change, domain: int) -> None:
    """Remove the keys that reach one domain, which is removed."""
    for (number,) in await tx.rows(
        "DELETE FROM api_keys WHERE scope = 'domain' AND scope_id = ?1 RETURNING id", domain
    ):
        change.touch("api key", number)


async def _in_force(tx: Transaction, key: ApiKey, tags: set[int]) -> Found | None:
    """What a key may do; None when its tenant, domain or account may do nothing, or its role is gone."""
    tags.update((tag("api key", key.id), tag("role", key.role), tag("tenant", key.tenant)))
    of_tenant, domain, of_domain = await tx.row(_STATES, key.id) or (None, None, None)
    if key.tenant and of_tenant != standing.ACTIVE:
        return None
    if key.scope.kind == "domain":
        tags.add(tag("domain", domain))
        if of_domain != standing.ACTIVE:
            return None
    if key.account:
        holder = await standing.read(tx, key.account, tags)
        if holder is None or holder.state != standing.ACTIVE:
            return None
    try:
        permissions = await permissions_of(tx, key.role, key.tenant)
    except NotFound:  # the role was removed
        return None
    return Found(key, Grant(key.role, permissions, key.scope))


def _read(row: Row) -> ApiKey:
    number, tenant, account, name, role, scope, scope_id, networks, created_ms, expires_ms, used_ms, peer = (
        row
    )
    return ApiKey(
        number, TenantId(tenant), AccountId(account), name, role, Scope(scope, scope_id),
        tuple(json.loads(networks)), created_ms, expires_ms, used_ms, peer,
    )  # fmt: skip
