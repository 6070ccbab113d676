"""Limits of tenants, domains and accounts: how much they may hold, make and send.

Theory. A limit of a tenant or a domain is for all that belongs to it together, a limit of an account for the
account alone, and all that there are hold at the same time. Octets, Emails and Mailboxes are the store's
quotas (`store.quotas`), which are counted where mail is kept; here they have their names beside the others.
Things that are made (accounts, domains, aliases, groups) are counted when one more is made, in the same
transaction. What is sent is counted by `directory.sending`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.base.ids import TenantId
from pymailcore.directory import sending
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.errors import OverLimit
from pymailcore.directory.ground import Ground
from pymailcore.directory.sending import Sent
from pymailcore.store.ops import quota
from pymailcore.store.types import Quota, Transaction

_ALL: Final = frozenset({"tenant", "domain", "account"})
_SHARED: Final = frozenset({"tenant", "domain"})

LIMITS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "octets": _ALL,
        "emails": _ALL,
        "mailboxes": _ALL,
        "domains": frozenset({"tenant"}),
        "claims": frozenset({"tenant"}),
        "accounts": _SHARED,
        "aliases": _SHARED,
        "groups": _SHARED,
        "messages_per_hour": _ALL,
        "messages_per_day": _ALL,
        "recipients_per_hour": _ALL,
        "recipients_per_day": _ALL,
        "first_recipients_per_hour": _ALL,
        "first_recipients_per_day": _ALL,
        "message_octets": _ALL,
    }
)
"""Every limit, and what can have it."""

QUOTAS: Final = frozenset(Quota._fields)
"""Those that the store keeps."""

_MOST: Final = 2**53 - 1  # what JSON carries exactly

_COUNTS: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("domains", "tenant"): "SELECT count(*) FROM domains WHERE tenant = ?1",
        ("claims", "tenant"): "SELECT count(*) FROM domain_claims WHERE tenant = ?1",
        ("accounts", "tenant"): "SELECT count(*) FROM accounts WHERE tenant = ?1",
        ("accounts", "domain"): "SELECT count(*) FROM accounts WHERE domain = ?1",
        ("aliases", "tenant"): "SELECT count(*) FROM addresses a JOIN domains d ON d.id = a.domain"
        " WHERE d.tenant = ?1 AND a.kind IN ('alias', 'wildcard')",
        ("aliases", "domain"): "SELECT count(*) FROM addresses WHERE domain = ?1"
        " AND kind IN ('alias', 'wildcard')",
        ("groups", "tenant"): "SELECT count(*) FROM groups WHERE tenant = ?1",
        ("groups", "domain"): "SELECT count(*) FROM groups WHERE domain = ?1",
    }
)


class Owner(NamedTuple):
    """What a limit belongs to.

    Attributes:
        scope: "tenant", "domain" or "account".
        name: the tenant's or domain's name, or the account's in its key form.
    """

    scope: str
    id: int
    name: str
    tenant: TenantId


class Limit(NamedTuple):
    """One limit as it stands: its value, None for none, and what of it is used, where that is counted."""

    name: str
    value: int | None
    used: int | None


async def require(
    tx: Transaction,
    what: str,
    *,
    tenant: TenantId,
    domain: int = 0,
    more: int = 1,
    default: int | None = None,
) -> None:
    """Check, in the transaction that makes them, that there may be so many more.

    Args:
        what: "accounts", "domains", "claims", "aliases" or "groups".
        domain: in which they are made; 0 for none.
        default: how many where nothing is set; None for any number.

    Raises:
        OverLimit: says which limit is reached.
    """
    for scope, scope_id in (("domain", domain), ("tenant", tenant)):
        if scope not in LIMITS[what] or not scope_id:
            continue
        row = await tx.row(
            "SELECT value FROM limits WHERE scope = ?1 AND scope_id = ?2 AND name = ?3", scope, scope_id, what
        )
        most = default if row is None else row[0]
        if most is not None and await _count(tx, what, scope, scope_id) + more > most:
            raise OverLimit(f"the {scope} may have {most} {what}")


async def _count(tx: Transaction, what: str, scope: str, scope_id: int) -> int:
    row = await tx.row(_COUNTS[what, scope], scope_id)
    return 0 if row is None else int(row[0])


async def forget(tx: Transaction, scope: str, scope_id: int) -> None:
    """Remove all limits and counts of something that is removed."""
    await tx.run("DELETE FROM limits WHERE scope = ?1 AND scope_id = ?2", scope, scope_id)
    await tx.run("DELETE FROM sent WHERE scope = ?1 AND scope_id = ?2", scope, scope_id)
    await tx.run("DELETE FROM quotas WHERE scope = ?1 AND id = ?2", scope, scope_id)


async def owner(tx: Transaction, scope: str, name: str) -> Owner:
    """Find what a limit is to belong to.

    Raises:
        NotFound: there is nothing of this name.
        InvalidValue: there is no such scope.
    """
    sql = _OWNERS.get(scope)
    if sql is None:
        raise InvalidValue("a limit is of a tenant, a domain or an account")
    row = await tx.row(sql, name)
    if row is None:
        raise NotFound(f"no {scope} {name}")
    return Owner(scope, row[0], row[1], TenantId(row[2]))


_OWNERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tenant": "SELECT id, name, id FROM tenants WHERE name = ?1",
        "domain": "SELECT id, name, tenant FROM domains WHERE name = ?1",
        "account": "SELECT id, name, tenant FROM accounts WHERE name = ?1",
    }
)


def check(scope: str, changes: Mapping[str, int | None]) -> None:
    """Check names and values of limits.

    Raises:
        InvalidValue: says which is wrong, and what there is.
    """
    for name, value in changes.items():
        if scope not in LIMITS.get(name, frozenset()):
            known = ", ".join(sorted(one for one, scopes in LIMITS.items() if scope in scopes))
            raise InvalidValue(f"{name!r} is no limit of a {scope}; there are {known}")
        if value is not None and not 0 <= value <= _MOST:
            raise InvalidValue(f"{name} is a number from 0 to 2**53 - 1, or none")


class Limits:
    """Limits of tenants, domains and accounts of an installation."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def set(
        self, actor: Actor, scope: str, name: str, changes: Mapping[str, int | None]
    ) -> dict[str, int | None]:
        """Change some limits; what is held, made or sent already stays, however much it is.

        Args:
            name: of a tenant or domain, or of an account in its key form.
            changes: by name; None takes a limit away. What is not named stays.

        Returns:
            What changed, with the new values.

        Raises:
            NotFound, InvalidValue: as their names say.
        """
        check(scope, changes)

        async def work(tx: Transaction, change: Change) -> dict[str, int | None]:
            whose = await owner(tx, scope, name)
            before = await _values(tx, whose)
            new = {one: value for one, value in changes.items() if before.get(one) != value}
            await _write(tx, whose, new)
            if new:
                old = {one: before.get(one) for one in new}
                change.record("limit.set", f"{scope} {whose.name}", tenant=whose.tenant, old=old, new=new)
                change.touch(scope, whose.name if scope == "domain" else whose.id)
            return new

        changed = await self._ground.changes.run(actor, work)
        if scope != "account" and not QUOTAS.isdisjoint(changed):
            await self._ground.store.quotas.recount()
        return changed

    async def show(self, scope: str, name: str) -> list[Limit]:
        """All limits that something can have, with those that it has and what is used of them.

        Raises:
            NotFound, InvalidValue: as their names say.
        """
        now_ms = self._ground.now_ms()

        async def work(tx: Transaction) -> list[Limit]:
            whose = await owner(tx, scope, name)
            values, used = await _values(tx, whose), await _used(tx, whose, now_ms)
            return [
                Limit(one, values.get(one), used.get(one))
                for one, scopes in LIMITS.items()
                if scope in scopes
            ]

        return await self._ground.database.read(work)


async def _values(tx: Transaction, whose: Owner) -> dict[str, int | None]:
    rows = await tx.rows(
        "SELECT name, value FROM limits WHERE scope = ?1 AND scope_id = ?2", whose.scope, whose.id
    )
    values: dict[str, int | None] = {row[0]: row[1] for row in rows}
    limits, _ = await quota.of(tx, whose.scope, whose.id)
    return values | dict(zip(Quota._fields, limits, strict=True))


async def _used(tx: Transaction, whose: Owner, now_ms: int) -> dict[str, int | None]:
    used: dict[str, int | None] = {}
    for one, scopes in LIMITS.items():
        if (one, whose.scope) in _COUNTS and whose.scope in scopes:
            used[one] = await _count(tx, one, whose.scope, whose.id)
    for each in await sending.sent(tx, whose.scope, whose.id, now_ms):
        used |= _sent(each)
    _, held = await quota.of(tx, whose.scope, whose.id)
    return used | dict(zip(Quota._fields, held, strict=True))


def _sent(one: Sent) -> dict[str, int | None]:
    return {
        f"messages_per_{one.per}": one.messages,
        f"recipients_per_{one.per}": one.recipients,
        f"first_recipients_per_{one.per}": one.first_recipients,
    }


async def _write(tx: Transaction, whose: Owner, changes: Mapping[str, int | None]) -> None:
    quotas = {name: value for name, value in changes.items() if name in QUOTAS}
    if quotas:
        await quota.change(tx, whose.scope, whose.id, quotas)
    for name, value in changes.items():
        if name in QUOTAS:
            continue
        if value is None:
            await tx.run(
                "DELETE FROM limits WHERE scope = ?1 AND scope_id = ?2 AND name = ?3",
                whose.scope,
                whose.id,
                name,
            )
            continue
        await tx.run(
            "INSERT INTO limits (scope, scope_id, name, value) VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT (scope, scope_id, name) DO UPDATE SET value = excluded.value",
            whose.scope,
            whose.id,
            name,
            value,
        )
