"""Accounts by the hundred: what addresses stand for already, and making many accounts of one domain."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
import trio

from pymailcore.admin import finders
from pymailcore.admin.operation import Arguments, Call, Operation, Record, read_address, read_domain
from pymailcore.base.address import Address
from pymailcore.base.errors import InvalidValue, MailError
from pymailcore.directory.account_making import NewAccount
from pymailcore.directory.credentials import Secret
from pymailcore.directory.permissions import Permission
from pymailcore.directory.sql import listed
from pymailcore.store.types import Row, Transaction

MOST: Final = 1_000
"""Addresses or accounts of one call."""

_HASHED_AT_ONCE: Final = 8
_KNOWN: Final = (
    "SELECT DISTINCT address, kind FROM addresses WHERE domain = ?1"
    " AND address IN (SELECT value FROM json_each(?2 /*text*/))"
)


class Asked(Arguments):
    """Addresses of one domain."""

    domain: str
    addresses: Annotated[list[str], msgspec.Meta(max_length=MOST)]


class New(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One account of many; the same fields as for "account.add"."""

    account: str
    password: str | None = None
    verifier: str | None = None
    full_name: str = ""
    kind: str = "personal"


class Import(Arguments):
    """Accounts that are to be made, all in one domain."""

    domain: str
    accounts: Annotated[list[New], msgspec.Meta(max_length=MOST)]


async def _known(call: Call, given: Asked) -> Record:
    addresses = _within(given.domain, given.addresses)

    async def work(tx: Transaction) -> list[Row]:
        return await tx.rows(_KNOWN, call.subjects[0].domain, listed(one.key for one in addresses))

    kinds: dict[str, list[str]] = {}
    for address, kind in await call.directory.read(work):
        kinds.setdefault(address, []).append(kind)
    return {"items": [{"address": address, "kinds": sorted(found)} for address, found in kinds.items()]}


async def _import(call: Call, given: Import) -> Record:
    addresses = _addresses(given)
    secrets = await _secrets(call, given.accounts)
    faults: dict[int, str] = {}
    good: list[tuple[int, NewAccount]] = []
    for number, (new, address, secret) in enumerate(zip(given.accounts, addresses, secrets, strict=True)):
        if isinstance(secret, MailError):
            faults[number] = str(secret)
        else:
            good.append((number, NewAccount(address, secret, new.full_name, new.kind)))
    done = await call.directory.accounts.add_many(call.actor, [new for _, new in good])
    for (number, _), outcome in zip(good, done, strict=True):
        if outcome.fault is not None:
            faults[number] = str(outcome.fault)
    items: list[Record] = [
        {"account": str(address), "fault": faults.get(number)} for number, address in enumerate(addresses)
    ]
    return {"items": items}


async def _secrets(call: Call, accounts: Sequence[New]) -> list[Secret | MailError | None]:
    """Hash all passwords, some at a time; a fault in place of what cannot be one."""
    made: list[Secret | MailError | None] = [None] * len(accounts)
    limiter = trio.CapacityLimiter(_HASHED_AT_ONCE)

    async def make(number: int, new: New) -> None:
        async with limiter:
            try:
                made[number] = await _secret(call, new)
            except MailError as fault:
                made[number] = fault

    async with trio.open_nursery() as nursery:
        for number, new in enumerate(accounts):
            nursery.start_soon(make, number, new)
    return made


async def _secret(call: Call, new: New) -> Secret | None:
    if new.password is not None and new.verifier is not None:
        raise InvalidValue("give a password or a verifier, not both")
    if new.verifier is not None:
        return call.directory.credentials.imported(new.verifier)
    return None if new.password is None else await call.directory.credentials.prepare(new.password)


def _addresses(given: Import) -> list[Address]:
    return _within(given.domain, [one.account for one in given.accounts])


def _within(domain: str, texts: Sequence[str]) -> list[Address]:
    """Read addresses, all of which must be in the domain for which the permission was looked at."""
    name = read_domain(domain)
    addresses = [read_address(text) for text in texts]
    for address in addresses:
        if address.domain != name:
            raise InvalidValue(f"{address} is not in {name}")
    return addresses


OPERATIONS = (
    Operation(name="account.known", permission=Permission.ACCOUNT_READ, arguments=Asked, run=_known,
              finders=(finders.domain,)),
    Operation(name="account.import", permission=Permission.ACCOUNT_CREATE, arguments=Import, run=_import,
              finders=(finders.domain,), takes=_addresses),
)  # fmt: skip
"""All of this module."""
