"""Aliases and wildcards: addresses that stand for accounts here or for addresses elsewhere.

Standards: RFC 5321 section 3.9.1 (alias).

Contract: an alias has one or many targets, each a row. What is in another tenant's domain is elsewhere:
nobody is told whether it exists. A wildcard is an alias whose local part has one `*`; `*@domain` is the
domain's catch-all.
"""

from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.errors import AlreadyExists, InvalidValue, NotFound, OverQuota
from pymailcore.base.ids import AccountId
from pymailcore.directory import account_rows, identities, limits
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.domains import domain_named
from pymailcore.directory.ground import Ground
from pymailcore.directory.names import Pattern, domain_name
from pymailcore.directory.permissions import View
from pymailcore.directory.sql import prefix_end, seen
from pymailcore.directory.types import Alias, Domain
from pymailcore.store.types import Transaction

_PAGE: Final = (
    "SELECT e.display, COALESCE(p.display, a.name, e.target_address), e.target_account IS NOT NULL"
    " FROM addresses e JOIN domains d ON d.id = e.domain LEFT JOIN accounts a ON a.id = e.target_account"
    " LEFT JOIN addresses p ON p.target_account = e.target_account AND p.kind = 'primary'"
    " WHERE e.kind IN ('alias', 'wildcard') AND e.address >= ?1 AND e.address < ?2"
    " AND (e.address > ?3 OR e.address = ?3 AND COALESCE(p.display, a.name, e.target_address) > ?4)"
    " AND (?5 = 0 OR e.domain = ?5) AND (?6 = 1 OR d.tenant IN (SELECT value FROM json_each(?7))"
    " OR d.id IN (SELECT value FROM json_each(?8))) ORDER BY e.address, 2 LIMIT ?9"
)


class Addresses:
    """The aliases and wildcards of an installation."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def page(
        self,
        view: View,
        *,
        after: tuple[str, str] = ("", ""),
        limit: int = 1_000,
        domain: str | None = None,
        prefix: str = "",
    ) -> list[Alias]:
        """Aliases by address and target, those behind `after` (the address in its key form, the target).

        Raises:
            InvalidValue, NotFound: that is no domain; it is not kept here.
        """
        name, begin = None if domain is None else domain_name(domain), prefix.casefold()

        async def work(tx: Transaction) -> list[Alias]:
            number = 0 if name is None else (await domain_named(tx, name)).id
            rows = await tx.rows(
                _PAGE, begin, prefix_end(begin), *after, number, *seen(view), limit
            )  # fmt: skip
            return [Alias(row[0], row[1], bool(row[2])) for row in rows]

        return await self._ground.database.read(work)

    async def add(self, actor: Actor, address: Address, target: Address) -> None:
        """Let mail for an address also go to a target: an account, another alias, a group, or elsewhere.

        An account that is the target of an alias may send as the address and gets an identity for it. An
        address that has an account may have aliases too: then both get the mail.

        Args:
            address: with a `*` in its local part a wildcard.

        Raises:
            NotFound: the domain is not kept here, or nobody in the tenant's domains has the target.
            AlreadyExists: the alias is there.
            InvalidValue: the address would stand for itself; more than one `*`.
            OverLimit, OverQuota: tenant or domain has as many as it may.
        """
        pattern = _pattern(address)
        key = address.key if pattern is None else pattern.key
        if key == target.key:
            raise InvalidValue(f"{address} cannot stand for itself")
        kind = "alias" if pattern is None else "wildcard"
        identity, now_ms = self._ground.ids.new(), self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> None:
            domain = await domain_named(tx, address.domain)
            account = await account_rows.of_tenant(tx, domain.tenant, target, self._ground.settings)
            await _require_new(tx, key, account, target)
            await limits.require(tx, "aliases", tenant=domain.tenant, domain=domain.id)
            if pattern is not None:
                await self._require_few(tx, domain, key)
                change.touch("domain", domain.name)
            await tx.run(
                "INSERT INTO addresses (address, target_account, target_address, kind, display, created_ms,"
                " domain) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                key, account, None if account is not None else str(target), kind, str(address), now_ms,
                domain.id,
            )  # fmt: skip
            change.touch("address", key)
            change.record("alias.add", address, tenant=domain.tenant, new={"target": str(target)})
            if account is not None:
                change.touch("account", account)
                if pattern is None:
                    await identities.insert(tx, identity, account, str(address))
                    change.tell(account, await self._ground.store.bump(tx, account, "identity"))

        await self._ground.changes.run(actor, work)

    async def remove(self, actor: Actor, address: Address, target: Address | None = None) -> None:
        """Remove an alias; with no target, all aliases of the address.

        Raises:
            NotFound: there is no such alias.
            InvalidValue: more than one `*`.
        """
        pattern = _pattern(address)
        key = address.key if pattern is None else pattern.key

        async def work(tx: Transaction, change: Change) -> None:
            domain = await domain_named(tx, address.domain)
            account = None if target is None else await account_rows.id_of(tx, target.key)
            rows = await tx.rows(
                "DELETE FROM addresses WHERE address = ?1 AND kind IN ('alias', 'wildcard')"
                " AND (?2 = 1 OR target_account = ?3 OR target_address = ?4)"
                " RETURNING target_account, target_address",
                key, int(target is None), account, None if target is None else str(target),
            )  # fmt: skip
            if not rows:
                raise NotFound(f"no alias {address}" + ("" if target is None else f" for {target}"))
            change.touch("address", key)
            change.touch("domain", domain.name)
            for mine, elsewhere in rows:
                old = elsewhere
                if mine is not None:
                    old = await self._end(tx, change, AccountId(mine), str(address))
                change.record("alias.remove", address, tenant=domain.tenant, old={"target": old})

        await self._ground.changes.run(actor, work)

    async def _end(self, tx: Transaction, change: Change, account: AccountId, address: str) -> str | None:
        """Let an account no longer send as an address; gives its name."""
        await identities.delete_for_address(tx, account, address)
        change.tell(account, await self._ground.store.bump(tx, account, "identity"))
        change.touch("account", account)
        row = await tx.row("SELECT name FROM accounts WHERE id = ?1", account)
        return None if row is None else str(row[0])

    async def _require_few(self, tx: Transaction, domain: Domain, key: str) -> None:
        """Every wildcard of a domain is looked at for each address that nobody has."""
        most = self._ground.settings.wildcards_per_domain_count
        row = await tx.row(
            "SELECT count(DISTINCT address) FROM addresses WHERE domain = ?1 AND kind = 'wildcard'"
            " AND address <> ?2",
            domain.id,
            key,
        )
        if row is not None and row[0] >= most:
            raise OverQuota(f"a domain may have {most} wildcards")


def _pattern(address: Address) -> Pattern | None:
    """Read an address as a wildcard, if it is one."""
    if address.localpart.count("*") > 1:
        raise InvalidValue(f"{address} has more than one *")
    return Pattern.of(address)


async def _require_new(tx: Transaction, key: str, account: AccountId | None, target: Address) -> None:
    there = await tx.row(
        "SELECT 1 FROM addresses WHERE address = ?1 AND (target_account = ?2 OR target_address = ?3)",
        key,
        account,
        str(target),
    )
    if there is not None:
        raise AlreadyExists(f"{key} stands for {target} already")
    group = await tx.row("SELECT 1 FROM addresses WHERE address = ?1 AND kind = 'group'", key)
    if group is not None:
        raise AlreadyExists(f"{key} is a group")
