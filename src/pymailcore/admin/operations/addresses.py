"""Addresses beside the accounts' own ones: aliases, wildcards, forwards, and who may write as whom."""

from pymailcore.admin import finders
from pymailcore.admin.operation import Arguments, Call, Found, Operation, Page, Record, read_address
from pymailcore.base.address import Address
from pymailcore.base.errors import NotFound
from pymailcore.directory.permissions import Permission
from pymailcore.store.types import Transaction

_BETWEEN = "\n"


class Some(Page):
    """Aliases of a domain, or all; `prefix`: how their addresses begin."""

    domain: str | None = None
    prefix: str = ""


class Alias(Arguments):
    """An address that stands for a target."""

    address: str
    target: str


class Shown(Arguments):
    """One address that stands for others."""

    address: str


class Remove(Arguments):
    """An alias; without a target all of the address."""

    address: str
    target: str | None = None


class Named(Arguments):
    """One account by its address."""

    account: str


class Forward(Arguments):
    """Where an account's mail also goes; without `keep_copy` it goes only there."""

    account: str
    target: str
    keep_copy: bool = True


class NoForward(Arguments):
    """A forward; without a target all of the account."""

    account: str
    target: str | None = None


class Right(Arguments):
    """That an account may write as an address: "send-as" or "on-behalf"."""

    account: str
    address: str
    kind: str = "send-as"


class NoRight(Arguments):
    """That it no longer may."""

    account: str
    address: str


async def _list(call: Call, given: Some) -> Record:
    address, _, target = given.after.partition(_BETWEEN)
    found = await call.directory.addresses.page(
        call.view, after=(address, target), limit=given.limit, domain=given.domain, prefix=given.prefix
    )
    items: list[Record] = [
        {"address": alias.address, "target": alias.target, "local": alias.local} for alias in found
    ]
    more = None
    if len(found) >= given.limit:
        more = read_address(found[-1].address).key + _BETWEEN + found[-1].target
    return {"items": items, "next": more}


async def _show(call: Call, given: Shown) -> Record:
    key = read_address(given.address).key
    found = await call.directory.addresses.page(call.view, prefix=key)
    targets = [one.target for one in found if read_address(one.address).key == key]
    if not targets:
        raise NotFound(f"no alias {given.address}")
    return {"address": given.address, "targets": targets}


async def _add(call: Call, given: Alias) -> Record:
    await call.directory.addresses.add(call.actor, read_address(given.address), read_address(given.target))
    return {}


async def _remove(call: Call, given: Remove) -> Record:
    await call.directory.addresses.remove(call.actor, read_address(given.address), _maybe(given.target))
    return {}


async def _forwards(call: Call, given: Named) -> Record:
    found = await call.directory.forwards.of(read_address(given.account))
    return {"items": [{"target": one.target, "keep_copy": one.keep_copy} for one in found]}


async def _forward(call: Call, given: Forward) -> Record:
    await call.directory.forwards.set(
        call.actor, read_address(given.account), read_address(given.target), keep_copy=given.keep_copy
    )
    return {}


async def _no_forward(call: Call, given: NoForward) -> Record:
    await call.directory.forwards.remove(call.actor, read_address(given.account), _maybe(given.target))
    return {}


async def _rights(call: Call, given: Named) -> Record:
    found = await call.directory.send_rights.held_by(read_address(given.account))
    return {"items": [{"address": right.address, "kind": right.kind} for right in found]}


async def _right(call: Call, given: Right) -> Record:
    await call.directory.send_rights.grant(
        call.actor, read_address(given.account), read_address(given.address), given.kind
    )
    return {}


async def _no_right(call: Call, given: NoRight) -> Record:
    await call.directory.send_rights.revoke(
        call.actor, read_address(given.account), read_address(given.address)
    )
    return {}


def _maybe(text: str | None) -> Address | None:
    return None if text is None else read_address(text)


async def _named_domain(tx: Transaction, given: Some) -> Found | None:
    return await finders.maybe_domain(tx, given.domain)


def _address(given: finders.OfAddress) -> tuple[Address]:
    return (read_address(given.address),)


_FORWARD = Permission.FORWARD_WRITE
_OWN = Permission.OWN_FORWARD

OPERATIONS = (
    Operation(name="alias.list", permission=Permission.ALIAS_READ, arguments=Some, run=_list,
              filters=(_named_domain,)),
    Operation(name="alias.show", permission=Permission.ALIAS_READ, arguments=Shown, run=_show,
              finders=(finders.domain_of_address,)),
    Operation(name="alias.add", permission=Permission.ALIAS_WRITE, arguments=Alias, run=_add,
              finders=(finders.domain_of_address,), takes=_address),
    Operation(name="alias.remove", permission=Permission.ALIAS_WRITE, arguments=Remove, run=_remove,
              finders=(finders.domain_of_address,), takes=_address),
    Operation(name="forward.list", permission=Permission.FORWARD_READ, own=_OWN, arguments=Named,
              run=_forwards, finders=(finders.account,)),
    Operation(name="forward.set", permission=_FORWARD, own=_OWN, arguments=Forward, run=_forward,
              finders=(finders.account,), guarded=True),
    Operation(name="forward.remove", permission=_FORWARD, own=_OWN, arguments=NoForward, run=_no_forward,
              finders=(finders.account,), guarded=True),
    Operation(name="send-right.list", permission=Permission.ALIAS_READ, own=Permission.OWN_READ,
              arguments=Named, run=_rights, finders=(finders.account,)),
    Operation(name="send-right.grant", permission=Permission.ALIAS_WRITE, arguments=Right, run=_right,
              finders=(finders.account, finders.domain_of_address), guarded=True, takes=_address),
    Operation(name="send-right.revoke", permission=Permission.ALIAS_WRITE, arguments=NoRight, run=_no_right,
              finders=(finders.account,)),
)  # fmt: skip
"""All of this module."""
