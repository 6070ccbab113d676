"""Reads what there is as a plan: all of it, or what another plan may concern."""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from pymailcore.admin.operation import Record
from pymailcore.admin.plan.plan import (
    AccountPlan,
    Copy,
    DomainPlan,
    GroupPlan,
    Limits,
    Plan,
    TenantPlan,
    held,
    normal,
)
from pymailcore.directory.send_rights import ON_BEHALF, SEND_AS


class Do(Protocol):
    """Does an operation as somebody who may (`admin.registry.Administration.call`)."""

    async def __call__(self, name: str, /, **arguments: object) -> Record:
        """Do it."""
        ...


class StateReader:
    """Reads what there is.

    Args:
        wanted: accounts, aliases and groups are read only in domains that this plan names or that go with
            it, and limits, forwards and rights only where it names them; None for everything.
    """

    def __init__(self, do: Do, wanted: Plan | None = None) -> None:
        self._do = do
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

    async def _all(self, name: str, **arguments: object) -> AsyncIterator[Record]:
        """The items of a list, page by page."""
        following: object = None
        while True:
            after = {} if following is None else {"after": following}
            found = await self._do(name, **arguments, **after)
            for item in _items(found):
                yield item
            following = found.get("next")
            if following is None:
                return

    async def _tenants(self) -> dict[str, TenantPlan]:
        found: dict[str, TenantPlan] = {}
        async for item in self._all("tenant.list"):
            name = str(item["tenant"])
            values = {"display": item["display"], **_state(item)}
            values["limits"] = await self._limits("tenant", name)
            found[name] = msgspec.convert(values, TenantPlan)
        return found

    async def _domains(self, tenants: dict[str, TenantPlan]) -> dict[str, DomainPlan]:
        found: dict[str, DomainPlan] = {}
        for tenant in tenants:
            async for item in self._all("domain.list", tenant=tenant):
                name = str(item["domain"])
                values = {"tenant": tenant, "state": _state(item).get("state")}
                values["alias_of"] = item["alias_of"] or ""
                values["limits"] = await self._limits("domain", name)
                found[name] = msgspec.convert(values, DomainPlan)
        return dict(sorted(found.items()))

    async def _roles(self, tenants: dict[str, TenantPlan]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for tenant in (None, *tenants):
            async for item in self._all("role.list", tenant=tenant):
                if not item["built_in"] and item["of_tenant"] == (tenant is not None):
                    name = str(item["role"])
                    found[name if tenant is None else f"{tenant}/{name}"] = _texts(item["permissions"])
        return found

    async def _fill(self, state: Plan, domain: str) -> None:
        """Accounts, aliases and groups of a domain."""
        accounts, aliases, groups = state.accounts or {}, state.aliases or {}, state.groups or {}
        async for item in self._all("account.list", domain=domain):
            accounts[str(item["address"])] = await self._account(item)
        async for item in self._all("alias.list", domain=domain):
            aliases.setdefault(str(item["address"]), []).append(str(item["target"]))
        async for item in self._all("group.list", domain=domain):
            name = str(item["group"])
            members = [str(one["address"]) async for one in self._all("group.members", group=name)]
            groups[name] = msgspec.convert({"posting": item["posting"], "members": members}, GroupPlan)
        state.accounts, state.aliases, state.groups = accounts, aliases, groups

    async def _account(self, item: Record) -> AccountPlan:
        name = str(item["name"])
        rights = await self._send_rights(name)
        values = {field: item[field] for field in ("full_name", "kind", "send_blocked")}
        values |= _state(item) | {
            "limits": await self._limits("account", name),
            "forwards": await self._forwards(name),
            "send_as": [address for address, kind in rights if kind == SEND_AS],
            "on_behalf": [address for address, kind in rights if kind == ON_BEHALF],
            "roles": [],
        }
        return msgspec.convert(values, AccountPlan)

    async def _forwards(self, name: str) -> dict[str, Copy]:
        if not self._asks("accounts", name, "forwards"):
            return {}
        found = _items(await self._do("forward.list", account=name))
        return {str(one["target"]): "copy" if one["keep_copy"] else "no-copy" for one in found}

    async def _send_rights(self, name: str) -> list[tuple[str, str]]:
        if not self._asks("accounts", name, "send_as", "on_behalf"):
            return []
        found = _items(await self._do("send-right.list", account=name))
        return [(str(one["address"]), str(one["kind"])) for one in found]

    async def _grants(self, state: Plan) -> None:
        by_key = {name.casefold(): account for name, account in (state.accounts or {}).items()}
        async for item in self._all("role.holders"):
            account = by_key.get(str(item["account"]).casefold())
            if account is not None and account.roles is not None:
                account.roles.append(held(str(item["role"]), str(item["scope"]), str(item["on"])))

    async def _limits(self, kind: str, name: str) -> Limits:
        """The limits that something has."""
        if not self._asks(f"{kind}s", name, "limits"):
            return {}
        found = _items(await self._do("limit.show", **{kind: name}))
        return {str(one["limit"]): _number(one["value"]) for one in found if one["value"] is not None}

    def _asks(self, kind: str, name: str, *fields: str) -> bool:
        """Whether the plan says one of some things about something; if it does not, nobody wants to know."""
        if self._wanted is None:
            return True
        thing = (getattr(self._wanted, kind) or {}).get(name)
        return any(getattr(thing, field, None) is not None for field in fields)


def _state(item: Record) -> Record:
    """The state of something and its reason; nothing for what is being removed, which no plan can say."""
    if item["state"] == "closing":
        return {}
    return {"state": item["state"], "reason": item.get("reason", "") if item["state"] == "suspended" else ""}


def _items(found: Record) -> list[Record]:
    items = found["items"]
    return items if isinstance(items, list) else []


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
