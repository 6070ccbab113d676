"""Reads what there is as a plan: all of it, or what another plan may concern."""

from pymailcore.admin.operation import Record
from pymailcore.admin.plan.plan import (
    AccountPlan,
    DomainPlan,
    GroupPlan,
    Limits,
    Plan,
    TenantPlan,
    held,
    normal,
)
from pymailcore.app.core import Core
from pymailcore.cli.operating import Pages, call, items_of, listed


class StateReader:
    """Reads what there is.

    Args:
        wanted: accounts, aliases and groups are read only in domains that this plan names or that go with
            it, and limits only of what it names; None for everything.
    """

    def __init__(self, core: Core, wanted: Plan | None = None) -> None:
        self._core = core
        self._wanted = wanted

    async def read(self) -> Plan:
        """All of it; every value is set."""
        tenants = await self._tenants()
        domains = await self._domains(tenants)
        state = Plan(
            tenants=tenants,
            domains=domains,
            accounts={},
            aliases={},
            groups={},
            roles=await self._roles(tenants),
        )
        for domain, found in domains.items():
            if self._concerns(domain, found):
                await self._fill(state, domain)
        await self._grants(state)
        return normal(state)

    def _concerns(self, domain: str, found: DomainPlan) -> bool:
        wanted = self._wanted
        return (
            wanted is None
            or domain in (wanted.domains or {})
            or found.tenant in (wanted.tenants or {})
            or (
                any(
                    name.endswith(f"@{domain}")
                    for things in (wanted.accounts, wanted.aliases, wanted.groups)
                    for name in things or {}
                )
            )
        )

    async def _tenants(self) -> dict[str, TenantPlan]:
        found: dict[str, TenantPlan] = {}
        async for items, _ in Pages(self._core, "tenant.list"):
            for item in items:
                name = str(item["tenant"])
                limits = await self._limits("tenant", name)
                found[name] = TenantPlan(
                    display=str(item["display"]), state=str(item["state"]), limits=limits
                )
        return found

    async def _domains(self, tenants: dict[str, TenantPlan]) -> dict[str, DomainPlan]:
        found: dict[str, DomainPlan] = {}
        for tenant in tenants:
            async for items, _ in Pages(self._core, "domain.list", tenant=tenant):
                for item in items:
                    name = str(item["domain"])
                    found[name] = DomainPlan(
                        tenant=tenant,
                        state=str(item["state"]),
                        alias_of=str(item["alias_of"] or ""),
                        limits=await self._limits("domain", name),
                    )
        return dict(sorted(found.items()))

    async def _roles(self, tenants: dict[str, TenantPlan]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for tenant in (None, *tenants):
            for item in await listed(self._core, "role.list", tenant=tenant):
                if not item["built_in"] and item["of_tenant"] == (tenant is not None):
                    name = str(item["role"])
                    found[name if tenant is None else f"{tenant}/{name}"] = _texts(item["permissions"])
        return found

    async def _fill(self, state: Plan, domain: str) -> None:
        """Accounts, aliases and groups of a domain."""
        accounts, aliases, groups = state.accounts or {}, state.aliases or {}, state.groups or {}
        async for items, _ in Pages(self._core, "account.list", domain=domain):
            for item in items:
                accounts[str(item["address"])] = await self._account(item)
        async for items, _ in Pages(self._core, "alias.list", domain=domain):
            for item in items:
                aliases.setdefault(str(item["address"]), []).append(str(item["target"]))
        async for items, _ in Pages(self._core, "group.list", domain=domain):
            for item in items:
                name = str(item["group"])
                groups[name] = GroupPlan(posting=str(item["posting"]), members=await self._members(name))
        state.accounts, state.aliases, state.groups = accounts, aliases, groups

    async def _account(self, item: Record) -> AccountPlan:
        return AccountPlan(
            full_name=str(item["full_name"]),
            kind=str(item["kind"]),
            state=str(item["state"]),
            send_blocked=bool(item["send_blocked"]),
            limits=await self._limits("account", str(item["name"])),
            roles=[],
        )

    async def _members(self, group: str) -> list[str]:
        found: list[str] = []
        async for items, _ in Pages(self._core, "group.members", group=group):
            found += [str(item["address"]) for item in items]
        return found

    async def _grants(self, state: Plan) -> None:
        by_key = {name.casefold(): account for name, account in (state.accounts or {}).items()}
        for item in await listed(self._core, "role.holders"):
            account = by_key.get(str(item["account"]).casefold())
            if account is not None and account.roles is not None:
                account.roles.append(held(str(item["role"]), str(item["scope"]), str(item["on"])))

    async def _limits(self, kind: str, name: str) -> Limits:
        """The limits that something has; none where nobody wants to know."""
        if self._wanted is not None:
            wanted = getattr(self._wanted, f"{kind}s") or {}
            if getattr(wanted.get(name), "limits", None) is None:
                return {}
        found = items_of(await call(self._core, "limit.show", **{kind: name}))
        return {str(one["limit"]): _number(one["value"]) for one in found if one["value"] is not None}


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
