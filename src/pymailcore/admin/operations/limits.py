"""Limits of tenants, domains and accounts.

Who sets a limit must reach beyond what it is of: a tenant's are the installation's affair, a domain's the
tenant's, an account's the domain's; so nobody raises his own.
"""

from pymailcore.admin import finders
from pymailcore.admin.operation import Arguments, Call, Found, Operation, Record, read_address, read_domain
from pymailcore.base.errors import InvalidValue
from pymailcore.directory.permissions import Permission, Subject
from pymailcore.store.types import Transaction


class Named(Arguments):
    """What limits are of; exactly one of the three."""

    tenant: str | None = None
    domain: str | None = None
    account: str | None = None


class Set(Named, kw_only=True):
    """New values by the names of limits; None takes one away, what is not named stays."""

    limits: dict[str, int | None]


async def _show(call: Call, given: Named) -> Record:
    scope, name = _whose(given)
    found = await call.directory.limits.show(scope, name)
    return {"items": [{"limit": one.name, "value": one.value, "used": one.used} for one in found]}


async def _set(call: Call, given: Set) -> Record:
    scope, name = _whose(given)
    return {"changed": await call.directory.limits.set(call.actor, scope, name, given.limits)}


def _whose(given: Named) -> tuple[str, str]:
    chosen = [("tenant", given.tenant), ("domain", given.domain), ("account", given.account)]
    named = [(scope, name) for scope, name in chosen if name is not None]
    if len(named) != 1:
        raise InvalidValue("limits are of one tenant, one domain or one account")
    scope, name = named[0]
    if scope == "domain":
        return scope, read_domain(name)
    return scope, read_address(name).key if scope == "account" else name


async def _found(tx: Transaction, given: Named) -> Found:
    scope, name = _whose(given)
    if scope == "tenant":
        return await finders.tenant_named(tx, name)
    if scope == "domain":
        return await finders.domain_named(tx, name)
    return await finders.account_named(tx, name)


async def _above(tx: Transaction, given: Set) -> Found:
    """What a thing is part of."""
    thing, unknown, _ = await _found(tx, given)
    if thing is None:
        return Found(None, unknown)
    above = Subject()
    if given.tenant is None:
        above = Subject(thing.tenant, None if given.account is None else thing.domain)
    return Found(above, unknown, thing)


OPERATIONS = (
    Operation(name="limit.show", permission=Permission.LIMIT_READ, own=Permission.OWN_READ,
              arguments=Named, run=_show, finders=(_found,)),
    Operation(name="limit.set", permission=Permission.LIMIT_WRITE, arguments=Set, run=_set,
              finders=(_above,)),
)  # fmt: skip
"""All of this module."""
