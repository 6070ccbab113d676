"""Whom an operation is about: look-ups by its arguments, in the order in which they are checked."""

from typing import Protocol

from pymailcore.admin.operation import Found, read_address, read_domain
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.permissions import Subject
from pymailcore.store.types import Transaction


class OfTenant(Protocol):
    """Arguments with a tenant's name."""

    @property
    def tenant(self) -> str:
        """How it is named."""
        ...


class OfMaybeTenant(Protocol):
    """Arguments with a tenant's name, or none."""

    @property
    def tenant(self) -> str | None:
        """How it is named."""
        ...


class OfDomain(Protocol):
    """Arguments with a domain."""

    @property
    def domain(self) -> str:
        """How it is named."""
        ...


class OfAccount(Protocol):
    """Arguments with the first address of an account."""

    @property
    def account(self) -> str:
        """How it is named."""
        ...


class OfAddress(Protocol):
    """Arguments with an address in a domain that is kept here."""

    @property
    def address(self) -> str:
        """How it is named."""
        ...


class OfGroup(Protocol):
    """Arguments with the address of a group."""

    @property
    def group(self) -> str:
        """How it is named."""
        ...


async def installation(_tx: Transaction, _arguments: object) -> Found:
    """The installation itself."""
    return Found(Subject(), "")


async def tenant_named(tx: Transaction, name: str) -> Found:
    """A tenant."""
    row = await tx.row("SELECT id FROM tenants WHERE name = ?1", name)
    return Found(None if row is None else Subject(TenantId(row[0])), f"no tenant {name}")


async def domain_named(tx: Transaction, domain: str) -> Found:
    """A domain that is kept here."""
    row = await tx.row("SELECT tenant, id FROM domains WHERE name = ?1", domain)
    return Found(None if row is None else Subject(TenantId(row[0]), row[1]), f"no domain {domain}")


async def account_named(tx: Transaction, text: str) -> Found:
    """An account by its first address."""
    address = read_address(text)
    row = await tx.row("SELECT tenant, domain, id FROM accounts WHERE name = ?1", address.key)
    subject = None if row is None else Subject(TenantId(row[0]), row[1], AccountId(row[2]))
    return Found(subject, f"no account {address}")


async def tenant(tx: Transaction, arguments: OfTenant) -> Found:
    """The tenant that is named."""
    return await tenant_named(tx, arguments.tenant)


async def maybe_tenant(tx: Transaction, arguments: OfMaybeTenant) -> Found:
    """The tenant that is named, or the installation."""
    return Found(Subject(), "") if arguments.tenant is None else await tenant_named(tx, arguments.tenant)


async def domain(tx: Transaction, arguments: OfDomain) -> Found:
    """The domain that is named."""
    return await domain_named(tx, read_domain(arguments.domain))


async def account(tx: Transaction, arguments: OfAccount) -> Found:
    """The account that is named."""
    return await account_named(tx, arguments.account)


async def domain_of_account(tx: Transaction, arguments: OfAccount) -> Found:
    """The domain of an address that an account has, or will have."""
    return await domain_named(tx, read_address(arguments.account).domain)


async def domain_of_address(tx: Transaction, arguments: OfAddress) -> Found:
    """The domain of an address."""
    return await domain_named(tx, read_address(arguments.address).domain)


async def domain_of_group(tx: Transaction, arguments: OfGroup) -> Found:
    """The domain of a group that is to be made."""
    return await domain_named(tx, read_address(arguments.group).domain)


async def group(tx: Transaction, arguments: OfGroup) -> Found:
    """The group that is named."""
    address = read_address(arguments.group)
    row = await tx.row("SELECT tenant, domain FROM groups WHERE name = ?1", address.key)
    return Found(None if row is None else Subject(TenantId(row[0]), row[1]), f"no group {address}")


async def maybe_domain(tx: Transaction, text: str | None) -> Found | None:
    """A domain, if one is named."""
    return None if text is None else await domain_named(tx, read_domain(text))
