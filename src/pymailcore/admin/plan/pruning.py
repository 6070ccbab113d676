"""What has to go so that nothing is there beside what a plan says. Pure.

Rules. Lists that a plan gives (targets of an alias, members of a group; roles, forwards, rights and limits of
something) are as the plan has them. Things of a kind that the plan has a section for go when they are not in
it, as far as they are its business: accounts, aliases and groups in its domains and in domains that go;
domains of its tenants; roles of its tenants and of the installation; tenants other than the first.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from pymailcore.admin.plan.differences import (
    Step,
    additions,
    grant_arguments,
    limit_steps,
    right_text,
    rights_of,
    role_arguments,
    same_addresses,
)
from pymailcore.admin.plan.plan import AccountPlan, GroupPlan, Limits, Plan
from pymailcore.directory.send_rights import ON_BEHALF, SEND_AS

FIRST_TENANT: Final = "default"


def differences(have: Plan, want: Plan, *, prune: bool = False) -> list[Step]:
    """The steps from what there is to what is wanted, in the order in which they can be done.

    Args:
        prune: also remove what the plan does not have.

    Raises:
        InvalidValue: a domain would have to move to another tenant.
    """
    if not prune:
        return list(additions(have, want))
    gone = _Gone(have, want)
    left = _left(have, gone)
    parted, left = _parted(left, gone)
    steps, left = _lists(left, want, gone)
    steps = parted + steps
    return [*steps, *gone.steps(), *_limits(left, want), *additions(left, want)]


class _Gone:
    """Names of all that goes."""

    def __init__(self, have: Plan, want: Plan) -> None:
        self._have = have
        named = want.tenants or {}
        known = have.domains or {}
        self.tenants = _absent(have.tenants, want.tenants, lambda name: name != FIRST_TENANT)
        self.domains = _absent(have.domains, want.domains, lambda name: known[name].tenant in named)
        # Everything in the domains of a tenant that goes, goes with it.
        self.lost = {name for name, domain in known.items() if domain.tenant in self.tenants}
        ours = (set(want.domains or {}) | set(self.domains)) - self.lost
        self.dead = self.lost | set(self.domains)
        self.accounts = _absent(have.accounts, want.accounts, lambda name: domain_of(name) in ours)
        self.groups = _absent(have.groups, want.groups, lambda name: domain_of(name) in ours - self.dead)
        self.roles = _absent(
            have.roles, want.roles, lambda name: "/" not in name or name.split("/")[0] in named
        )

    def steps(self) -> Iterator[Step]:
        """What is done to them, each before what it is in."""
        for name in self.groups:
            yield Step("-", f"group {name}", "group.remove", {"group": name})
        for name in self.accounts:
            yield Step("-", f"account {name}", "account.remove", {"account": name})
        known = self._have.domains or {}
        for name in sorted(self.domains, key=lambda name: not known[name].alias_of):
            yield Step("-", f"domain {name}", "domain.remove", {"domain": name})
        for name in self.tenants:
            yield Step("-", f"tenant {name}", "tenant.remove", {"tenant": name})
        for name in self.roles:  # last: whoever goes may hold one
            yield Step("-", f"role {name}", "role.remove", role_arguments(name))

    def has(self, address: str) -> bool:
        """Whether an address goes: of an account, or with its domain."""
        return address in self.accounts or domain_of(address) in self.lost

    def has_name(self, address: str) -> bool:
        """Whether the account or group goes whose first address this is."""
        return self.has(address) or address in self.groups or domain_of(address) in self.dead


def domain_of(address: str) -> str:
    """The domain of an address."""
    return address.rpartition("@")[2]


def _absent(
    have: Mapping[str, object] | None, want: Mapping[str, object] | None, ours: Callable[[str], bool]
) -> list[str]:
    if want is None:
        return []
    return [name for name in have or {} if name not in want and ours(name)]


def _left(have: Plan, gone: _Gone) -> Plan:
    """What is there when all that has gone, with what goes by itself then."""

    def account(one: AccountPlan) -> AccountPlan:
        roles = [role for role in one.roles or [] if not _is_on(role, gone)]
        send_as, on_behalf = (
            [address for address in rights or [] if not gone.has_name(address)]
            for rights in (one.send_as, one.on_behalf)
        )
        return msgspec.structs.replace(one, roles=roles, send_as=send_as, on_behalf=on_behalf)

    return Plan(
        tenants={name: one for name, one in (have.tenants or {}).items() if name not in gone.tenants},
        domains={name: one for name, one in (have.domains or {}).items() if name not in gone.dead},
        accounts={name: account(one) for name, one in (have.accounts or {}).items() if not gone.has(name)},
        aliases={name: to for name, to in (have.aliases or {}).items() if domain_of(name) not in gone.dead},
        groups={
            name: one
            for name, one in (have.groups or {}).items()
            if name not in gone.groups and domain_of(name) not in gone.dead
        },
        roles={
            name: one
            for name, one in (have.roles or {}).items()
            if name not in gone.roles and name.split("/")[0] not in gone.tenants
        },
        shown=have.shown,
    )


def _is_on(role: str, gone: _Gone) -> bool:
    """Whether a role is held on something that goes."""
    held = grant_arguments("", role)
    return held.get("tenant") in gone.tenants or held.get("domain") in gone.dead


def _parted(left: Plan, gone: _Gone) -> tuple[list[Step], Plan]:
    """The steps by which domains that stay are no aliases of those that go."""
    steps: list[Step] = []
    domains = dict(left.domains or {})
    for name, domain in domains.items():
        if domain.alias_of in gone.domains:
            text = f"domain {name}: alias_of {domain.alias_of} -> none"
            steps.append(Step("~", text, "domain.set", {"domain": name, "alias_of": ""}))
            domains[name] = msgspec.structs.replace(domain, alias_of="")
    return steps, msgspec.structs.replace(left, domains=domains)


def _lists(left: Plan, want: Plan, gone: _Gone) -> tuple[list[Step], Plan]:
    """The steps that make lists no longer than the plan has them, and what is left then.

    An account that goes is taken out of aliases and groups first, also where its address is wanted again for
    something else: what was said of the account goes with it, what was said before it was one does not.
    """
    steps: list[Step] = []
    aliases: dict[str, list[str]] = {}
    groups: dict[str, GroupPlan] = {}
    for name, targets in (left.aliases or {}).items():
        wanted = _wanted_targets(name, want)
        for target in targets:
            if (wanted is None or target in wanted) and target not in gone.accounts:
                aliases.setdefault(name, []).append(target)
                continue
            pair = {"address": left.shown.get(name, name), "target": left.shown.get(target, target)}
            steps.append(Step("-", f"alias {pair['address']} to {pair['target']}", "alias.remove", pair))
    for name, group in (left.groups or {}).items():
        new = (want.groups or {}).get(name)
        wanted = None if new is None else new.members
        members = group.members or []
        kept = [one for one in members if (wanted is None or one in wanted) and one not in gone.accounts]
        groups[name] = msgspec.structs.replace(group, members=kept)
        for member in members:
            if member not in kept:
                pair = {"group": name, "member": member}
                steps.append(Step("-", f"member {member} of group {name}", "group.member.remove", pair))
    for name, account in (left.accounts or {}).items():
        owner = (want.accounts or {}).get(name)
        if owner is not None:
            steps += _of_account(name, account, owner)
    return steps, msgspec.structs.replace(left, aliases=aliases, groups=groups)


def _of_account(name: str, have: AccountPlan, want: AccountPlan) -> Iterator[Step]:
    """What an account loses of roles, forwards and rights to write as others."""
    if want.roles is not None:
        for role in sorted(set(have.roles or []) - set(want.roles)):
            yield Step("-", f"role {role} from {name}", "role.revoke", grant_arguments(name, role))
    if want.forwards is not None:
        wanted = same_addresses(want.forwards)
        for key, (target, _) in same_addresses(have.forwards).items():
            if key not in wanted:
                pair = {"account": name, "target": target}
                yield Step("-", f"forward of {name} to {target}", "forward.remove", pair)
    kept = rights_of(want)
    governed = {SEND_AS: want.send_as is not None, ON_BEHALF: want.on_behalf is not None}
    for address, kind in rights_of(have).items():
        if governed[kind] and address not in kept:
            pair = {"account": name, "address": address}
            yield Step("-", right_text(name, address, kind), "send-right.revoke", pair)


def _wanted_targets(name: str, want: Plan) -> list[str] | None:
    """The targets that an alias is to have; None: that is not the plan's business."""
    if want.aliases is None or domain_of(name) not in (want.domains or {}):
        return None if want.aliases is None else want.aliases.get(name)
    return want.aliases.get(name, [])


def _limits(left: Plan, want: Plan) -> Iterator[Step]:
    """Take limits away that a table of limits does not have."""
    kinds: list[tuple[str, Mapping[str, Limits | None], Mapping[str, Limits | None]]] = [
        ("tenant", _limits_of(left.tenants), _limits_of(want.tenants)),
        ("domain", _limits_of(left.domains), _limits_of(want.domains)),
        ("account", _limits_of(left.accounts), _limits_of(want.accounts)),
    ]
    for kind, known, wanted in kinds:
        for name, new in wanted.items():
            old = known.get(name)
            if new is not None and old is not None:
                none: Limits = dict.fromkeys(set(old) - set(new))
                yield from limit_steps(kind, name, name, old, none)


def _limits_of(things: Mapping[str, msgspec.Struct] | None) -> dict[str, Limits | None]:
    return {name: getattr(thing, "limits", None) for name, thing in (things or {}).items()}
