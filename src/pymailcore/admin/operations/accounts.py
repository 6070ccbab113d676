"""Accounts: who has mail here."""

from pymailcore.admin import finders
from pymailcore.admin.operation import (
    Arguments,
    Call,
    Found,
    Operation,
    Page,
    Record,
    maybe_moment,
    moment,
    page,
    read_address,
)
from pymailcore.base.address import Address
from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.base.ids import ACCOUNT, encode_id
from pymailcore.directory.account_making import NewAccount
from pymailcore.directory.accounts import Changed
from pymailcore.directory.permissions import Permission
from pymailcore.directory.sending_holds import Block
from pymailcore.directory.types import Account
from pymailcore.queue.queue import Check
from pymailcore.store.types import Transaction


class Some(Page):
    """Accounts of a tenant or domain, or all; `prefix`: how their addresses begin."""

    tenant: str | None = None
    domain: str | None = None
    prefix: str = ""


class Named(Arguments):
    """One account by its address."""

    account: str


class Add(Arguments):
    """An account that is to be made.

    Attributes:
        password: None for an account that nobody signs in to with one yet.
        verifier: instead of it a password hash that another program has made.
        kind: "personal", "shared" or "resource".
    """

    account: str
    password: str | None = None
    verifier: str | None = None
    full_name: str = ""
    kind: str = "personal"


class Set(Arguments):
    """New values; None leaves a thing as it is."""

    account: str
    full_name: str | None = None
    kind: str | None = None
    state: str | None = None
    reason: str | None = None
    send_blocked: bool | None = None


class Rename(Arguments):
    """Another address; `keep_alias`: mail to the old one goes on to come."""

    account: str
    to: str
    keep_alias: bool = False


class Password(Arguments):
    """A new password, or a password hash that another program has made; with neither it is taken away."""

    account: str
    password: str | None = None
    verifier: str | None = None


async def _list(call: Call, given: Some) -> Record:
    found = await call.directory.accounts.page(
        call.view,
        after=given.after,
        limit=given.limit,
        tenant=call.tenant if given.tenant is not None else None,
        domain=given.domain,
        prefix=given.prefix,
    )
    return page([record_of(account) for account in found], given.limit, "name")


async def _show(call: Call, given: Named) -> Record:
    found = await call.directory.accounts.get(read_address(given.account))
    addresses = await call.directory.addresses_of(found.id)
    block = await call.directory.accounts.block(found.id)
    return record_of(found) | {
        "sending_block": None if block is None else _block(block),
        "addresses": [str(one) for one in addresses],
    }


def _block(block: Block) -> Record:
    return {
        "automatic": block.is_automatic,
        "by": block.by or None,
        "since": maybe_moment(block.since_ms or None),
        "why": block.why,
    }


async def _add(call: Call, given: Add) -> Record:
    _require_one(given.password, given.verifier)
    address, accounts = read_address(given.account), call.directory.accounts
    if given.verifier is None:
        return record_of(
            await accounts.add(
                call.actor, address, given.password, full_name=given.full_name, kind=given.kind
            )
        )
    secret = call.directory.credentials.imported(given.verifier)
    new = NewAccount(address, secret, given.full_name, given.kind)
    (outcome,) = await accounts.add_many(call.actor, [new])
    if outcome.account is None:
        raise outcome.fault or NotFound(f"no account {address}")
    return record_of(outcome.account)


async def _set(call: Call, given: Set) -> Record:
    changed = Changed(given.full_name, given.kind, given.state, given.reason, given.send_blocked)
    account = await call.directory.accounts.set(call.actor, read_address(given.account), changed)
    if given.send_blocked:
        await call.queue.hold(account.id)
    elif given.send_blocked is not None:
        await call.queue.resume()
    return record_of(account)


async def _rename(call: Call, given: Rename) -> Record:
    renamed = await call.directory.accounts.rename(
        call.actor, read_address(given.account), read_address(given.to), keep_alias=given.keep_alias
    )
    return record_of(renamed)


async def _remove(call: Call, given: Named) -> Record:
    return {"dropped": await remove(call, read_address(given.account))}


async def remove(call: Call, address: Address) -> int:
    """Remove an account, and what waits of it in the queue; gives how many recipients that had."""
    account = await call.directory.accounts.close(call.actor, address)
    actor = call.actor.settled()

    def note(count: int) -> Check:
        return call.directory.audit.beside(
            actor, "queue.drop", f"from {account.name}", tenant=account.tenant, new={"recipients": count}
        )

    dropped = await call.queue.drop_account(account.id, note)
    await call.directory.accounts.end(account)
    return dropped + await call.queue.drop_account(account.id, note)  # what was on its way there


async def _password(call: Call, given: Password) -> Record:
    _require_one(given.password, given.verifier)
    credentials = call.directory.credentials
    if given.password is not None:
        await credentials.set_password(call.actor, call.account, given.password)
    elif given.verifier is not None:
        await credentials.set_imported(call.actor, call.account, given.verifier)
    else:
        await credentials.remove_password(call.actor, call.account)
    return {}


def _require_one(password: str | None, verifier: str | None) -> None:
    if password is not None and verifier is not None:
        raise InvalidValue("give a password or a verifier, not both")


async def _named_tenant(tx: Transaction, given: Some) -> Found | None:
    return None if given.tenant is None else await finders.tenant_named(tx, given.tenant)


async def _named_domain(tx: Transaction, given: Some) -> Found | None:
    return await finders.maybe_domain(tx, given.domain)


async def _new_domain(tx: Transaction, given: Rename) -> Found:
    return await finders.domain_named(tx, read_address(given.to).domain)


def record_of(account: Account) -> Record:
    """An account as operations give it."""
    return {
        "id": encode_id(ACCOUNT, account.id),
        "name": account.name,
        "address": account.display,
        "full_name": account.full_name,
        "kind": account.kind,
        "state": account.state,
        "reason": account.reason,
        "send_blocked": account.send_blocked,
        "created": moment(account.created_ms),
    }


OPERATIONS = (
    Operation(name="account.list", permission=Permission.ACCOUNT_READ, arguments=Some, run=_list,
              filters=(_named_tenant, _named_domain)),
    Operation(name="account.show", permission=Permission.ACCOUNT_READ, own=Permission.OWN_READ,
              arguments=Named, run=_show, finders=(finders.account,)),
    Operation(name="account.add", permission=Permission.ACCOUNT_CREATE, arguments=Add, run=_add,
              finders=(finders.domain_of_account,), takes=lambda given: (read_address(given.account),)),
    Operation(name="account.set", permission=Permission.ACCOUNT_WRITE, arguments=Set, run=_set,
              finders=(finders.account,), guarded=True),
    Operation(name="account.rename", permission=Permission.ACCOUNT_WRITE, arguments=Rename, run=_rename,
              finders=(finders.account, _new_domain), guarded=True,
              takes=lambda given: (read_address(given.to),)),
    Operation(name="account.remove", permission=Permission.ACCOUNT_REMOVE, arguments=Named, run=_remove,
              finders=(finders.account,), guarded=True),
    Operation(name="account.password", permission=Permission.ACCOUNT_PASSWORD, arguments=Password,
              run=_password, finders=(finders.account,), guarded=True),
)  # fmt: skip
"""All of this module. Changing one's own password takes the old one too, and is part of signing in."""
