"""Roles: what they are, and who holds them."""

from pymailcore.admin import finders
from pymailcore.admin.operation import Arguments, Call, Found, Operation, Record, moment, read_domain
from pymailcore.base.errors import InvalidValue
from pymailcore.directory.permissions import INSTALLATION, Permission, Scope, Subject
from pymailcore.directory.roles import Role
from pymailcore.store.types import Transaction


class OfTenant(Arguments):
    """The roles that a tenant has; those of the installation without one."""

    tenant: str | None = None


class Named(Arguments):
    """A role of a tenant, or of the installation."""

    role: str
    tenant: str | None = None


class Set(Arguments):
    """A role and its permissions."""

    role: str
    permissions: list[str]
    tenant: str | None = None


class Holders(Arguments):
    """Who holds roles; of one account, or of all."""

    account: str | None = None


class Grant(Arguments):
    """A role of an account, on a tenant or a domain, or without either on the installation."""

    account: str
    role: str
    tenant: str | None = None
    domain: str | None = None


async def _list(call: Call, _given: OfTenant) -> Record:
    return {"items": [_record(role) for role in await call.directory.roles.listing(call.tenant)]}


async def _add(call: Call, given: Set) -> Record:
    return await _keep(call, given, add=True)


async def _set(call: Call, given: Set) -> Record:
    return await _keep(call, given, add=False)


async def _keep(call: Call, given: Set, *, add: bool) -> Record:
    roles = call.directory.roles
    return _record(await roles.set_role(call.actor, call.tenant, given.role, given.permissions, add=add))


async def _remove(call: Call, given: Named) -> Record:
    await call.directory.roles.remove_role(call.actor, call.tenant, given.role)
    return {}


async def _holders(call: Call, given: Holders) -> Record:
    account = None if given.account is None else call.account
    held = await call.directory.roles.holders(call.view, account=account)
    items: list[Record] = [
        {
            "account": one.account,
            "role": one.role,
            "scope": one.scope.kind,
            "on": one.on,
            "created": moment(one.created_ms),
        }
        for one in held
    ]
    return {"items": items}


async def _grant(call: Call, given: Grant) -> Record:
    await call.directory.roles.grant(call.actor, call.account, given.role, scope_of(call.subjects[1]))
    return {}


async def _revoke(call: Call, given: Grant) -> Record:
    await call.directory.roles.revoke(call.actor, call.account, given.role, scope_of(call.subjects[1]))
    return {}


async def scope_named(tx: Transaction, tenant: str | None, domain: str | None) -> Found:
    """What a role is to reach: a tenant, a domain, or without either the installation."""
    if tenant is not None and domain is not None:
        raise InvalidValue("a role is held on a tenant or on a domain, not on both")
    if domain is not None:
        return await finders.domain_named(tx, read_domain(domain))
    return Found(Subject(), "") if tenant is None else await finders.tenant_named(tx, tenant)


async def _scope(tx: Transaction, given: Grant) -> Found:
    return await scope_named(tx, given.tenant, given.domain)


def scope_of(subject: Subject) -> Scope:
    """The scope that reaches a tenant, a domain or the installation."""
    if subject.domain is not None:
        return Scope.domain(subject.domain)
    return INSTALLATION if subject.tenant is None else Scope.tenant(subject.tenant)


async def _named_account(tx: Transaction, given: Holders) -> Found | None:
    return None if given.account is None else await finders.account_named(tx, given.account)


def _record(role: Role) -> Record:
    return {
        "role": role.name,
        "built_in": role.built_in,
        "of_tenant": role.tenant is not None,
        "permissions": sorted(str(one) for one in role.permissions),
    }


OPERATIONS = (
    Operation(name="role.list", permission=Permission.ROLE_READ, arguments=OfTenant, run=_list,
              finders=(finders.maybe_tenant,)),
    Operation(name="role.add", permission=Permission.ROLE_WRITE, arguments=Set, run=_add,
              finders=(finders.maybe_tenant,)),
    Operation(name="role.set", permission=Permission.ROLE_WRITE, arguments=Set, run=_set,
              finders=(finders.maybe_tenant,)),
    Operation(name="role.remove", permission=Permission.ROLE_WRITE, arguments=Named, run=_remove,
              finders=(finders.maybe_tenant,)),
    Operation(name="role.holders", permission=Permission.ROLE_READ, arguments=Holders, run=_holders,
              filters=(_named_account,)),
    Operation(name="role.grant", permission=Permission.ROLE_GRANT, arguments=Grant, run=_grant,
              finders=(finders.account, _scope)),
    Operation(name="role.revoke", permission=Permission.ROLE_GRANT, arguments=Grant, run=_revoke,
              finders=(finders.account, _scope)),
)  # fmt: skip
"""All of this module."""
