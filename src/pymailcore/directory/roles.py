"""Roles: the built-in ones and own ones, who holds which, and that nobody hands on what he lacks himself.

Contract: whoever makes, widens, gives or takes a role, or changes the credentials of somebody who holds
one, has himself every permission in it, everywhere it reaches. What somebody holds is read once and
remembered until it changes.
"""

import contextlib
import json
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotEmpty, NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.actors import Actor
from pymailcore.directory.audit import Fields
from pymailcore.directory.cache import tag
from pymailcore.directory.changes import Change
from pymailcore.directory.ground import Ground
from pymailcore.directory.permissions import (
    ADMINISTRATORS,
    BUILT_IN,
    INSTALLATION,
    USER,
    Grant,
    Permission,
    Scope,
    Subject,
    View,
    lacking,
)
from pymailcore.directory.types import Principal
from pymailcore.store.types import Row, Transaction

INSTALLATION_ROLES: Final = TenantId(0)
"""What roles of the whole installation have for a tenant."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_HELD: Final = (
    "SELECT g.account, a.name, g.role, g.scope, g.scope_id, coalesce(t.name, d.name, ''), r.permissions,"
    " g.created_ms"
    " FROM role_grants g JOIN accounts a ON a.id = g.account"
    " LEFT JOIN tenants t ON g.scope = 'tenant' AND t.id = g.scope_id"
    " LEFT JOIN domains d ON g.scope = 'domain' AND d.id = g.scope_id"
    " LEFT JOIN roles r ON r.name = g.role AND r.tenant IN (a.tenant, 0)"
)
_HELD_IN_VIEW: Final = (
    _HELD  # noqa: S608 - constants
    + " WHERE (?1 = 1 OR a.tenant IN (SELECT value FROM json_each(?2))"
    " OR a.domain IN (SELECT value FROM json_each(?3)))"
    " AND (?1 = 1 OR t.id IN (SELECT value FROM json_each(?2))"
    " OR d.tenant IN (SELECT value FROM json_each(?2))"
    " OR d.id IN (SELECT value FROM json_each(?3))) AND (?4 = 0 OR g.account = ?4)"
    " ORDER BY a.name, g.role, g.scope, g.scope_id"
)
_GIVEN: Final = frozenset(one.value for one in Permission if not one.startswith("own."))
_FIND: Final = "SELECT 1 FROM role_grants WHERE account = ?1 AND role = ?2 AND scope = ?3 AND scope_id = ?4"
_DELETE: Final = "DELETE FROM role_grants WHERE account = ?1 AND role = ?2 AND scope = ?3 AND scope_id = ?4"
_HOLDERS: Final = (
    "SELECT 1 FROM role_grants WHERE role = ?1"
    " AND account IN (SELECT id FROM accounts WHERE ?2 = 0 OR tenant = ?2) LIMIT 1"
)


class Role(NamedTuple):
    """A role; `tenant` is None for those of the installation, `built_in` for those that cannot be changed."""

    name: str
    tenant: TenantId | None
    permissions: frozenset[Permission]
    built_in: bool


class Held(NamedTuple):
    """That an account holds a role; `on` names the tenant or domain, and is empty for the installation."""

    account: str
    role: str
    scope: Scope
    on: str
    created_ms: int


class Roles:
    """Roles of one installation, and who holds them."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._grants = ground.lookup(grants_in)

    async def grants_of(self, account: AccountId) -> tuple[Grant, ...]:
        """What an account holds beside what everybody holds on the own account."""
        return await self._grants.get(account)

    async def actor(self, principal: Principal, *, peer: str) -> Actor:
        """Somebody who has signed in, as one who acts."""
        return Actor.owner(
            principal.name,
            principal.account,
            principal.tenant,
            peer=peer,
            grants=await self.grants_of(principal.account),
        )

    # --- roles -----------------------------------------------------------------------------------

    async def listing(self, tenant: TenantId | None) -> list[Role]:
        """The built-in roles, those of the installation, and those of a tenant, by name."""

        async def work(tx: Transaction) -> list[Row]:
            return await tx.rows(
                "SELECT name, tenant, permissions FROM roles WHERE tenant = 0 OR tenant = ?1 ORDER BY name",
                INSTALLATION_ROLES if tenant is None else tenant,
            )

        own = [_role(row) for row in await self._ground.database.read(work)]
        return [Role(name, None, held, True) for name, held in BUILT_IN.items() if name != USER] + own

    async def set_role(
        self, actor: Actor, tenant: TenantId | None, name: str, permissions: Iterable[str], *, add: bool
    ) -> Role:
        """Make a role of a tenant (None: of the installation), or give it other permissions.

        Raises:
            InvalidValue: no name of a role, or no permission.
            AlreadyExists, NotFound: it is there already; there is none.
            Forbidden: the actor lacks a permission that the role has, or had.
        """
        if not _NAME.match(name) or name in BUILT_IN:
            raise InvalidValue(
                f"{name!r} is no name for a role: small letters, digits, dashes, none built in"
            )
        wanted = read_permissions(permissions)
        number, now_ms = self._ground.ids.new(), self._ground.now_ms()
        owner = INSTALLATION_ROLES if tenant is None else tenant

        async def work(tx: Transaction, change: Change) -> None:
            old = await _own_role(tx, owner, name)
            if add:
                await _require_free(tx, owner, name)
            elif old is None:
                raise NotFound(f"no role {name}")
            require(change.actor, wanted | (old or frozenset()), Subject(tenant))
            await tx.run(
                "INSERT INTO roles (id, tenant, name, permissions, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
                " ON CONFLICT (tenant, name) DO UPDATE SET permissions = excluded.permissions",
                number, owner, name, json.dumps(sorted(wanted)), now_ms,
            )  # fmt: skip
            change.touch("role", name)
            change.record(
                "role.add" if add else "role.set", name, tenant=tenant,
                old=None if old is None else {"permissions": sorted(old)},
                new={"permissions": sorted(wanted)},
            )  # fmt: skip

        await self._ground.changes.run(actor, work)
        return Role(name, tenant, wanted, False)

    async def remove_role(self, actor: Actor, tenant: TenantId | None, name: str) -> None:
        """Remove a role that nobody holds.

        Raises:
            NotFound: there is none, or it is built in.
            NotEmpty: somebody, or an API key, has it.
            Forbidden: the actor lacks a permission that it has.
        """
        owner = INSTALLATION_ROLES if tenant is None else tenant

        async def work(tx: Transaction, change: Change) -> None:
            old = await _own_role(tx, owner, name)
            if old is None:
                raise NotFound(f"no role {name}")
            require(change.actor, old, Subject(tenant))
            held = await tx.row(_HOLDERS, name, owner)
            keys = await tx.row(
                "SELECT 1 FROM api_keys WHERE role = ?1 AND (?2 = 0 OR tenant = ?2) LIMIT 1", name, owner
            )
            if held is not None or keys is not None:
                raise NotEmpty(f"the role {name} is held by somebody")
            await tx.run("DELETE FROM roles WHERE tenant = ?1 AND name = ?2", owner, name)
            change.touch("role", name)
            change.record("role.remove", name, tenant=tenant, old={"permissions": sorted(old)})

        await self._ground.changes.run(actor, work)

    # --- who holds them --------------------------------------------------------------------------

    async def holders(self, view: View, *, account: AccountId | None = None) -> list[Held]:
        """Who holds which role, by account: accounts of the view, and what they hold within it."""

        async def work(tx: Transaction) -> list[Row]:
            return await tx.rows(
                _HELD_IN_VIEW,
                int(view.everything), json.dumps(sorted(view.tenants)), json.dumps(sorted(view.domains)),
                account or 0,
            )  # fmt: skip

        rows = await self._ground.database.read(work)
        return [Held(row[1], row[2], Scope(row[3], row[4]), row[5], row[7]) for row in rows]

    async def grant(self, actor: Actor, account: AccountId, role: str, scope: Scope) -> None:
        """Give an account a role on the installation, a tenant or a domain.

        Raises:
            NotFound: no such account, role, tenant or domain.
            AlreadyExists: it holds that.
            Forbidden: the actor lacks a permission of the role there.
        """
        now_ms = self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> None:
            name, tenant, permissions, on = await _look(tx, account, role, scope)
            require(change.actor, permissions, on)
            if await tx.row(_FIND, account, role, *scope) is not None:
                raise AlreadyExists(f"{name} holds the role {role} there")
            await tx.run(
                "INSERT INTO role_grants (account, role, scope, scope_id, created_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5)",
                account, role, *scope, now_ms,
            )  # fmt: skip
            _note(change, role, account, tenant)
            change.record("role.grant", name, tenant=tenant, new=_as_fields(role, scope))

        await self._ground.changes.run(actor, work)

    async def revoke(self, actor: Actor, account: AccountId, role: str, scope: Scope) -> None:
        """Take a role from an account.

        Raises:
            NotFound: it does not hold that.
            Forbidden: the actor lacks a permission of the role there.
        """

        async def work(tx: Transaction, change: Change) -> None:
            name, tenant, permissions, on = await _look(tx, account, role, scope)
            require(change.actor, permissions, on)
            if not await tx.run(_DELETE, account, role, *scope):
                raise NotFound(f"{name} does not hold the role {role} there")
            _note(change, role, account, tenant)
            change.record("role.revoke", name, tenant=tenant, old=_as_fields(role, scope))

        await self._ground.changes.run(actor, work)

    async def on(self, scope: Scope) -> Subject:
        """What a scope reaches, as a subject.

        Raises:
            NotFound: no such tenant or domain.
        """

        async def work(tx: Transaction) -> Subject:
            return await _subject(tx, scope)

        return await self._ground.database.read(work)


def read_permissions(names: Iterable[str]) -> frozenset[Permission]:
    """Read the names of permissions; those of the own account are everybody's and part of no role.

    Raises:
        InvalidValue: one is none.
    """
    found = set()
    for name in names:
        if name not in _GIVEN:
            raise InvalidValue(f"{name!r} is no permission that a role can have")
        found.add(Permission(name))
    return frozenset(found)


def require(actor: Actor, permissions: frozenset[Permission], subject: Subject) -> None:
    """Refuse what would hand on, or take over, more than the actor has.

    Args:
        actor: as he stands in the transaction (`Change.actor`).

    Raises:
        Forbidden: he lacks one of the permissions there.
    """
    missing = lacking(actor.grants, permissions, subject)
    if missing is not None:
        raise Forbidden(f"that takes the permission {missing} there, which you do not have")


async def guard(tx: Transaction, actor: Actor, account: AccountId) -> None:
    """Refuse to take over somebody who may more: the actor has to hold all that the account holds.

    Raises:
        Forbidden: he lacks something of it.
    """
    for grant in await grants_in(tx, account, set()):
        with contextlib.suppress(NotFound):  # what it reached is gone
            require(actor, grant.permissions, await _subject(tx, grant.scope))


async def permissions_of(tx: Transaction, role: str, tenant: TenantId) -> frozenset[Permission]:
    """What a role means to accounts and keys of a tenant.

    Raises:
        NotFound: there is no such role there.
    """
    if role in BUILT_IN and role != USER:
        return BUILT_IN[role]
    row = await tx.row(
        "SELECT permissions FROM roles WHERE name = ?1 AND tenant IN (0, ?2) ORDER BY tenant LIMIT 1",
        role,
        tenant,
    )
    if row is None:
        raise NotFound(f"no role {role}")
    return _read(row[0])


async def grants_in(tx: Transaction, account: AccountId, tags: set[int]) -> tuple[Grant, ...]:
    """Read what an account holds beside what everybody holds on the own account."""
    tags.add(tag("account", account))
    rows = await tx.rows(f"{_HELD} WHERE g.account = ?1 ORDER BY g.role, g.scope, g.scope_id", account)
    tags.update(tag("role", row[2]) for row in rows)
    return tuple(
        [
            Grant(row[2], held, Scope(row[3], row[4]))
            for row in rows
            if (held := BUILT_IN.get(row[2]) or (None if row[6] is None else _read(row[6]))) is not None
        ]
    )


async def _look(
    tx: Transaction, account: AccountId, role: str, scope: Scope
) -> tuple[str, TenantId, frozenset[Permission], Subject]:
    """Name and tenant of an account, what a role would let it do, and to whom."""
    row = await tx.row("SELECT name, tenant FROM accounts WHERE id = ?1", account)
    if row is None:
        raise NotFound("no such account")
    on = await _subject(tx, scope)
    own = await tx.row("SELECT 1 FROM roles WHERE name = ?1 AND tenant = ?2", role, row[1])
    if own is not None and on.tenant != row[1]:
        raise InvalidValue(f"the role {role} is of one tenant and cannot reach beyond it")
    return row[0], TenantId(row[1]), await permissions_of(tx, role, TenantId(row[1])), on


async def _subject(tx: Transaction, scope: Scope) -> Subject:
    if scope == INSTALLATION:
        return Subject()
    if scope.kind == "tenant":
        row = await tx.row("SELECT id, NULL FROM tenants WHERE id = ?1", scope.id)
    else:
        row = await tx.row("SELECT tenant, id FROM domains WHERE id = ?1", scope.id)
    if row is None:
        raise NotFound(f"no such {scope.kind}")
    return Subject(TenantId(row[0]), row[1])


async def _own_role(tx: Transaction, owner: TenantId, name: str) -> frozenset[Permission] | None:
    row = await tx.row("SELECT permissions FROM roles WHERE tenant = ?1 AND name = ?2", owner, name)
    return None if row is None else _read(row[0])


async def _require_free(tx: Transaction, owner: TenantId, name: str) -> None:
    """A name means one thing to a tenant: one of its own is none of the installation's, and the other way."""
    taken = await tx.row(
        "SELECT 1 FROM roles WHERE name = ?1 AND (tenant IN (0, ?2) OR ?2 = 0) LIMIT 1", name, owner
    )
    if taken is not None:
        raise AlreadyExists(f"there is a role {name} already")


def _note(change: Change, role: str, account: AccountId, tenant: TenantId) -> None:
    change.touch("account", account)
    if role in ADMINISTRATORS:  # they get the mail of postmaster
        change.touch("roles", tenant)
        change.touch("roles", 0)


def _as_fields(role: str, scope: Scope) -> Fields:
    return {"role": role, "scope": scope.kind, "id": scope.id}


def _read(text: str) -> frozenset[Permission]:
    """The permissions of a role; what only a newer version knows is none."""
    return frozenset(Permission(name) for name in json.loads(text) if name in _GIVEN)


def _role(row: Row) -> Role:
    return Role(row[0], TenantId(row[1]) if row[1] else None, _read(row[2]), False)
