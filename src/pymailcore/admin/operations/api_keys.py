"""Keys for programs that administer: each acts with one role on one scope."""

from pymailcore.admin import finders
from pymailcore.admin.operation import (
    Arguments,
    Call,
    Found,
    Operation,
    Record,
    maybe_moment,
    moment,
    read_moment,
)
from pymailcore.admin.operations.roles import scope_named, scope_of
from pymailcore.base.ids import TenantId, decode_id, encode_id
from pymailcore.directory.api_keys import ApiKey
from pymailcore.directory.permissions import Permission, Subject
from pymailcore.store.types import Transaction

KEY = "k"
"""First letter of the id of a key."""


class Some(Arguments):
    """Keys of a tenant, or all that one may see."""

    tenant: str | None = None


class Add(Arguments):
    """A key that is to be made: its role, on a tenant or a domain, or without either on the installation."""

    name: str
    role: str
    tenant: str | None = None
    domain: str | None = None
    networks: tuple[str, ...] = ()
    expires: str | None = None


class Remove(Arguments):
    """A key by the id that its list gives."""

    id: str


async def _list(call: Call, given: Some) -> Record:
    tenants: list[TenantId | None]
    if given.tenant is not None:
        tenants = [call.tenant]
    elif call.view.everything:
        tenants = [None]
    else:
        tenants = [TenantId(tenant) for tenant in sorted(call.view.tenants)]
    keys = [key for one in tenants for key in await call.directory.credentials.api_keys.listing(one)]
    return {"items": [_record(key) for key in keys]}


async def _add(call: Call, given: Add) -> Record:
    key, text = await call.directory.credentials.api_keys.add(
        call.actor,
        given.name,
        given.role,
        scope_of(call.subjects[0]),
        networks=given.networks,
        expires_ms=read_moment(given.expires),
    )
    return {**_record(key), "key": text}


async def _remove(call: Call, given: Remove) -> Record:
    await call.directory.credentials.api_keys.remove(call.actor, decode_id(KEY, given.id) or 0)
    return {}


async def _scope(tx: Transaction, given: Add) -> Found:
    return await scope_named(tx, given.tenant, given.domain)


async def _key(tx: Transaction, given: Remove) -> Found:
    row = await tx.row("SELECT tenant FROM api_keys WHERE id = ?1", decode_id(KEY, given.id) or 0)
    subject = None if row is None else Subject(TenantId(row[0]) if row[0] else None)
    return Found(subject, "no such key")


async def _named_tenant(tx: Transaction, given: Some) -> Found | None:
    return None if given.tenant is None else await finders.tenant_named(tx, given.tenant)


def _record(key: ApiKey) -> Record:
    return {
        "id": encode_id(KEY, key.id),
        "name": key.name,
        "role": key.role,
        "scope": key.scope.kind,
        "networks": list(key.networks),
        "created": moment(key.created_ms),
        "expires": maybe_moment(key.expires_ms),
        "last_used": maybe_moment(key.last_used_ms),
        "last_peer": key.last_peer,
    }


OPERATIONS = (
    Operation(name="apikey.list", permission=Permission.API_KEY_READ, arguments=Some, run=_list,
              filters=(_named_tenant,)),
    Operation(name="apikey.add", permission=Permission.API_KEY_WRITE, arguments=Add, run=_add,
              finders=(_scope,)),
    Operation(name="apikey.remove", permission=Permission.API_KEY_WRITE, arguments=Remove, run=_remove,
              finders=(_key,)),
)  # fmt: skip
"""All of this module."""
