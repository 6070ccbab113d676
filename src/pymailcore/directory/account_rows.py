"""Rows of accounts: finding, listing, changing and forgetting them, inside a transaction."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from pymailcore.base.address import Address
from pymailcore.base.errors import AlreadyExists, InvalidValue, NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory import holders, limits
from pymailcore.directory.cache import tag
from pymailcore.directory.changes import Change
from pymailcore.directory.permissions import View
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.sql import listed, prefix_end, seen
from pymailcore.directory.types import Account, Principal
from pymailcore.store.housekeeping import alarms
from pymailcore.store.types import Row, Transaction

KINDS: Final = ("personal", "shared", "resource")

_FROM: Final = (
    "SELECT a.id, a.tenant, a.name, COALESCE(p.display, a.name), a.created_ms, a.domain, a.kind, a.state,"
    " a.reason, a.send_blocked, a.full_name FROM accounts a"
    " LEFT JOIN addresses p ON p.target_account = a.id AND p.kind = 'primary'"
)
_OWNED: Final = (
    "credentials",
    "scram_keys",
    "app_passwords",
    "api_keys",
    "oauth_tokens",
    "client_certificates",
    "second_factors",
    "sign_ins",
    "presences",
    "sessions",
    "identities",
    "submissions",
    "role_grants",
    "send_rights",
    "forwards",
    "correspondents",
    "sending_blocks",
)
"""Tables whose rows go with their account."""


class Place(NamedTuple):
    """The domain in which an account is made."""

    domain: int
    tenant: TenantId


class NewRow(NamedTuple):
    """An account on its way into the tables."""

    id: AccountId
    address: Address
    kind: str
    full_name: str


def account_of(row: Row) -> Account:
    """Read a row."""
    number, tenant, name, display, created_ms, domain, kind, state, reason, blocked, full_name = row
    return Account(
        AccountId(number), TenantId(tenant), name, display, created_ms, domain, kind, state, reason,
        bool(blocked), full_name,
    )  # fmt: skip


async def account_named(tx: Transaction, name: str) -> Account:
    """The account with a name (key form).

    Raises:
        NotFound: there is none.
    """
    row = await tx.row(f"{_FROM} WHERE a.name = ?1", name)
    if row is None:
        raise NotFound(f"no account {name}")
    return account_of(row)


async def account_numbered(tx: Transaction, account: AccountId) -> Account | None:
    """The account with an id."""
    row = await tx.row(f"{_FROM} WHERE a.id = ?1", account)
    return None if row is None else account_of(row)


async def id_of(tx: Transaction, name: str) -> AccountId | None:
    """The id of the account with a name (key form)."""
    row = await tx.row("SELECT id FROM accounts WHERE name = ?1", name)
    return None if row is None else AccountId(row[0])


async def of_tenant(
    tx: Transaction, tenant: TenantId, target: Address, settings: DirectorySettings
) -> AccountId | None:
    """The account of a tenant that a target names; None for another address.

    Raises:
        NotFound: it is in one of the tenant's domains and its mail goes to nobody.
    """
    row = await tx.row("SELECT tenant FROM domains WHERE name = ?1", target.domain)
    if row is None or row[0] != tenant:
        return None
    account = await id_of(tx, target.key)
    known = account is not None or await tx.row("SELECT 1 FROM addresses WHERE address = ?1", target.key)
    if not known and not await holders.is_somebodys(tx, target, settings):
        raise NotFound(f"nobody has {target}")
    return account


async def page(
    tx: Transaction,
    view: View,
    *,
    after: str,
    limit: int,
    tenant: TenantId | None,
    domain: int | None,
    prefix: str,
) -> list[Account]:
    """Accounts by name, those behind `after`; the narrowest index that the filters name is read."""
    if domain is None and tenant is None and not view.everything and len(view.tenants) == 1:
        (only,) = view.tenants
        tenant = TenantId(only) if not view.domains else None
    where = ["a.name > ?1"]
    arguments: list[object] = [after, limit]
    if prefix:
        arguments += [prefix, prefix_end(prefix)]
        where.append(f"a.name >= ?{len(arguments) - 1} AND a.name < ?{len(arguments)}")
    for column, value in (("domain", domain), ("tenant", tenant)):
        if value is not None:
            arguments.append(value)
            where.append(f"a.{column} = ?{len(arguments)}")
    if not view.everything:
        _, tenants, domains = seen(view)
        arguments += [tenants, domains]
        where.append(
            f"(a.tenant IN (SELECT value FROM json_each(?{len(arguments) - 1}))"  # noqa: S608 - numbers of arguments
            f" OR a.domain IN (SELECT value FROM json_each(?{len(arguments)})))"
        )
    rows = await tx.rows(f"{_FROM} WHERE {' AND '.join(where)} ORDER BY a.name LIMIT ?2", *arguments)
    return [account_of(row) for row in rows]


async def place_of(tx: Transaction, domain: str) -> Place:
    """The domain in which an account is to be made.

    Raises:
        NotFound: it is not kept here.
        InvalidValue: it only has the addresses of another domain.
    """
    row = await tx.row("SELECT id, tenant, alias_of FROM domains WHERE name = ?1", domain)
    if row is None:
        raise NotFound(f"no domain {domain}")
    if row[2] is not None:
        raise InvalidValue(f"{domain} is an alias domain: it has the addresses of another one")
    return Place(row[0], TenantId(row[1]))


async def require_free(tx: Transaction, address: Address) -> None:
    """Check that nobody has an address.

    Raises:
        AlreadyExists: somebody has.
    """
    row = await tx.row("SELECT kind FROM addresses WHERE address = ?1 LIMIT 1", address.key)
    if row is not None:
        raise AlreadyExists(f"{address} is taken" if row[0] == "primary" else f"{address} is an {row[0]}")
    if await id_of(tx, address.key) is not None:
        raise AlreadyExists(f"{address} is taken")


def made(new: NewRow, place: Place, now_ms: int) -> Account:
    """What `insert_all` made of a row."""
    return Account(
        new.id, place.tenant, new.address.key, str(new.address), now_ms, place.domain, new.kind,
        full_name=new.full_name,
    )  # fmt: skip


async def insert_all(tx: Transaction, rows: list[tuple[NewRow, Place]], now_ms: int) -> None:
    """Add accounts with their first addresses."""
    await tx.run_many(
        "INSERT INTO accounts (id, tenant, name, created_ms, domain, kind, full_name)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        [
            (new.id, place.tenant, new.address.key, now_ms, place.domain, new.kind, new.full_name)
            for new, place in rows
        ],
    )
    await tx.run_many(
        "INSERT INTO addresses (address, target_account, kind, display, created_ms, domain)"
        " VALUES (?1, ?2, 'primary', ?3, ?4, ?5)",
        [(new.address.key, new.id, str(new.address), now_ms, place.domain) for new, place in rows],
    )


async def forget(tx: Transaction, change: Change, account: Account) -> None:
    """Remove all that lets an account sign in, send or get mail; its mail and its row stay."""
    for table in _OWNED:
        await tx.run(f"DELETE FROM {table} WHERE account = ?1", account.id)  # noqa: S608 - constants
    for (address,) in await tx.rows(
        "DELETE FROM addresses WHERE target_account = ?1 RETURNING address", account.id
    ):
        change.touch("address", address)
    for (group,) in await tx.rows(
        "DELETE FROM group_members WHERE account = ?1 RETURNING group_id", account.id
    ):
        change.touch("group", group)
    await forget_rights(tx, change, [account.name])
    await limits.forget(tx, "account", account.id)
    await alarms.end(tx, alarms.SENDING, str(account.id))
    await tx.run(
        "UPDATE accounts SET state = 'closing', generation = generation + 1 WHERE id = ?1", account.id
    )
    touch(change, account)
    change.touch("roles", account.tenant)
    change.touch("roles", 0)


async def forget_rights(tx: Transaction, change: Change, names: Iterable[str]) -> None:
    """Take away all rights to write as some addresses (key form), which are somebody's no more."""
    gone = await tx.rows(
        "DELETE FROM send_rights WHERE address IN (SELECT value FROM json_each(?1 /*text*/))"
        " RETURNING account",
        listed(names),
    )
    for (holder,) in gone:
        change.touch("account", holder)


def touch(change: Change, account: Account) -> None:
    """Have all processes forget what depends on an account."""
    change.touch("account", account.id)
    change.touch("address", account.name)


async def taken(tx: Transaction, keys: list[str]) -> set[str]:
    """Which of some addresses somebody has."""
    rows = await tx.rows(
        "SELECT address FROM addresses WHERE address IN (SELECT value FROM json_each(?1 /*text*/))"
        " UNION SELECT name FROM accounts WHERE name IN (SELECT value FROM json_each(?1 /*text*/))",
        listed(keys),
    )
    return {row[0] for row in rows}


async def rename(tx: Transaction, change: Change, account: Account, address: Address, place: Place) -> None:
    """Give an account another first address, which is free; the old one is gone."""
    await tx.run(
        "UPDATE accounts SET name = ?2, domain = ?3 WHERE id = ?1", account.id, address.key, place.domain
    )
    await tx.run(
        "UPDATE addresses SET address = ?2, display = ?3, domain = ?4"
        " WHERE target_account = ?1 AND kind = 'primary'",
        account.id, address.key, str(address), place.domain,
    )  # fmt: skip
    await tx.run(
        "UPDATE group_members SET address = ?2, display = ?3 WHERE account = ?1",
        account.id, address.key, str(address),
    )  # fmt: skip
    for (holder,) in await tx.rows(
        "UPDATE send_rights SET address = ?2 WHERE address = ?1 RETURNING account", account.name, address.key
    ):
        change.touch("account", holder)


async def own_alias(tx: Transaction, account: AccountId, address: Address) -> bool:
    """Take away an alias that stands for nobody but an account; gives whether there was one."""
    rows = await tx.rows("SELECT kind, target_account FROM addresses WHERE address = ?1", address.key)
    if [tuple(row) for row in rows] != [("alias", account)]:
        return False
    await tx.run("DELETE FROM addresses WHERE address = ?1", address.key)
    return True


async def add_alias(tx: Transaction, account: Account, now_ms: int) -> None:
    """Let the name that an account had stand for it."""
    await tx.run(
        "INSERT INTO addresses (address, target_account, kind, display, created_ms, domain)"
        " VALUES (?1, ?2, 'alias', ?3, ?4, ?5)",
        account.name, account.id, account.display, now_ms, account.domain,
    )  # fmt: skip


async def principal(tx: Transaction, account: AccountId, tags: set[int]) -> Principal | None:
    """An account as one who has signed in."""
    tags.add(tag("account", account))
    row = await tx.row("SELECT tenant, name, generation FROM accounts WHERE id = ?1", account)
    if row is None:
        return None
    return Principal(account=account, tenant=TenantId(row[0]), name=row[1], generation=row[2])
