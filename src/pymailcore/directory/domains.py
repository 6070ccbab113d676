"""Domains: which there are, and whose they are.

Standards: RFC 5890 section 2.3.2.1 (A-label).

Theory: a row in `domains` is what mail goes by, and it is made in one of two ways: an operator vouches for
the domain, or a tenant that has claimed it shows that it can write into its zone (`claims`).
"""

from typing import Final

from pymailcore.base.errors import AlreadyExists, InvalidValue, NotEmpty, NotFound
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.directory import account_rows, api_keys, limits
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.ground import Ground
from pymailcore.directory.names import domain_name
from pymailcore.directory.permissions import View
from pymailcore.directory.routing import ACTIVE, SUSPENDED
from pymailcore.directory.sql import listed, seen
from pymailcore.directory.types import Domain
from pymailcore.store.types import Row, Transaction

_SELECT: Final = (
    "SELECT d.name, d.tenant, d.created_ms, d.id, d.state, o.name, d.verified_by"
    " FROM domains d LEFT JOIN domains o ON o.id = d.alias_of"
)


class Domains:
    """The domains of an installation."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    # --- looking ---------------------------------------------------------------------------------

    async def get(self, name: str) -> Domain:
        """One domain.

        Raises:
            InvalidValue, NotFound: as their names say.
        """
        domain = domain_name(name)
        return await self._ground.database.read(lambda tx: domain_named(tx, domain))

    async def first(self) -> str | None:
        """The first of all domains by name; None when there is none."""

        async def work(tx: Transaction) -> str | None:
            row = await tx.row("SELECT name FROM domains ORDER BY name LIMIT 1")
            return None if row is None else str(row[0])

        return await self._ground.database.read(work)

    async def page(
        self, view: View, *, after: str = "", limit: int = 1_000, tenant: TenantId | None = None
    ) -> list[Domain]:
        """Domains by name, those behind `after`."""

        async def work(tx: Transaction) -> list[Domain]:
            rows = await tx.rows(
                f"{_SELECT} WHERE d.name > ?1 AND (?2 = 0 OR d.tenant = ?2) AND (?3 = 1 OR d.tenant IN"  # noqa: S608 - constants
                " (SELECT value FROM json_each(?4)) OR d.id IN (SELECT value FROM json_each(?5)))"
                " ORDER BY d.name LIMIT ?6",
                after, tenant or 0, *seen(view), limit,
            )  # fmt: skip
            return [_domain(row) for row in rows]

        return await self._ground.database.read(work)

    # --- beginning -------------------------------------------------------------------------------

    async def add(self, actor: Actor, name: str, *, tenant: TenantId = DEFAULT_TENANT) -> Domain:
        """Keep mail for a domain because an operator says so.

        Raises:
            AlreadyExists: it is kept already.
            InvalidValue, NotFound: that is no domain; there is no such tenant.
            OverLimit: the tenant has as many as it may.
        """
        domain, number, now_ms = domain_name(name), self._ground.ids.new(), self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> Domain:
            made = await insert_domain(
                tx, change, Domain(domain, tenant, now_ms, number, verified_by="operator")
            )
            change.record("domain.add", domain, tenant=tenant, new={"verified_by": "operator"})
            return made

        return await self._ground.changes.run(actor, work)

    # --- changing and ending ---------------------------------------------------------------------

    async def set(
        self, actor: Actor, name: str, *, state: str | None = None, alias_of: str | None = None
    ) -> Domain:
        """Change a domain; None leaves a thing as it is.

        Args:
            state: "active" or "suspended": nobody of it signs in, mail is put off.
            alias_of: the domain whose addresses it is to have, too; "" for none.

        Raises:
            NotFound: it, or that domain, is not kept here (that must be of the same tenant).
            InvalidValue: no such state; or an alias of itself, of an alias, or of what has aliases itself.
        """
        domain = domain_name(name)
        if state not in (None, ACTIVE, SUSPENDED):
            raise InvalidValue(f"a domain is {ACTIVE} or {SUSPENDED}, not {state!r}")
        other = domain_name(alias_of) if alias_of else None

        async def work(tx: Transaction, change: Change) -> Domain:
            old = await domain_named(tx, domain)
            new = old._replace(state=state or old.state, alias_of=old.alias_of if alias_of is None else other)
            target = None if new.alias_of is None else (await _target(tx, old, new.alias_of)).id
            await tx.run(
                "UPDATE domains SET state = ?2, alias_of = ?3 WHERE id = ?1", old.id, new.state, target
            )
            changed = [field for field in ("state", "alias_of") if getattr(old, field) != getattr(new, field)]
            if changed:
                change.touch("domain", domain)
                change.record(
                    "domain.set", domain, tenant=old.tenant,
                    old={field: getattr(old, field) for field in changed},
                    new={field: getattr(new, field) for field in changed},
                )  # fmt: skip
            return new

        return await self._ground.changes.run(actor, work)

    async def remove(self, actor: Actor, name: str) -> None:
        """Stop keeping mail for a domain; its aliases, wildcards and groups go with it.

        Raises:
            NotFound: it is not kept here.
            NotEmpty: it has accounts, or another domain is an alias of it.
        """
        domain = domain_name(name)

        async def work(tx: Transaction, change: Change) -> None:
            old = await domain_named(tx, domain)
            await remove_domain(tx, change, old)
            change.record("domain.remove", domain, tenant=old.tenant)

        await self._ground.changes.run(actor, work)


async def domain_named(tx: Transaction, name: str) -> Domain:
    """A domain that is kept here.

    Raises:
        NotFound: it is not.
    """
    row = await tx.row(f"{_SELECT} WHERE d.name = ?1", name)
    if row is None:
        raise NotFound(f"no domain {name}")
    return _domain(row)


async def remove_domain(tx: Transaction, change: Change, domain: Domain) -> None:
    """Remove a domain that has no accounts, with all that is in it.

    Raises:
        NotEmpty: it has accounts, or another domain is an alias of it.
    """
    held = await tx.row("SELECT name FROM accounts WHERE domain = ?1 ORDER BY name LIMIT 1", domain.id)
    if held is not None:
        raise NotEmpty(f"domain {domain.name} has accounts, for one {held[0]}")
    alias = await tx.row("SELECT name FROM domains WHERE alias_of = ?1 ORDER BY name LIMIT 1", domain.id)
    if alias is not None:
        raise NotEmpty(f"domain {alias[0]} is an alias of {domain.name}")
    groups = await tx.rows("SELECT id, name FROM groups WHERE domain = ?1", domain.id)
    numbers = listed(row[0] for row in groups)
    await tx.run("DELETE FROM group_members WHERE group_id IN (SELECT value FROM json_each(?1))", numbers)
    await tx.run("DELETE FROM groups WHERE domain = ?1", domain.id)
    gone = await tx.rows(
        "DELETE FROM addresses WHERE domain = ?1 RETURNING address, target_account", domain.id
    )
    await account_rows.forget_rights(tx, change, [row[0] for row in gone])
    await tx.run("DELETE FROM role_grants WHERE scope = 'domain' AND scope_id = ?1", domain.id)
    await api_keys.forget_domain(tx, change, domain.id)
    await limits.forget(tx, "domain", domain.id)
    await tx.run("DELETE FROM domains WHERE id = ?1", domain.id)
    change.touch("domain", domain.name)
    for address, account in gone:
        change.touch("address", address)
        if account is not None:
            change.touch("account", account)


def _domain(row: Row) -> Domain:
    name, tenant, created_ms, number, state, alias_of, verified_by = row
    return Domain(name, TenantId(tenant), created_ms, number, state, alias_of, verified_by)


async def insert_domain(tx: Transaction, change: Change, domain: Domain) -> Domain:
    """Begin to keep mail for a domain; the tenant's claim of it has done its duty.

    Raises:
        NotFound: there is no such tenant.
        AlreadyExists: the domain is kept already.
        OverLimit: the tenant has as many as it may.
    """
    await require_tenant(tx, domain.tenant)
    if await tx.row("SELECT 1 FROM domains WHERE name = ?1", domain.name) is not None:
        raise AlreadyExists(f"domain {domain.name} exists")
    await limits.require(tx, "domains", tenant=domain.tenant)
    await tx.run(
        "INSERT INTO domains (id, tenant, name, created_ms, verified_by) VALUES (?1, ?2, ?3, ?4, ?5)",
        domain.id, domain.tenant, domain.name, domain.created_ms, domain.verified_by,
    )  # fmt: skip
    await tx.run("DELETE FROM domain_claims WHERE tenant = ?1 AND name = ?2", domain.tenant, domain.name)
    change.touch("domain", domain.name)
    return domain


async def require_tenant(tx: Transaction, tenant: TenantId) -> None:
    """Check that there is a tenant that is not being removed.

    Raises:
        NotFound: there is none.
    """
    row = await tx.row("SELECT state FROM tenants WHERE id = ?1", tenant)
    if row is None or row[0] == "closing":
        raise NotFound(f"no tenant {tenant}")


async def _target(tx: Transaction, domain: Domain, name: str) -> Domain:
    """The domain of which another is to be an alias."""
    target = await domain_named(tx, name)
    if target.tenant != domain.tenant:
        raise NotFound(f"no domain {name}")
    if target.id == domain.id or target.alias_of is not None:
        raise InvalidValue(f"{domain.name} cannot be an alias of {name}")
    if await tx.row("SELECT 1 FROM domains WHERE alias_of = ?1 LIMIT 1", domain.id) is not None:
        raise InvalidValue(f"other domains are aliases of {domain.name}")
    return target
