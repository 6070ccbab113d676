"""Limits of what an account, its domain and its tenant may hold.

Theory of operation. An account's own use is exact: counted in the transaction that changes it, and compared
there. What a domain or a tenant holds together is summed every few seconds (store.quotas) and compared as it
was counted last, at most ten seconds ago: an append then costs nothing more, and a burst may exceed such a
limit by what arrives in those seconds.

Standards: RFC 9208 section 5 (STORAGE, MESSAGE, MAILBOX), RFC 9051 section 7.1 (OVERQUOTA).
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from pymailcore.base.errors import InvalidValue, NotFound, OverQuota
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.ops.revision import Revision
from pymailcore.store.types import Quota, Transaction

SCOPES: Final = ("domain", "tenant")


class Shared(NamedTuple):
    """Limits that accounts share, and what these held when it was counted last."""

    limits: Quota
    used: Quota


class Limits(NamedTuple):
    """The limits of domains, by name, and of tenants."""

    domains: Mapping[str, Shared] = {}
    tenants: Mapping[int, Shared] = {}


NO_LIMITS: Final = Limits()


def require(revision: Revision, limits: Limits, octets: int, emails: int) -> None:
    """Check that an account can take so much more, before any of it is counted.

    Raises:
        OverQuota: says which limit is reached.
    """
    quota = revision.quota_octets
    if quota is not None and octets > 0 and revision.used_octets + octets > quota:
        raise OverQuota("over the account's quota of octets")
    quota = revision.quota_emails
    if quota is not None and emails > 0 and revision.used_emails + emails > quota:
        raise OverQuota("over the account's quota of Emails")
    if limits is not NO_LIMITS:
        require_shared(limits, revision.name, revision.tenant, Quota(octets, emails, 0))


def require_shared(limits: Limits, name: str, tenant: int, more: Quota) -> None:
    """The same for the domain of an account, which has this name, and for its tenant."""
    for scope, shared in (
        ("domain", limits.domains.get(name.rpartition("@")[2])),
        ("tenant", limits.tenants.get(tenant)),
    ):
        if shared is None:
            continue
        for what, limit, used, extra in zip(
            ("octets", "Emails", "Mailboxes"), shared.limits, shared.used, more, strict=True
        ):
            if limit is not None and extra and (used or 0) + extra > limit:
                raise OverQuota(f"over the {scope}'s quota of {what}")


async def read_limits(tx: Transaction) -> Limits:
    """Give all limits that accounts share."""
    rows = await tx.rows(
        "SELECT q.scope, q.id, d.name, q.limit_octets, q.limit_emails, q.limit_mailboxes, q.used_octets,"
        " q.used_emails, q.used_mailboxes FROM quotas q LEFT JOIN domains d ON d.id = q.id"
        " AND q.scope = 'domain'"
    )
    if not rows:
        return NO_LIMITS
    domains: dict[str, Shared] = {}
    tenants: dict[int, Shared] = {}
    for scope, id_, name, *numbers in rows:
        shared = Shared(Quota(*numbers[:3]), Quota(*numbers[3:]))
        if scope == "tenant":
            tenants[id_] = shared
        elif name is not None:
            domains[name] = shared
    return Limits(domains, tenants)


async def set_account(tx: Transaction, account: AccountId, quota: Quota) -> None:
    """Give an account its limits; None is for none. What it holds already stays, whatever they are.

    Raises:
        NotFound: no such account.
        InvalidValue: a limit is negative.
    """
    _check(quota)
    await tx.lock("accounts", (account,))
    done = await tx.run(
        "UPDATE accounts SET quota_octets = ?2, quota_emails = ?3, quota_mailboxes = ?4 WHERE id = ?1",
        account,
        *quota,
    )
    if not done:
        raise NotFound("no such account")


async def of_account(tx: Transaction, account: AccountId) -> tuple[Quota, Quota]:
    """An account's own limits and what it holds.

    Raises:
        NotFound: no such account.
    """
    row = await tx.row(
        "SELECT quota_octets, quota_emails, quota_mailboxes, used_octets, used_emails, used_mailboxes"
        " FROM accounts WHERE id = ?1",
        account,
    )
    if row is None:
        raise NotFound("no such account")
    return Quota(*row[:3]), Quota(*row[3:])


async def reclaimable(tx: Transaction, account: AccountId, mailbox: MailboxId) -> int:
    r"""Octets of the Emails whose every placement is in a Mailbox and has `\Deleted`."""
    row = await tx.row(
        "SELECT coalesce(sum(e.size_octets), 0) FROM emails e WHERE e.account = ?1 AND e.id IN"
        " (SELECT p.email FROM placements p WHERE p.mailbox = ?2 AND p.deleted = 1) AND NOT EXISTS"
        " (SELECT 1 FROM placements q WHERE q.email = e.id AND NOT (q.mailbox = ?2 AND q.deleted = 1))",
        account,
        mailbox,
    )
    return 0 if row is None else int(row[0])


async def free_octets(tx: Transaction, account: AccountId, limits: Limits) -> float:
    """How many octets an account could take in one Email more: below 0 for none, infinite without limits."""
    row = await tx.row(
        "SELECT quota_octets, quota_emails, used_octets, used_emails, name, tenant FROM accounts"
        " WHERE id = ?1",
        account,
    )
    if row is None:
        return math.inf  # who stores it will say so
    name, tenant = row[4:]
    pairs = [(Quota(*row[:2]), Quota(*row[2:4]))]
    shared = limits.domains.get(name.rpartition("@")[2]), limits.tenants.get(tenant)
    pairs += [(one.limits, one.used) for one in shared if one is not None]
    return min(_free(limit, used) for limit, used in pairs)


def _free(limit: Quota, used: Quota) -> float:
    if limit.emails is not None and (used.emails or 0) >= limit.emails:
        return -1
    return math.inf if limit.octets is None else limit.octets - (used.octets or 0)


async def of(tx: Transaction, scope: str, id_: int) -> tuple[Quota, Quota]:
    """The limits of an account, a domain or a tenant and what it holds; of the latter two as counted last.

    Raises:
        NotFound: no such account.
    """
    if scope == "account":
        return await of_account(tx, AccountId(id_))
    row = await tx.row(
        "SELECT limit_octets, limit_emails, limit_mailboxes, used_octets, used_emails, used_mailboxes"
        " FROM quotas WHERE scope = ?1 AND id = ?2",
        scope,
        id_,
    )
    return (Quota(), Quota()) if row is None else (Quota(*row[:3]), Quota(*row[3:]))


async def change(tx: Transaction, scope: str, id_: int, changes: Mapping[str, int | None]) -> None:
    """Change some limits of an account, a domain or a tenant; those that are not named stay.

    Args:
        scope: "account", "domain" or "tenant".
        changes: by the names of `Quota`.

    Raises:
        NotFound: there is no such account.
        InvalidValue: a limit is negative.
    """
    if scope == "account":
        await tx.lock("accounts", (id_,))
        limits, _ = await of_account(tx, AccountId(id_))
        await set_account(tx, AccountId(id_), limits._replace(**changes))
        return
    await tx.lock("quotas")
    limits, _ = await of(tx, scope, id_)
    await set_shared(tx, scope, id_, limits._replace(**changes))


async def listed(tx: Transaction, scope: str) -> list[tuple[str, Quota, Quota]]:
    """Accounts or domains by name, with their limits and what they hold; of a domain as counted last."""
    if scope == "account":
        sql = (
            "SELECT name, quota_octets, quota_emails, quota_mailboxes, used_octets, used_emails,"
            " used_mailboxes FROM accounts ORDER BY name"
        )
    else:
        sql = (
            "SELECT d.name, q.limit_octets, q.limit_emails, q.limit_mailboxes, q.used_octets, q.used_emails,"
            " q.used_mailboxes FROM quotas q JOIN domains d ON d.id = q.id WHERE q.scope = 'domain'"
            " ORDER BY d.name"
        )
    return [(row[0], Quota(*row[1:4]), Quota(*row[4:])) for row in await tx.rows(sql)]


async def set_shared(tx: Transaction, scope: str, id_: int, quota: Quota) -> None:
    """Give a domain or tenant its limits; without any it is no longer counted.

    Raises:
        InvalidValue: a limit is negative, or the scope is neither "domain" nor "tenant".
    """
    if scope not in SCOPES:
        raise InvalidValue("a quota is of a domain or of a tenant")
    _check(quota)
    if quota == Quota():
        await tx.run("DELETE FROM quotas WHERE scope = ?1 AND id = ?2", scope, id_)
        return
    await tx.run(
        "INSERT INTO quotas (scope, id, limit_octets, limit_emails, limit_mailboxes)"
        " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (scope, id) DO UPDATE SET"
        " limit_octets = excluded.limit_octets, limit_emails = excluded.limit_emails,"
        " limit_mailboxes = excluded.limit_mailboxes",
        scope,
        id_,
        *quota,
    )


def _check(quota: Quota) -> None:
    if any(limit is not None and not 0 <= limit < 2**63 for limit in quota):
        raise InvalidValue("a quota is a number from 0 to 2**63 - 1")


async def some_accounts(tx: Transaction, after: int, most: int) -> list[tuple[int, int, str, int, int, int]]:
    """Accounts after an id, by id: id, tenant, name, octets, Emails, Mailboxes that they hold."""
    rows = await tx.rows(
        "SELECT id, tenant, name, used_octets, used_emails, used_mailboxes FROM accounts WHERE id > ?1"
        " ORDER BY id LIMIT ?2",
        after,
        most,
    )
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows]


async def write_used(
    tx: Transaction, domains: Mapping[str, Quota], tenants: Mapping[int, Quota], now_ms: int
) -> int:
    """Note what domains and tenants hold; gives how many numbers were others than before."""
    changed = 0
    for scope, id_, name, *used in await tx.rows(
        "SELECT q.scope, q.id, d.name, q.used_octets, q.used_emails, q.used_mailboxes FROM quotas q"
        " LEFT JOIN domains d ON d.id = q.id AND q.scope = 'domain' ORDER BY q.scope, q.id"
    ):
        found = domains.get(name) if scope == "domain" else tenants.get(id_)
        now = Quota(0, 0, 0) if found is None else found
        if now != tuple(used):
            changed += await tx.run(
                "UPDATE quotas SET used_octets = ?3, used_emails = ?4, used_mailboxes = ?5, counted_ms = ?6"
                " WHERE scope = ?1 AND id = ?2",
                scope,
                id_,
                *now,
                now_ms,
            )
    return changed
