"""Domains: those whose mail is kept here, and those that somebody says are his."""

from pymailcore.admin import finders
from pymailcore.admin.operation import (
    Arguments,
    Call,
    Found,
    Operation,
    Page,
    Record,
    moment,
    page,
    read_domain,
)
from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.directory.names import shown_domain
from pymailcore.directory.permissions import Permission
from pymailcore.directory.types import Domain
from pymailcore.store.types import Transaction

_BETWEEN = "\n"


class Some(Page):
    """Domains of a tenant, or all."""

    tenant: str | None = None


class Named(Arguments):
    """One domain."""

    domain: str


class OfTenant(Arguments):
    """A domain, and whose it is to be."""

    domain: str
    tenant: str = "default"


class Set(Arguments):
    """New values; None leaves a thing as it is. `alias_of`: whose addresses it has, too; "" for nobody's."""

    domain: str
    alias_of: str | None = None


class State(Arguments):
    """Whether a domain is "active" or "suspended"."""

    domain: str
    state: str


async def _list(call: Call, given: Some) -> Record:
    tenant = call.tenant if given.tenant is not None else None
    found = await call.directory.domains.page(call.view, after=given.after, limit=given.limit, tenant=tenant)
    return page([_record(domain) for domain in found], given.limit, "domain")


async def _claims(call: Call, given: Page) -> Record:
    domain, _, tenant = given.after.partition(_BETWEEN)
    found = await call.directory.claims.page(call.view, after=(domain, tenant), limit=given.limit)
    items: list[Record] = [
        {
            "domain": claim.name,
            "tenant": claim.claimant,
            "challenge": claim.challenge,
            "created": moment(claim.created_ms),
        }
        for claim in found
    ]
    more = f"{found[-1].name}{_BETWEEN}{found[-1].claimant}" if len(found) >= given.limit else None
    return {"items": items, "next": more}


async def _show(call: Call, given: Named) -> Record:
    return _record(await call.directory.domains.get(given.domain))


async def _add(call: Call, given: OfTenant) -> Record:
    return _record(await call.directory.domains.add(call.actor, given.domain, tenant=_tenant(call)))


async def _claim(call: Call, given: OfTenant) -> Record:
    claim = await call.directory.claims.make(call.actor, given.domain, tenant=_tenant(call))
    return {"domain": claim.name, "challenge": claim.challenge, "created": moment(claim.created_ms)}


async def _verify(call: Call, given: OfTenant) -> Record:
    if call.records is None:
        raise TemporaryFailure("the DNS cannot be asked here")
    domain = await call.directory.claims.verify(
        call.actor, given.domain, tenant=_tenant(call), records=call.records
    )
    return _record(domain)


async def _vouch(call: Call, given: OfTenant) -> Record:
    return _record(await call.directory.claims.verify(call.actor, given.domain, tenant=_tenant(call)))


async def _withdraw(call: Call, given: OfTenant) -> Record:
    await call.directory.claims.withdraw(call.actor, given.domain, tenant=_tenant(call))
    return {}


async def _set(call: Call, given: Set) -> Record:
    return _record(await call.directory.domains.set(call.actor, given.domain, alias_of=given.alias_of))


async def _state(call: Call, given: State) -> Record:
    return _record(await call.directory.domains.set(call.actor, given.domain, state=given.state))


async def _remove(call: Call, given: Named) -> Record:
    await call.directory.domains.remove(call.actor, given.domain)
    return {}


async def _named_tenant(tx: Transaction, given: Some) -> Found | None:
    return None if given.tenant is None else await finders.tenant_named(tx, given.tenant)


async def _other(tx: Transaction, given: Set) -> Found | None:
    return None if not given.alias_of else await finders.domain_named(tx, read_domain(given.alias_of))


def _tenant(call: Call) -> TenantId:
    return DEFAULT_TENANT if call.tenant is None else call.tenant


def _record(domain: Domain) -> Record:
    return {
        "domain": domain.name,
        "display": shown_domain(domain.name),
        "state": domain.state,
        "alias_of": domain.alias_of,
        "verified_by": domain.verified_by,
        "created": moment(domain.created_ms),
    }


_CREATE = Permission.DOMAIN_CREATE

OPERATIONS = (
    Operation(name="domain.list", permission=Permission.DOMAIN_READ, arguments=Some, run=_list,
              filters=(_named_tenant,)),
    Operation(name="domain.claims", permission=_CREATE, arguments=Page, run=_claims),
    Operation(name="domain.show", permission=Permission.DOMAIN_READ, arguments=Named, run=_show,
              finders=(finders.domain,)),
    Operation(name="domain.add", permission=Permission.DOMAIN_VOUCH, arguments=OfTenant, run=_add,
              finders=(finders.tenant,)),
    Operation(name="domain.claim", permission=_CREATE, arguments=OfTenant, run=_claim,
              finders=(finders.tenant,)),
    Operation(name="domain.verify", permission=_CREATE, arguments=OfTenant, run=_verify,
              finders=(finders.tenant,)),
    Operation(name="domain.vouch", permission=Permission.DOMAIN_VOUCH, arguments=OfTenant, run=_vouch,
              finders=(finders.tenant,)),
    Operation(name="domain.withdraw", permission=_CREATE, arguments=OfTenant, run=_withdraw,
              finders=(finders.tenant,)),
    Operation(name="domain.set", permission=Permission.DOMAIN_WRITE, arguments=Set, run=_set,
              finders=(finders.domain,), filters=(_other,)),
    Operation(name="domain.state", permission=Permission.DOMAIN_SUSPEND, arguments=State, run=_state,
              finders=(finders.domain,)),
    Operation(name="domain.remove", permission=Permission.DOMAIN_REMOVE, arguments=Named, run=_remove,
              finders=(finders.domain,)),
)  # fmt: skip
"""All of this module."""
