"""Routes of addresses out of the tables, remembered: what RCPT, submission and delivery ask.

Contract: an answer costs no statement when it is remembered, one when an address is met for the first time
and its domain is known, and a few when aliases, groups or wildcards are on the way.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.base.address import Address
from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.cache import Lookup, tag
from pymailcore.directory.ground import Ground
from pymailcore.directory.names import Pattern
from pymailcore.directory.routing import ACTIVE, DomainFacts, Entry, resolve, worst
from pymailcore.directory.sql import listed
from pymailcore.directory.types import Posting, Route
from pymailcore.store.types import Row, Transaction

_DEEPEST_GROUP: Final = 10
"""Levels of groups in groups in which a member is looked for."""

_WHO: Final = "a.id, a.tenant, a.domain, a.state, f.target, f.keep_copy"
_THEIRS: Final = " LEFT JOIN forwards f ON f.account = a.id"
_DOMAIN: Final = (
    "SELECT d.id, d.tenant, d.state, t.state, o.name, o.state, w.address FROM domains d"
    " LEFT JOIN tenants t ON t.id = d.tenant LEFT JOIN domains o ON o.id = d.alias_of"
    " LEFT JOIN addresses w ON w.domain = d.id AND w.kind = 'wildcard' WHERE d.name = ?1"
)
_ENTRIES: Final = (
    f"SELECT e.address, e.created_ms, e.target_address, e.group_id, {_WHO}"  # noqa: S608 - constants
    " FROM addresses e LEFT JOIN accounts a ON a.id = e.target_account"
    f"{_THEIRS} WHERE e.address IN "
)
_OF_FEW: Final = _ENTRIES + "(?1, ?2, ?3, ?4)"
"""For one address with all its places; PostgreSQL plans it once, one with a list anew each time."""
_OF_MANY: Final = _ENTRIES + "(SELECT value FROM json_each(?1 /*text*/))"  # noqa: S608 - constants
_FEW: Final = 4
_MEMBERS: Final = (
    f"SELECT m.group_id, m.created_ms, m.display, NULL, {_WHO}"  # noqa: S608 - constants
    " FROM group_members m LEFT JOIN accounts a ON a.id = m.account"
    f"{_THEIRS} WHERE m.group_id IN (SELECT value FROM json_each(?1))"
)
_HOLDERS: Final = (
    f"SELECT 0, 0, NULL, NULL, {_WHO}"  # noqa: S608 - constants
    " FROM (SELECT DISTINCT h.account FROM role_grants h WHERE {}) h JOIN accounts a ON a.id = h.account"
    f"{_THEIRS}"
)
_OF_TENANT: Final = (
    _HOLDERS.format(
        "h.role = 'operator' AND h.scope = 'installation'"
        " OR h.role = 'tenant-admin' AND h.scope = 'tenant' AND h.scope_id = ?1"
    )
    + " WHERE a.tenant = ?1"
)
_STATES: Final = (
    "SELECT d.id, d.name, d.state, t.state FROM domains d LEFT JOIN tenants t ON t.id = d.tenant"
    " WHERE d.id IN (SELECT value FROM json_each(?1))"
)
_OPERATORS: Final = _HOLDERS.format("h.role = 'operator' AND h.scope = 'installation'")


class Asked(NamedTuple):
    """Somebody who writes to a group: an account here, or an address."""

    group: int
    account: int
    address: str


class TableLookups:
    """`routing.Lookups` over one transaction.

    Args:
        tags: gets what the answers depend on.
        domains: what is remembered of domains; None to read it.
    """

    def __init__(
        self, tx: Transaction, tags: set[int], domains: Lookup[str, DomainFacts | None] | None = None
    ) -> None:
        self._tx = tx
        self._tags = tags
        self._domains = domains
        self._states = {0: ACTIVE}

    async def domain(self, name: str) -> DomainFacts | None:
        """A domain that is kept here; None for all others."""
        known = None if self._domains is None else self._domains.peek(name)
        if known is None:
            facts = await load_domain(self._tx, name, self._tags)
        else:
            self._tags.update(known.tags)
            facts = known.value
        if facts is not None:
            self._states[facts.id] = facts.state
        return facts

    async def entries(self, keys: Sequence[str]) -> dict[str, list[Entry]]:
        """What addresses (in their key forms) stand for; those that nobody has are left out."""
        self._tags.update(tag("address", key) for key in keys)
        if not keys:
            return {}
        found: dict[str, list[Row]] = {}
        if len(keys) <= _FEW:
            rows = await self._tx.rows(_OF_FEW, *keys, *[keys[0]] * (_FEW - len(keys)))
        else:
            rows = await self._tx.rows(_OF_MANY, listed(keys))
        for row in rows:
            found.setdefault(row[0], []).append(row)
        return {key: await self._entries(rows) for key, rows in found.items()}

    async def members(self, groups: Sequence[int]) -> dict[int, list[Entry]]:
        """The members of groups."""
        self._tags.update(tag("group", group) for group in groups)
        found: dict[int, list[Row]] = {}
        for row in await self._tx.rows(_MEMBERS, listed(groups)):
            found.setdefault(row[0], []).append(row)
        return {group: await self._entries(rows) for group, rows in found.items()}

    async def administrators(self, tenant: TenantId, domain: str) -> list[Entry]:  # noqa: ARG002 - of all its domains
        """The tenant's administrators; the operators of the installation when it has none of its own."""
        self._tags |= {tag("roles", tenant), tag("roles", 0)}
        return await self._entries(await self._tx.rows(_OF_TENANT, tenant) or await self._tx.rows(_OPERATORS))

    async def _entries(self, rows: list[Row]) -> list[Entry]:
        """Put the rows of one address together: an account has one for each of its forwards."""
        await self._learn_states({row[6] for row in rows if row[4] is not None})
        postings = await self._postings({row[3] for row in rows if row[3] is not None})
        entries: dict[tuple[object, ...], Entry] = {}
        for row in sorted(rows, key=lambda row: (row[1], row[4] or 0, row[2] or "", row[8] or "")):
            _, _, target, group, account, tenant, domain, state, forward, keeps = row
            if account is not None:
                target = None
                self._tags |= {tag("account", account), tag("tenant", tenant)}
                state = worst(state, self._states.get(domain))
            known = entries.get((target, group, account))
            forwards = (() if known is None else known.forwards) + (() if forward is None else (forward,))
            entries[target, group, account] = Entry(
                account,
                tenant,
                target,
                postings.get(group),
                state or ACTIVE,
                forwards,
                (known is None or known.keeps) and keeps != 0,
            )
        return list(entries.values())

    async def _learn_states(self, domains: set[int]) -> None:
        """Read the states of domains; that of the address itself, which is most often theirs, is known."""
        unknown = domains - self._states.keys()
        if not unknown:
            return
        for domain, name, own, of_tenant in await self._tx.rows(_STATES, listed(sorted(unknown))):
            self._tags.add(tag("domain", name))
            self._states[domain] = worst(own, of_tenant)

    async def _postings(self, groups: set[int]) -> dict[int, Posting]:
        if not groups:
            return {}
        rows = await self._tx.rows(
            "SELECT id, tenant, posting FROM groups WHERE id IN (SELECT value FROM json_each(?1))",
            listed(sorted(groups)),
        )
        return {row[0]: Posting(row[0], TenantId(row[1]), row[2]) for row in rows}


async def load_domain(tx: Transaction, name: str, tags: set[int]) -> DomainFacts | None:
    """Read what routing knows of a domain."""
    tags.add(tag("domain", name))
    rows = await tx.rows(_DOMAIN, name)
    if not rows:
        return None
    number, tenant, own, of_tenant, other, of_other, _ = rows[0]
    tags.add(tag("tenant", tenant))
    if other is not None:
        tags.add(tag("domain", other))
    addresses = (Address.parse(row[6]) for row in rows if row[6] is not None)
    patterns = {Pattern.of(address) for address in addresses if address is not None} - {None}
    wildcards = sorted((one for one in patterns if one is not None), key=lambda one: one.rank)
    return DomainFacts(number, TenantId(tenant), worst(own, of_tenant, of_other), other, tuple(wildcards))


class Routes:
    """Where mail goes, as one process remembers it."""

    def __init__(self, ground: Ground) -> None:
        self._settings = ground.settings
        self._domains: Lookup[str, DomainFacts | None] = ground.lookup(load_domain)
        self._routes: Lookup[Address, Route | None] = ground.lookup(self._load)
        self._members: Lookup[Asked, bool] = ground.lookup(_is_member)

    async def _load(self, tx: Transaction, address: Address, tags: set[int]) -> Route | None:
        return await resolve(address, TableLookups(tx, tags, self._domains), self._settings)

    async def domain(self, name: str) -> DomainFacts | None:
        """What is known of a domain that is kept here; None for all others."""
        return await self._domains.get(name)

    async def route(self, address: Address) -> Route:
        """Say where mail for an address goes; see `Directory.route`.

        Raises:
            NotFound: its domain is kept here and nobody has the address.
            Loop, PermanentFailure: see `routing.resolve`.
        """
        known = self._routes.peek(address)
        if known is not None:
            route = known.value
        else:
            await self._domains.get(address.domain)
            route = await self._routes.get(address)
        if route is None:
            raise NotFound(f"nobody has {address}")
        return route

    async def may_post(
        self,
        route: Route,
        *,
        account: AccountId | None = None,
        tenant: TenantId | None = None,
        reverse_path: Address | None = None,
    ) -> bool:
        """Whether somebody may write to all groups of a route.

        Args:
            account, tenant: of somebody who has signed in; else the reverse-path says who he is, and a
                reverse-path of a domain that is kept here says nothing: who is here signs in.
        """
        for posting in route.postings:
            if posting.who == "tenant":
                allowed = tenant == posting.tenant
            elif account is not None:
                allowed = await self._members.get(Asked(posting.group, account, ""))
            elif reverse_path is None or await self._domains.get(reverse_path.domain) is not None:
                allowed = False
            else:
                allowed = await self._members.get(Asked(posting.group, 0, reverse_path.key))
            if not allowed:
                return False
        return True


async def _is_member(tx: Transaction, asked: Asked, tags: set[int]) -> bool:
    """Whether somebody is a member of a group, or of a group in it."""
    level, met = {asked.group}, {asked.group}
    for _ in range(_DEEPEST_GROUP):
        tags.update(tag("group", group) for group in level)
        found = await tx.row(
            "SELECT 1 FROM group_members WHERE group_id IN (SELECT value FROM json_each(?1))"
            " AND (account = ?2 OR address = ?3) LIMIT 1",
            listed(sorted(level)), asked.account, asked.address,
        )  # fmt: skip
        if found is not None:
            return True
        inner = await tx.rows(
            "SELECT DISTINCT g.id FROM group_members m JOIN groups g ON g.name = m.address"
            " WHERE m.group_id IN (SELECT value FROM json_each(?1))",
            listed(sorted(level)),
        )
        level = {row[0] for row in inner} - met
        met |= level
        if not level:
            break
    return False
