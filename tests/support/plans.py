"""Plans that can be carried out, and a model of what carrying out does."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from pymailcore.admin.plan.differences import Step
from pymailcore.admin.plan.plan import (
    AccountPlan,
    DomainPlan,
    GroupPlan,
    Limits,
    Plan,
    Posting,
    TenantPlan,
    held,
)

TENANTS = ("default", "acme", "beta")
DOMAINS = {"a.test": "default", "b.test": "default", "c.test": "acme", "d.test": "beta"}
PEOPLE = ("ann", "ben", "cem")
ELSEWHERE = ("x@net.test", "y@net.test")


def limits(*names: str) -> st.SearchStrategy[Limits]:
    """Limits that all plans keep, so that each can be carried out."""
    return st.dictionaries(st.sampled_from(names), st.integers(9, 12), max_size=2)


def place(address: str) -> str:
    """The domain of an address."""
    return address.rpartition("@")[2]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A whole plan, in which everything that is named is there."""
    tenants = {"default", *draw(st.sets(st.sampled_from(TENANTS)))}
    domains = draw(st.sets(st.sampled_from(sorted(name for name, of in DOMAINS.items() if of in tenants))))
    alias_of = {"b.test": "a.test"} if {"a.test", "b.test"} <= domains and draw(st.booleans()) else {}
    real = sorted(domains - alias_of.keys())
    names = [f"{who}@{domain}" for domain in real for who in PEOPLE]
    kinds = {name: draw(st.sampled_from(["account", "alias", "group", "none"])) for name in names}

    def of(kind: str) -> list[str]:
        return [name for name in names if kinds[name] == kind]

    roles = {name: ["account.read"] for name in sorted(draw(st.sets(st.sampled_from(["desk", "help"]))))}
    targets = st.lists(st.sampled_from([*of("account"), *ELSEWHERE]), unique=True, min_size=1, max_size=3)
    copies = st.sampled_from(["copy", "no-copy"])

    def forwards(name: str) -> dict[str, Any]:
        mine = [one for one in of("account") if one != name]
        return draw(st.dictionaries(st.sampled_from([*mine, *ELSEWHERE]), copies, max_size=2))

    def rights(name: str) -> dict[str, Any]:
        others = [*of("account"), *of("group")]
        mine = [one for one in others if one != name and DOMAINS[place(one)] == DOMAINS[place(name)]]
        kinds = {one: draw(st.sampled_from(["send_as", "on_behalf", ""])) for one in mine}
        return {
            kind: [one for one in mine if kinds[one] == kind and draw(st.booleans())]
            for kind in ("send_as", "on_behalf")
        }

    def state() -> dict[str, Any]:
        state = draw(st.sampled_from(["active", "suspended"]))
        return {"state": state, "reason": draw(st.sampled_from(["", "unpaid"])) if state != "active" else ""}

    grants = [held(role, "installation", "") for role in (*roles, "operator")]
    grants += [held("domain-admin", "domain", name) for name in sorted(domains)]
    grants += [held("tenant-admin", "tenant", name) for name in sorted(tenants)]
    return Plan(
        tenants={
            name: TenantPlan(display=draw(st.sampled_from("XY")), limits=draw(limits("domains")), **state())
            for name in sorted(tenants)
        },
        domains={
            name: DomainPlan(
                tenant=DOMAINS[name],
                state=draw(st.sampled_from(["active", "suspended"])),
                alias_of=alias_of.get(name, ""),
                limits=draw(limits("accounts", "octets")),
            )
            for name in sorted(domains)
        },
        accounts={
            name: AccountPlan(
                full_name=draw(st.sampled_from(["", "A"])),
                kind=draw(st.sampled_from(["personal", "shared"])),
                send_blocked=draw(st.booleans()),
                limits=draw(limits("octets", "emails")),
                forwards=forwards(name),
                **rights(name),
                **state(),
                roles=sorted(draw(st.sets(st.sampled_from(grants), max_size=3))),
            )
            for name in of("account")
        },
        aliases={name: draw(targets) for name in of("alias")},
        groups={
            name: GroupPlan(posting=draw(st.sampled_from(["everyone", "members"])), members=draw(targets))
            for name in of("group")
        },
        roles=roles,
    )


C = TypeVar("C", TenantPlan, AccountPlan)


def changed(thing: C, values: dict[str, object]) -> C:
    """A thing with other values, as the operations do it: what is active has no reason."""
    new = msgspec.structs.replace(thing, **values)
    if new.state == "active":
        new.reason = ""
    return new


class World:
    """What there is, changed by steps as the real operations change it."""

    def __init__(self, plan: Plan) -> None:
        self.plan: Any = msgspec.convert(msgspec.to_builtins(plan), Plan)  # of whom every value is set

    def do(self, steps: Iterable[Step]) -> None:
        for step in steps:
            arguments: Any = dict(step.arguments)
            getattr(self, step.operation.replace(".", "_").replace("-", "_"))(**arguments)

    def tenant_add(self, tenant: str, display: str = "X") -> None:
        assert tenant not in self.plan.tenants
        self.plan.tenants[tenant] = TenantPlan(display=display, state="active", reason="", limits={})

    def tenant_set(self, tenant: str, **values: object) -> None:
        self.plan.tenants[tenant] = changed(self.plan.tenants[tenant], values)

    def tenant_remove(self, tenant: str) -> None:
        del self.plan.tenants[tenant]
        for name in [name for name, one in self.plan.domains.items() if one.tenant == tenant]:
            for account in [one for one in self.plan.accounts if one.endswith(f"@{name}")]:
                self.account_remove(account)
            self.plan.domains[name].alias_of = ""
            self.domain_remove(name)
        for account in self.plan.accounts.values():
            account.roles = [one for one in account.roles if not one.endswith(f" on {tenant}")]

    def domain_add(self, domain: str, tenant: str) -> None:
        assert domain not in self.plan.domains
        assert tenant in self.plan.tenants
        self.plan.domains[domain] = DomainPlan(tenant=tenant, state="active", alias_of="", limits={})

    def domain_state(self, domain: str, state: str) -> None:
        self.plan.domains[domain].state = state

    def domain_set(self, domain: str, alias_of: str) -> None:
        if alias_of:
            assert not self.plan.domains[alias_of].alias_of
            assert domain not in [one.alias_of for one in self.plan.domains.values()]
        self.plan.domains[domain].alias_of = alias_of

    def domain_remove(self, domain: str) -> None:
        assert not [name for name in self.plan.accounts if name.endswith(f"@{domain}")]
        assert domain not in [one.alias_of for one in self.plan.domains.values()]
        del self.plan.domains[domain]
        for things in (self.plan.aliases, self.plan.groups):
            for name in [name for name in things if name.endswith(f"@{domain}")]:
                del things[name]
                self._nobodys(name)
        for account in self.plan.accounts.values():
            account.roles = [one for one in account.roles if not one.endswith(f" on {domain}")]

    def account_add(self, account: str, **values: object) -> None:
        assert not any(
            account in things for things in (self.plan.accounts, self.plan.aliases, self.plan.groups)
        )
        assert account.rpartition("@")[2] in self.plan.domains
        new = AccountPlan(
            full_name="", kind="personal", state="active", reason="", send_blocked=False, limits={},
            forwards={}, send_as=[], on_behalf=[], roles=[],
        )  # fmt: skip
        self.plan.accounts[account] = msgspec.structs.replace(new, **values)

    def account_set(self, account: str, **values: object) -> None:
        self.plan.accounts[account] = changed(self.plan.accounts[account], values)

    def account_remove(self, account: str) -> None:
        """Aliases and groups of the same tenant lose it; for others it was an address elsewhere."""
        del self.plan.accounts[account]
        self._nobodys(account)
        tenant = self.plan.domains[place(account)].tenant
        for name, targets in list(self.plan.aliases.items()):
            if self.plan.domains[place(name)].tenant == tenant:
                self.plan.aliases[name] = [one for one in targets if one != account]
                if not self.plan.aliases[name]:
                    del self.plan.aliases[name]
        for name, group in self.plan.groups.items():
            if self.plan.domains[place(name)].tenant == tenant:
                group.members = [one for one in group.members if one != account]

    def alias_add(self, address: str, target: str) -> None:
        assert address not in self.plan.groups
        assert target in ELSEWHERE or target in self.plan.accounts
        targets = self.plan.aliases.setdefault(address, [])
        assert target not in targets
        targets.append(target)

    def alias_remove(self, address: str, target: str) -> None:
        self.plan.aliases[address].remove(target)
        if not self.plan.aliases[address]:
            del self.plan.aliases[address]

    def group_add(self, group: str, posting: Posting = "everyone") -> None:
        assert not any(
            group in things for things in (self.plan.accounts, self.plan.aliases, self.plan.groups)
        )
        self.plan.groups[group] = GroupPlan(posting=posting, members=[])

    def group_set(self, group: str, posting: Posting) -> None:
        self.plan.groups[group].posting = posting

    def group_remove(self, group: str) -> None:
        del self.plan.groups[group]
        self._nobodys(group)

    def group_member_add(self, group: str, member: str) -> None:
        assert member in ELSEWHERE or member in self.plan.accounts
        assert member not in self.plan.groups[group].members
        self.plan.groups[group].members.append(member)

    def group_member_remove(self, group: str, member: str) -> None:
        self.plan.groups[group].members.remove(member)

    def role_add(self, role: str, permissions: list[str]) -> None:
        assert role not in self.plan.roles
        self.plan.roles[role] = permissions

    def role_set(self, role: str, permissions: list[str]) -> None:
        self.plan.roles[role] = permissions

    def role_remove(self, role: str) -> None:
        assert not any(role in account.roles for account in self.plan.accounts.values())
        del self.plan.roles[role]

    def role_grant(self, account: str, role: str, **scope: str) -> None:
        (kind, name), *_ = [*scope.items(), ("installation", "")]
        self.plan.accounts[account].roles.append(held(role, kind, name))

    def role_revoke(self, account: str, role: str, **scope: str) -> None:
        (kind, name), *_ = [*scope.items(), ("installation", "")]
        self.plan.accounts[account].roles.remove(held(role, kind, name))

    def forward_set(self, account: str, target: str, keep_copy: bool) -> None:
        known = {*ELSEWHERE, *self.plan.accounts, *self.plan.aliases, *self.plan.groups} - {account}
        assert target in known
        self.plan.accounts[account].forwards[target] = "copy" if keep_copy else "no-copy"

    def forward_remove(self, account: str, target: str) -> None:
        del self.plan.accounts[account].forwards[target]

    def send_right_grant(self, account: str, address: str, kind: str) -> None:
        assert address in {*self.plan.accounts, *self.plan.groups} - {account}
        self._revoke(account, address)
        getattr(self.plan.accounts[account], kind.replace("-", "_")).append(address)

    def send_right_revoke(self, account: str, address: str) -> None:
        assert self._revoke(account, address)

    def _revoke(self, account: str, address: str) -> bool:
        holder = self.plan.accounts[account]
        for rights in (holder.send_as, holder.on_behalf):
            if address in rights:
                rights.remove(address)
                return True
        return False

    def _nobodys(self, address: str) -> None:
        for account in self.plan.accounts:
            self._revoke(account, address)

    def limit_set(self, limits: Limits, **whose: str) -> None:
        ((kind, name),) = whose.items()
        known = {"tenant": self.plan.tenants, "domain": self.plan.domains, "account": self.plan.accounts}
        thing = known[kind][name]
        thing.limits = {one: value for one, value in (thing.limits | limits).items() if value is not None}

    def content(self) -> object:
        """What there is, without the order of lists."""
        plain = msgspec.to_builtins(self.plan)
        plain["aliases"] = {name: sorted(targets) for name, targets in plain["aliases"].items()}
        for thing in (*plain["groups"].values(), *plain["accounts"].values()):
            for field in ("members", "roles", "send_as", "on_behalf"):
                if field in thing:
                    thing[field] = sorted(thing[field])
        return plain
