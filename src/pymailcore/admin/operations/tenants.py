"""Tenants: who has domains and accounts here."""

from pymailcore.admin import finders
from pymailcore.admin.operation import Arguments, Call, Operation, Page, Record, moment, page
from pymailcore.directory.permissions import Permission
from pymailcore.directory.types import Tenant


class Named(Arguments):
    """One tenant."""

    tenant: str


class Add(Arguments):
    """A tenant that is to be made."""

    tenant: str
    display: str = ""


class Set(Arguments):
    """New values; None leaves a thing as it is."""

    tenant: str
    display: str | None = None
    state: str | None = None
    reason: str | None = None


async def _list(call: Call, given: Page) -> Record:
    found = await call.directory.tenants.page(call.view, after=given.after, limit=given.limit)
    return page([_record(tenant) for tenant in found], given.limit, "tenant")


async def _show(call: Call, given: Named) -> Record:
    return _record(await call.directory.tenants.get(given.tenant))


async def _add(call: Call, given: Add) -> Record:
    return _record(await call.directory.tenants.add(call.actor, given.tenant, display=given.display))


async def _set(call: Call, given: Set) -> Record:
    changed = await call.directory.tenants.set(
        call.actor, given.tenant, display=given.display, state=given.state, reason=given.reason
    )
    return _record(changed)


async def _remove(call: Call, given: Named) -> Record:
    tenant = await call.directory.tenants.close(call.actor, given.tenant)
    await call.queue.drop_tenant(tenant.id)
    await call.directory.tenants.remove(call.actor.settled(), given.tenant)
    await call.queue.drop_tenant(tenant.id)  # what came while it was being removed
    return {}


def _record(tenant: Tenant) -> Record:
    return {
        "tenant": tenant.name,
        "display": tenant.display,
        "state": tenant.state,
        "reason": tenant.reason,
        "created": moment(tenant.created_ms),
    }


OPERATIONS = (
    Operation(name="tenant.list", permission=Permission.TENANT_READ, arguments=Page, run=_list),
    Operation(name="tenant.show", permission=Permission.TENANT_READ, arguments=Named, run=_show,
              finders=(finders.tenant,)),
    Operation(name="tenant.add", permission=Permission.TENANT_WRITE, arguments=Add, run=_add,
              finders=(finders.installation,)),
    Operation(name="tenant.set", permission=Permission.TENANT_WRITE, arguments=Set, run=_set,
              finders=(finders.tenant,)),
    Operation(name="tenant.remove", permission=Permission.TENANT_WRITE, arguments=Named, run=_remove,
              finders=(finders.tenant,)),
)  # fmt: skip
"""All of this module."""
