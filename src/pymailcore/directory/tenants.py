"""Tenants: customers, to whom domains and accounts belong.

Contract: there is always the first one, "default"; whoever serves one organisation never meets another. A
tenant that is suspended keeps everything: nobody of it signs in, its mail is put off. Removing one takes all
that belongs to it, in slices, and may take long; it is "closing" from the first moment and, after a crash,
until it is removed again.
"""

from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotFound
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.directory import limits
from pymailcore.directory.accounts import Accounts
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.domains import remove_domain
from pymailcore.directory.ground import Ground
from pymailcore.directory.names import shown_text, tenant_name
from pymailcore.directory.permissions import View
from pymailcore.directory.routing import ACTIVE, CLOSING, SUSPENDED
from pymailcore.directory.sql import seen
from pymailcore.directory.types import Domain, Tenant
from pymailcore.store.types import Row, Transaction

_COLUMNS: Final = "id, name, display, state, reason, created_ms"


class Tenants:
    """The tenants of an installation.

    Args:
        accounts: removes theirs.
    """

    def __init__(self, ground: Ground, accounts: Accounts) -> None:
        self._ground = ground
        self._accounts = accounts

    async def get(self, name: str) -> Tenant:
        """One tenant.

        Raises:
            NotFound: there is none of that name.
        """
        return await self._ground.database.read(lambda tx: tenant_named(tx, name))

    async def page(self, view: View, *, after: str = "", limit: int = 1_000) -> list[Tenant]:
        """Tenants by name, those behind `after`."""

        async def work(tx: Transaction) -> list[Tenant]:
            everything, tenants, _ = seen(view)
            rows = await tx.rows(
                f"SELECT {_COLUMNS} FROM tenants WHERE name > ?1 AND (?2 = 1 OR id IN"  # noqa: S608 - constants
                " (SELECT value FROM json_each(?3))) ORDER BY name LIMIT ?4",
                after, everything, tenants, limit,
            )  # fmt: skip
            return [_tenant(row) for row in rows]

        return await self._ground.database.read(work)

    async def add(self, actor: Actor, name: str, *, display: str = "") -> Tenant:
        """Make a tenant.

        Raises:
            AlreadyExists: the name is taken.
            InvalidValue: that is no name.
        """
        tenant = Tenant(
            TenantId(self._ground.ids.new()), tenant_name(name), shown_text(display) or name, ACTIVE, "",
            self._ground.now_ms(),
        )  # fmt: skip

        async def work(tx: Transaction, change: Change) -> Tenant:
            if await tx.row("SELECT 1 FROM tenants WHERE name = ?1", name) is not None:
                raise AlreadyExists(f"tenant {name} exists")
            await tx.run(
                "INSERT INTO tenants (id, name, display, state, reason, created_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                *tenant,
            )
            change.touch("tenant", tenant.id)
            change.record("tenant.add", name, tenant=tenant.id, new={"display": tenant.display})
            return tenant

        return await self._ground.changes.run(actor, work)

    async def set(
        self,
        actor: Actor,
        name: str,
        *,
        display: str | None = None,
        state: str | None = None,
        reason: str | None = None,
    ) -> Tenant:
        """Change a tenant; None leaves a thing as it is.

        Args:
            state: "active" or "suspended"; `reason` says why, for people.

        Raises:
            NotFound: there is none of that name, or it is being removed.
            InvalidValue: a value cannot be.
        """
        if state not in (None, ACTIVE, SUSPENDED):
            raise InvalidValue(f"a tenant is {ACTIVE} or {SUSPENDED}, not {state!r}")

        async def work(tx: Transaction, change: Change) -> Tenant:
            old = await tenant_named(tx, name)
            if old.state == CLOSING:
                raise NotFound(f"tenant {name} is being removed")
            new = old._replace(
                display=old.display if display is None else shown_text(display) or name,
                state=state or old.state,
                reason=old.reason if reason is None else shown_text(reason),
            )
            if new.state == ACTIVE:
                new = new._replace(reason="")
            await tx.run(
                "UPDATE tenants SET display = ?2, state = ?3, reason = ?4 WHERE id = ?1",
                old.id, new.display, new.state, new.reason,
            )  # fmt: skip
            before, after = old._asdict(), new._asdict()
            changed = [field for field in before if before[field] != after[field]]
            if changed:
                change.touch("tenant", old.id)
                change.record(
                    "tenant.set", name, tenant=old.id,
                    old={field: before[field] for field in changed},
                    new={field: after[field] for field in changed},
                )  # fmt: skip
            return new

        return await self._ground.changes.run(actor, work)

    async def close(self, actor: Actor, name: str) -> Tenant:
        """Begin to remove a tenant: nobody of it signs in any more, and its mail is refused.

        Raises:
            NotFound: there is none of that name.
            Forbidden: it is the first one.
        """

        async def work(tx: Transaction, change: Change) -> Tenant:
            tenant = await tenant_named(tx, name)
            if tenant.id == DEFAULT_TENANT:
                raise Forbidden("the first tenant stays")
            if tenant.state != CLOSING:
                await tx.run("UPDATE tenants SET state = ?2, reason = '' WHERE id = ?1", tenant.id, CLOSING)
                await tx.run("DELETE FROM domain_claims WHERE tenant = ?1", tenant.id)
                change.touch("tenant", tenant.id)
                change.record("tenant.remove", name, tenant=tenant.id, old={"state": tenant.state})
            return tenant

        return await self._ground.changes.run(actor, work)

    async def remove(self, actor: Actor, name: str) -> None:
        """Remove a tenant with its domains, accounts and all their mail.

        Messages of it that wait in the queue are the queue's (`Queue.drop_tenant`); the octets of its mail go
        with the next housekeeping.

        Raises:
            NotFound: there is none of that name.
            Forbidden: it is the first one.
        """
        tenant = await self.close(actor, name)
        actor = actor.settled()
        while (address := await self._an_account(tenant.id)) is not None:
            await self._accounts.remove(actor, address)
        while await self._remove_a_domain(actor, tenant.id):
            pass

        async def end(tx: Transaction, change: Change) -> None:
            await forget(tx, tenant.id)
            change.touch("tenant", tenant.id)

        await self._ground.changes.run(None, end)

    async def _an_account(self, tenant: TenantId) -> Address | None:
        async def work(tx: Transaction) -> str | None:
            row = await tx.row("SELECT name FROM accounts WHERE tenant = ?1 ORDER BY name LIMIT 1", tenant)
            return None if row is None else str(row[0])

        name = await self._ground.database.read(work)
        return None if name is None else Address(*name.rsplit("@", 1))

    async def _remove_a_domain(self, actor: Actor, tenant: TenantId) -> bool:
        """Remove one domain; those that are aliases come first."""

        async def work(tx: Transaction, change: Change) -> bool:
            row = await tx.row(
                "SELECT id, name, created_ms FROM domains WHERE tenant = ?1"
                " ORDER BY CASE WHEN alias_of IS NULL THEN 1 ELSE 0 END, name LIMIT 1",
                tenant,
            )
            if row is None:
                return False
            await remove_domain(tx, change, Domain(row[1], tenant, row[2], row[0]))
            change.record("domain.remove", row[1], tenant=tenant)
            return True

        return await self._ground.changes.run(actor, work)


async def tenant_named(tx: Transaction, name: str) -> Tenant:
    """The tenant of a name.

    Raises:
        NotFound: there is none.
    """
    row = await tx.row(f"SELECT {_COLUMNS} FROM tenants WHERE name = ?1", name)  # noqa: S608 - constants
    if row is None:
        raise NotFound(f"no tenant {name}")
    return _tenant(row)


async def forget(tx: Transaction, tenant: TenantId) -> None:
    """Remove what a tenant without domains and accounts still has, at last its row.

    The keys under which its blobs are addressed and sealed stay until the last blob is gone
    (`store.housekeeping.tenant_keys`).
    """
    await tx.run("DELETE FROM api_keys WHERE tenant = ?1", tenant)
    await tx.run("DELETE FROM roles WHERE tenant = ?1", tenant)
    await tx.run("DELETE FROM role_grants WHERE scope = 'tenant' AND scope_id = ?1", tenant)
    await limits.forget(tx, "tenant", tenant)
    await tx.run("DELETE FROM tenant_octets WHERE tenant = ?1", tenant)
    await tx.run("DELETE FROM annotations WHERE account = ?1", -tenant)  # those that all of it share
    await tx.run("DELETE FROM tenants WHERE id = ?1", tenant)


def _tenant(row: Row) -> Tenant:
    number, name, display, state, reason, created_ms = row
    return Tenant(TenantId(number), name, display, state, reason, created_ms)
