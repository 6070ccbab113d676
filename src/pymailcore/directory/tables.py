"""The directory's rows: functions over one transaction.

Each awaits only its transaction, so that the store may run it again (see `store.types.Database.write`).
"""

from pymailcore.base.address import Address
from pymailcore.base.errors import AlreadyExists, NotEmpty, NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.routing import Entry
from pymailcore.directory.types import Account, Alias, Domain, Principal
from pymailcore.store.types import Transaction


class TableLookups:
    """`routing.Lookups` over one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def tenant_of(self, domain: str) -> TenantId | None:
        """The tenant of a domain that is kept here; None for all others."""
        return await tenant_of(self._tx, domain)

    async def entries(self, key: str) -> list[Entry]:
        """What an address (in its key form) stands for."""
        rows = await self._tx.rows(
            "SELECT d.target_account, a.tenant, d.target_address FROM addresses d"
            " LEFT JOIN accounts a ON a.id = d.target_account WHERE d.address = ?1"
            " ORDER BY d.created_ms, d.target_account, d.target_address",
            key,
        )
        return [Entry(*row) for row in rows]

    async def administrators(self, tenant: TenantId) -> list[Entry]:
        """The tenant's administrators; those of the installation when it has none of its own."""
        rows = await self._tx.rows(
            "SELECT id, tenant, NULL FROM accounts WHERE admin = 1 AND tenant = ?1 ORDER BY id", tenant
        ) or await self._tx.rows("SELECT id, tenant, NULL FROM accounts WHERE admin = 1 ORDER BY id")
        return [Entry(*row) for row in rows]


async def tenant_of(tx: Transaction, domain: str) -> TenantId | None:
    """The tenant of a domain that is kept here."""
    row = await tx.row("SELECT tenant FROM domains WHERE name = ?1", domain)
    return None if row is None else TenantId(row[0])


async def insert_domain(tx: Transaction, domain: int, tenant: TenantId, name: str, now_ms: int) -> None:
    """Add a domain.

    Raises:
        AlreadyExists: it is kept here already.
    """
    if await tenant_of(tx, name) is not None:
        raise AlreadyExists(f"domain {name} exists")
    await tx.run("INSERT INTO domains (id, tenant, name, created_ms) VALUES (?1, ?2, ?3, ?4)",
                 domain, tenant, name, now_ms)  # fmt: skip


async def delete_domain(tx: Transaction, name: str) -> None:
    """Remove a domain and the aliases in it.

    Raises:
        NotFound: it is not kept here.
        NotEmpty: an account has its name, or an address, in it.
    """
    if await tenant_of(tx, name) is None:
        raise NotFound(f"no domain {name}")
    suffix = "@" + name
    held = await tx.row(
        "SELECT name FROM accounts WHERE substr(name, length(name) - length(?1) + 1) = ?1"
        " ORDER BY name LIMIT 1",
        suffix,
    )
    if held is not None:
        raise NotEmpty(f"domain {name} has accounts, for one {held[0]}")
    await tx.run("DELETE FROM addresses WHERE substr(address, length(address) - length(?1) + 1) = ?1", suffix)
    await tx.run("DELETE FROM domains WHERE name = ?1", name)


async def select_domains(tx: Transaction) -> list[Domain]:
    """All domains by name."""
    rows = await tx.rows("SELECT name, tenant, created_ms FROM domains ORDER BY name")
    return [Domain(*row) for row in rows]


async def insert_account(
    tx: Transaction, account: AccountId, address: Address, *, admin: bool, now_ms: int
) -> TenantId:
    """Add an account and its first address; gives the tenant, which is its domain's.

    Raises:
        NotFound: the domain is not kept here.
        AlreadyExists: an account or alias has the address.
    """
    tenant = await tenant_of(tx, address.domain)
    if tenant is None:
        raise NotFound(f"no domain {address.domain}")
    if await account_named(tx, address.key) is not None:
        raise AlreadyExists(f"account {address} exists")
    if await tx.row("SELECT 1 FROM addresses WHERE address = ?1", address.key) is not None:
        raise AlreadyExists(f"{address} is an alias")
    await tx.run("INSERT INTO accounts (id, tenant, name, admin, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                 account, tenant, address.key, int(admin), now_ms)  # fmt: skip
    await insert_address(tx, address, account, None, "primary", now_ms)
    return tenant


async def account_named(tx: Transaction, name: str) -> AccountId | None:
    """The account that logs in with an address (key form)."""
    row = await tx.row("SELECT id FROM accounts WHERE name = ?1", name)
    return None if row is None else AccountId(row[0])


async def forget_account(tx: Transaction, account: AccountId) -> None:
    """Remove all that lets an account log in, send or get mail; its mail and its row are the store's."""
    await tx.run("DELETE FROM credentials WHERE account = ?1", account)
    await tx.run("DELETE FROM sessions WHERE account = ?1", account)
    await tx.run("DELETE FROM identities WHERE account = ?1", account)
    await tx.run("DELETE FROM submissions WHERE account = ?1", account)
    await tx.run("DELETE FROM addresses WHERE target_account = ?1", account)
    await tx.run("UPDATE accounts SET admin = 0 WHERE id = ?1", account)


async def delete_account(tx: Transaction, account: AccountId) -> None:
    """Remove the row of an account that has nothing left."""
    await tx.run("DELETE FROM accounts WHERE id = ?1", account)


async def select_accounts(tx: Transaction) -> list[Account]:
    """All accounts by name."""
    rows = await tx.rows(
        "SELECT a.id, a.tenant, a.name, COALESCE(d.display, a.name), a.admin, a.created_ms FROM accounts a"
        " LEFT JOIN addresses d ON d.target_account = a.id AND d.kind = 'primary' ORDER BY a.name"
    )
    return [Account(row[0], row[1], row[2], row[3], bool(row[4]), row[5]) for row in rows]


async def principal(tx: Transaction, account: AccountId) -> Principal | None:
    """An account as one who has logged in."""
    row = await tx.row("SELECT tenant, name, admin FROM accounts WHERE id = ?1", account)
    if row is None:
        return None
    return Principal(account=account, tenant=row[0], name=row[1], admin=bool(row[2]))


async def insert_address(
    tx: Transaction,
    address: Address,
    account: AccountId | None,
    target: Address | None,
    kind: str,
    now_ms: int,
) -> None:
    """Let an address stand for an account or for another address."""
    await tx.run(
        "INSERT INTO addresses (address, target_account, target_address, kind, display, created_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        address.key,
        account,
        None if target is None else str(target),
        kind,
        str(address),
        now_ms,
    )


async def insert_alias(tx: Transaction, address: Address, target: Address, now_ms: int) -> AccountId | None:
    """Let an address stand for another; gives the account when that is an account's own address.

    Raises:
        NotFound: the domain is not kept here, or is kept here and nobody has the target.
        AlreadyExists: the alias is there.
    """
    if await tenant_of(tx, address.domain) is None:
        raise NotFound(f"no domain {address.domain}")
    account = await account_named(tx, target.key)
    if account is None and await tenant_of(tx, target.domain) is not None:
        known = await tx.row("SELECT 1 FROM addresses WHERE address = ?1", target.key)
        if known is None:
            raise NotFound(f"nobody has {target}")
    there = await tx.row(
        "SELECT 1 FROM addresses WHERE address = ?1 AND (target_account = ?2 OR target_address = ?3)",
        address.key,
        account,
        str(target),
    )
    if there is not None:
        raise AlreadyExists(f"{address} stands for {target} already")
    await insert_address(tx, address, account, None if account is not None else target, "alias", now_ms)
    return account


async def delete_alias(tx: Transaction, address: Address, target: Address | None) -> list[AccountId]:
    """Remove one alias, or all of an address; gives the accounts that it stood for.

    Raises:
        NotFound: there is no such alias.
    """
    account = None if target is None else await account_named(tx, target.key)
    rows = await tx.rows(
        "DELETE FROM addresses WHERE address = ?1 AND kind = 'alias'"
        " AND (?2 = 1 OR target_account = ?3 OR target_address = ?4) RETURNING target_account",
        address.key,
        int(target is None),
        account,
        None if target is None else str(target),
    )
    if not rows:
        raise NotFound(f"no alias {address}" + ("" if target is None else f" for {target}"))
    return [AccountId(row[0]) for row in rows if row[0] is not None]


async def select_aliases(tx: Transaction) -> list[Alias]:
    """All aliases by address."""
    rows = await tx.rows(
        "SELECT d.display, COALESCE(p.display, a.name, d.target_address), d.target_account IS NOT NULL"
        " FROM addresses d LEFT JOIN accounts a ON a.id = d.target_account"
        " LEFT JOIN addresses p ON p.target_account = d.target_account AND p.kind = 'primary'"
        " WHERE d.kind = 'alias' ORDER BY d.address, 2"
    )
    return [Alias(row[0], row[1], bool(row[2])) for row in rows]


async def addresses_of(tx: Transaction, account: AccountId) -> list[Address]:
    """All addresses that stand for an account, its first one first."""
    rows = await tx.rows(
        "SELECT display FROM addresses WHERE target_account = ?1 ORDER BY kind = 'primary' DESC, address",
        account,
    )
    parsed = (Address.parse(row[0]) for row in rows)
    return [address for address in parsed if address is not None]
