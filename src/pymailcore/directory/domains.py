"""Domains: which there are, whose they are, and how somebody proves that one is his.

Standards: RFC 5890 section 2.3.2.1 (A-label); RFC 8552 (names with an underscore) for the challenge.

Theory: a row in `domains` is what mail goes by, and it is made in one of two ways: an operator vouches for
the domain, or a tenant that has claimed it shows that it can write into its zone. Until then the claim is a
row of its own that nothing else looks at; any number of tenants may claim the same name, and the first that
proves it has it. Whoever claims a domain does not learn who else keeps it before he has proved that it is
his.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotEmpty, NotFound
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.directory import account_rows, limits
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.ground import Ground
from pymailcore.directory.names import domain_name
from pymailcore.directory.permissions import View
from pymailcore.directory.routing import ACTIVE, SUSPENDED
from pymailcore.directory.sql import listed, seen
from pymailcore.directory.types import Claim, Domain
from pymailcore.store.types import Row, Transaction

CHALLENGE_NAME: Final = "_pymailcore-challenge."
CHALLENGE_VALUE: Final = "pymailcore-domain-verification="
_CHALLENGE_OCTETS: Final = 20

_SELECT: Final = (
    "SELECT d.name, d.tenant, d.created_ms, d.id, d.state, o.name, d.verified_by"
    " FROM domains d LEFT JOIN domains o ON o.id = d.alias_of"
)


class Records(Protocol):
    """What verification asks the DNS; `dns.resolver.Resolver` is one."""

    async def texts(self, name: str) -> tuple[bytes, ...]:
        """The TXT records of a name; NotFound when there is no such name."""
        ...


class Domains:
    """The domains of an installation.

    Args:
        new_challenge: gives a text that nobody can guess.
    """

    def __init__(
        self,
        ground: Ground,
        new_challenge: Callable[[], str] = lambda: secrets.token_hex(_CHALLENGE_OCTETS),
    ) -> None:
        self._ground = ground
        self._new_challenge = new_challenge

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

    async def claims(self, view: View, *, after: str = "", limit: int = 1_000) -> list[Claim]:
        """Claims by name, those behind `after`; a tenant sees its own."""

        async def work(tx: Transaction) -> list[Claim]:
            everything, tenants, _ = seen(view)
            rows = await tx.rows(
                "SELECT name, tenant, challenge, created_ms FROM domain_claims WHERE name > ?1"
                " AND (?2 = 1 OR tenant IN (SELECT value FROM json_each(?3))) ORDER BY name, tenant LIMIT ?4",
                after, everything, tenants, limit,
            )  # fmt: skip
            return [Claim(*row) for row in rows]

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
            made = await _insert(tx, change, Domain(domain, tenant, now_ms, number, verified_by="operator"))
            change.record("domain.add", domain, tenant=tenant, new={"verified_by": "operator"})
            return made

        return await self._ground.changes.run(actor, work)

    async def claim(self, actor: Actor, name: str, *, tenant: TenantId) -> Claim:
        """Say that a domain is a tenant's; a second time gives the same claim.

        Raises:
            AlreadyExists: the tenant has it already.
            InvalidValue, NotFound: that is no domain; there is no such tenant.
        """
        domain, challenge, now_ms = domain_name(name), self._new_challenge(), self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> Claim:
            await _require_tenant(tx, tenant)
            if await tx.row("SELECT 1 FROM domains WHERE name = ?1 AND tenant = ?2", domain, tenant):
                raise AlreadyExists(f"domain {domain} is yours already")
            there = await _claim(tx, domain, tenant)
            if there is not None:
                return there
            await tx.run(
                "INSERT INTO domain_claims (tenant, name, challenge, created_ms) VALUES (?1, ?2, ?3, ?4)",
                tenant, domain, challenge, now_ms,
            )  # fmt: skip
            change.record("domain.claim", domain, tenant=tenant)
            return Claim(domain, tenant, challenge, now_ms)

        return await self._ground.changes.run(actor, work)

    async def verify(
        self, actor: Actor, name: str, *, tenant: TenantId, records: Records | None = None
    ) -> Domain:
        """Turn a claim into a domain.

        Args:
            records: where the challenge must be found, in a TXT record of `_pymailcore-challenge.` and the
                domain; None: the actor's word is enough.

        Raises:
            NotFound: there is no such claim.
            Forbidden: the record is not there.
            AlreadyExists: somebody else has the domain.
            TemporaryFailure: the DNS gives no answer now.
        """
        domain, number, now_ms = domain_name(name), self._ground.ids.new(), self._ground.now_ms()
        claim = await self._ground.database.read(lambda tx: _claim(tx, domain, tenant))
        if claim is None:
            raise NotFound(f"no claim of {domain}")
        if records is not None:
            await _require_record(records, claim)
        way = "operator" if records is None else "dns"

        async def work(tx: Transaction, change: Change) -> Domain:
            if await _claim(tx, domain, tenant) is None:
                raise NotFound(f"no claim of {domain}")
            made = await _insert(tx, change, Domain(domain, tenant, now_ms, number, verified_by=way))
            change.record("domain.verify", domain, tenant=tenant, new={"verified_by": way})
            return made

        return await self._ground.changes.run(actor, work)

    async def withdraw(self, actor: Actor, name: str, *, tenant: TenantId) -> None:
        """Take a claim back.

        Raises:
            NotFound: there is no such claim.
        """
        domain = domain_name(name)

        async def work(tx: Transaction, change: Change) -> None:
            if not await tx.run("DELETE FROM domain_claims WHERE tenant = ?1 AND name = ?2", tenant, domain):
                raise NotFound(f"no claim of {domain}")
            change.record("domain.withdraw", domain, tenant=tenant)

        await self._ground.changes.run(actor, work)

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


async def _insert(tx: Transaction, change: Change, domain: Domain) -> Domain:
    await _require_tenant(tx, domain.tenant)
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


async def _require_tenant(tx: Transaction, tenant: TenantId) -> None:
    row = await tx.row("SELECT state FROM tenants WHERE id = ?1", tenant)
    if row is None or row[0] == "closing":
        raise NotFound(f"no tenant {tenant}")


async def _claim(tx: Transaction, domain: str, tenant: TenantId) -> Claim | None:
    row = await tx.row(
        "SELECT challenge, created_ms FROM domain_claims WHERE tenant = ?1 AND name = ?2", tenant, domain
    )
    return None if row is None else Claim(domain, tenant, *row)


async def _require_record(records: Records, claim: Claim) -> None:
    name, wanted = CHALLENGE_NAME + claim.name, CHALLENGE_VALUE + claim.challenge
    try:
        found: Awaitable[tuple[bytes, ...]] = records.texts(name)
        texts = await found
    except NotFound:
        texts = ()
    if not any(secrets.compare_digest(text.strip(), wanted.encode()) for text in texts):
        raise Forbidden(f"{name} has no TXT record {wanted}")


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
