"""Where mail for an address goes: accounts, aliases, sub-addresses, postmaster and abuse.

Standards: RFC 5321 sections 3.9.1 (alias) and 4.5.1 (postmaster), RFC 2142 sections 4 and 5 (abuse,
postmaster), RFC 5233 section 1 (sub-address).

Theory: aliases are followed level by level, so that the depth is the number of levels and an address that was
met before is not met again: a cycle simply ends. Nothing here rewrites `%` or `!`: an address is local when
its domain is, and for no other reason.
"""

from typing import Final, NamedTuple, Protocol

from pymailcore.base.address import Address
from pymailcore.base.errors import PermanentFailure
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.errors import Loop
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.types import LocalRecipient, Route

ROLE_LOCALPARTS: Final = frozenset({"postmaster", "abuse"})


class Entry(NamedTuple):
    """One thing that an address stands for: an account here, or another address."""

    account: AccountId | None
    tenant: TenantId | None
    target: str | None


class Lookups(Protocol):
    """What routing asks the directory's tables."""

    async def tenant_of(self, domain: str) -> TenantId | None:
        """The tenant of a domain that is kept here; None for all others."""
        ...

    async def entries(self, key: str) -> list[Entry]:
        """What an address (in its key form) stands for."""
        ...

    async def administrators(self, tenant: TenantId) -> list[Entry]:
        """The accounts that get mail to postmaster and abuse of a tenant's domains."""
        ...


class _Step(NamedTuple):
    address: Address
    detail: str | None


async def resolve(address: Address, lookups: Lookups, settings: DirectorySettings) -> Route | None:
    """Follow an address to its ends; None when its domain is kept here and nobody has it.

    Raises:
        Loop: the chain of aliases is longer than `alias_depth_count`.
        PermanentFailure: it stands for more than `alias_width_count` recipients.
    """
    if await lookups.tenant_of(address.domain) is None:
        return Route((), (address,))
    local: dict[AccountId, LocalRecipient] = {}
    remote: dict[str, Address] = {}
    seen = {address.key}
    level = [_Step(address, None)]
    for _ in range(settings.alias_depth_count + 1):
        onward: list[_Step] = []
        for step in level:
            tenant = await lookups.tenant_of(step.address.domain)
            if tenant is None:
                remote.setdefault(str(step.address), step.address)
                continue
            entries, detail = await _find(step, tenant, lookups, settings.sub_address_separator)
            for entry in entries:
                if entry.account is not None and entry.tenant is not None:
                    local.setdefault(
                        entry.account, LocalRecipient(address, entry.account, entry.tenant, detail)
                    )
                    continue
                target = Address.parse(entry.target or "")
                if target is not None and target.key not in seen:
                    seen.add(target.key)
                    onward.append(_Step(target, detail))
            if len(local) + len(remote) + len(onward) > settings.alias_width_count:
                raise PermanentFailure(f"{address} stands for too many recipients")
        level = onward
        if not level:
            break
    else:
        raise Loop(f"the aliases behind {address} lead too deep")
    return Route(tuple(local.values()), tuple(remote.values())) if local or remote else None


async def _find(
    step: _Step, tenant: TenantId, lookups: Lookups, separator: str
) -> tuple[list[Entry], str | None]:
    """Look an address up as it is, then without its detail, then as a role of its domain."""
    entries = await lookups.entries(step.address.key)
    if entries:
        return entries, step.detail
    localpart, detail = step.address.localpart, step.detail
    if separator and separator in localpart[1:]:
        base, _, own = localpart[1:].partition(separator)
        localpart = localpart[0] + base
        detail = detail or own
        entries = await lookups.entries(Address(localpart, step.address.domain).key)
    if not entries and localpart.casefold() in ROLE_LOCALPARTS:
        entries = await lookups.administrators(tenant)
    return entries, detail
