"""What has to be done so that what there is becomes as a plan says. Pure.

Theory. Both sides are plans; of what there is, every value is known. A plan changes only what it names, and
adds to lists (targets, members, roles of an account). Pruning makes lists as the plan has them (`pruning`).
Things come in the order in which one needs the other. When all steps are done there are none any more.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

import msgspec

from pymailcore.admin.plan.plan import AccountPlan, Copy, DomainPlan, Limits, Plan, TenantPlan, place
from pymailcore.base.address import Address
from pymailcore.base.errors import InvalidValue
from pymailcore.directory.send_rights import ON_BEHALF, SEND_AS

V = TypeVar("V")

_ACCOUNT_VALUES: Final = ("full_name", "kind", "state", "reason", "send_blocked")


class Step(NamedTuple):
    """One thing that is to be done.

    Attributes:
        sign: "+", "-" or "~".
        text: what, in a line; no secrets.
        operation, arguments: how; `password_file` among them is to be read first.
        about: the kind and name of what in the plan it is for; "" where that is not in it.
    """

    sign: str
    text: str
    operation: str
    arguments: Mapping[str, object]
    about: tuple[str, str] = ("", "")


def additions(have: Plan, want: Plan) -> Iterator[Step]:
    """The steps that bring what a plan names, in the order in which they can be done.

    Raises:
        InvalidValue: a domain would have to move to another tenant.
    """
    yield from _tenants(have, want)
    yield from _roles(have, want)
    yield from _domains(have, want)
    yield from _groups(have, want)
    yield from _accounts(have, want)
    yield from _aliases(have, want)
    yield from _members(have, want)
    yield from _forwards(have, want)
    yield from _send_rights(have, want)
    yield from _grants(have, want)


def _tenants(have: Plan, want: Plan) -> Iterator[Step]:
    for name, new, old in _pairs(have.tenants, want.tenants):
        if old is None:
            display = {} if new.display is None else {"display": new.display}
            yield Step("+", f"tenant {name}", "tenant.add", {"tenant": name, **display}, ("tenants", name))
            old = TenantPlan(display=new.display, state="active", reason="")
        yield from _changes("tenant", name, name, old, new, ("display", "state", "reason"))
        yield from limit_steps("tenant", name, name, old.limits, new.limits)


def _roles(have: Plan, want: Plan) -> Iterator[Step]:
    for name, new, old in _pairs(have.roles, want.roles):
        if old != new:
            sign, operation = ("+", "role.add") if old is None else ("~", "role.set")
            arguments = {**role_arguments(name), "permissions": new}
            yield Step(sign, f"role {name}: {', '.join(new)}", operation, arguments, ("roles", name))


def role_arguments(name: str) -> dict[str, str]:
    """How an operation is told of which role it is."""
    tenant, slash, role = name.rpartition("/")
    return {"role": role, "tenant": tenant} if slash else {"role": name}


def _domains(have: Plan, want: Plan) -> Iterator[Step]:
    later: list[Step] = []
    for name, new, old in _pairs(have.domains, want.domains):
        about = ("domains", name)
        if old is None:
            arguments = {"domain": name, "tenant": new.tenant}
            yield Step("+", f"domain {name} of tenant {new.tenant}", "domain.add", arguments, about)
            old = DomainPlan(tenant=new.tenant, state="active", alias_of="")
        if old.tenant != new.tenant:
            raise InvalidValue(f"domain {name} is of tenant {old.tenant}; it cannot move to {new.tenant}")
        if new.state is not None and old.state != new.state:
            arguments = {"domain": name, "state": new.state}
            text = f"domain {name}: state {old.state} -> {new.state}"
            yield Step("~", text, "domain.state", arguments, about)
        if new.alias_of is not None and old.alias_of != new.alias_of:
            text = f"domain {name}: alias_of {old.alias_of or 'none'} -> {new.alias_of or 'none'}"
            step = Step("~", text, "domain.set", {"domain": name, "alias_of": new.alias_of}, about)
            if new.alias_of:
                later.append(step)  # all domains are there then, and those that end to be aliases have
            else:
                yield step
        yield from limit_steps("domain", name, name, old.limits, new.limits)
    yield from later


def _groups(have: Plan, want: Plan) -> Iterator[Step]:
    for name, new, old in _pairs(have.groups, want.groups):
        shown, about = want.shown.get(name, name), ("groups", name)
        if old is None:
            posting = {} if new.posting is None else {"posting": new.posting}
            yield Step("+", f"group {shown}", "group.add", {"group": shown, **posting}, about)
        elif new.posting is not None and old.posting != new.posting:
            arguments = {"group": name, "posting": new.posting}
            text = f"group {shown}: posting {old.posting} -> {new.posting}"
            yield Step("~", text, "group.set", arguments, about)


def _accounts(have: Plan, want: Plan) -> Iterator[Step]:
    for name, new, old in _pairs(have.accounts, want.accounts):
        shown = want.shown.get(name, name)
        if old is None:
            yield Step("+", f"account {shown}", "account.add", _new_account(shown, new), ("accounts", name))
            old = AccountPlan(
                full_name=new.full_name, kind=new.kind, state="active", reason="", send_blocked=False
            )
        yield from _changes("account", name, shown, old, new, _ACCOUNT_VALUES)
        yield from limit_steps("account", name, shown, old.limits, new.limits)


def _new_account(shown: str, new: AccountPlan) -> dict[str, object]:
    values: dict[str, object] = {
        "full_name": new.full_name,
        "kind": new.kind,
        "verifier": new.password_hash,
        "password_file": new.password_file,
    }
    return {"account": shown, **{name: value for name, value in values.items() if value is not None}}


def _aliases(have: Plan, want: Plan) -> Iterator[Step]:
    """Aliases in an order in which each stands for what is there already."""
    waiting = dict(want.aliases or {})
    while waiting:
        ready = [
            name
            for name, targets in waiting.items()
            if not any(one in waiting for one in targets if one != name)
        ]
        for name in ready or list(waiting):
            known = (have.aliases or {}).get(name, [])
            for target in waiting.pop(name):
                if target not in known:
                    pair = {"address": want.shown.get(name, name), "target": want.shown.get(target, target)}
                    text = f"alias {pair['address']} to {pair['target']}"
                    yield Step("+", text, "alias.add", pair, ("aliases", name))


def _members(have: Plan, want: Plan) -> Iterator[Step]:
    for name, new, old in _pairs(have.groups, want.groups):
        known = [] if old is None else old.members or []
        for member in new.members or []:
            if member not in known:
                shown = want.shown.get(member, member)
                text = f"member {shown} of group {want.shown.get(name, name)}"
                arguments = {"group": name, "member": shown}
                yield Step("+", text, "group.member.add", arguments, ("groups", name))


def _forwards(have: Plan, want: Plan) -> Iterator[Step]:
    for name, new, old in _pairs(have.accounts, want.accounts):
        known = {} if old is None else same_addresses(old.forwards)
        for key, (target, copy) in same_addresses(new.forwards).items():
            there, before = known.get(key, (target, None))
            if before != copy:
                text = f"forward of {want.shown.get(name, name)} to {there}"
                text += ", without a copy" if copy == "no-copy" else ", with a copy" if before else ""
                arguments = {"account": name, "target": there, "keep_copy": copy == "copy"}
                sign = "~" if before else "+"
                yield Step(sign, text, "forward.set", arguments, ("accounts", name))


def same_addresses(forwards: Mapping[str, Copy] | None) -> dict[str, tuple[str, Copy]]:
    """Forwards by the keys of their addresses: two ways to write one are the same."""
    parsed = ((Address.parse(target), target, copy) for target, copy in (forwards or {}).items())
    return {address.key: (target, copy) for address, target, copy in parsed if address is not None}


def _send_rights(have: Plan, want: Plan) -> Iterator[Step]:
    for name, new, old in _pairs(have.accounts, want.accounts):
        known = rights_of(old)
        for address, kind in rights_of(new).items():
            if known.get(address) != kind:
                arguments = {"account": name, "address": address, "kind": kind}
                text = right_text(want.shown.get(name, name), want.shown.get(address, address), kind)
                sign = "~" if address in known else "+"
                yield Step(sign, text, "send-right.grant", arguments, ("accounts", name))


def rights_of(account: AccountPlan | None) -> dict[str, str]:
    """The kinds of rights to write as others, by addresses."""
    if account is None:
        return {}
    return dict.fromkeys(account.send_as or (), SEND_AS) | dict.fromkeys(account.on_behalf or (), ON_BEHALF)


def right_text(holder: str, address: str, kind: str) -> str:
    """A right to write as somebody else, in words."""
    return f"right of {holder} to write {'as' if kind == SEND_AS else 'on behalf of'} {address}"


def _grants(have: Plan, want: Plan) -> Iterator[Step]:
    for name, new, old in _pairs(have.accounts, want.accounts):
        known = [] if old is None else old.roles or []
        for role in new.roles or []:
            if role not in known:
                text = f"role {role} to {want.shown.get(name, name)}"
                yield Step("+", text, "role.grant", grant_arguments(name, role), ("accounts", name))


def grant_arguments(account: str, text: str) -> dict[str, str]:
    """How an operation is told what somebody holds."""
    role, on, where = text.partition(" on ")
    scope = dict([place(where)]) if on else {}
    return {"account": account, "role": role, **scope}


def _changes(
    kind: str, name: str, shown: str, old: msgspec.Struct, new: msgspec.Struct, fields: tuple[str, ...]
) -> Iterator[Step]:
    """One step for all values that differ."""
    before, after = msgspec.structs.asdict(old), msgspec.structs.asdict(new)
    differ = [one for one in fields if after[one] is not None and before[one] != after[one]]
    if differ:
        text = ", ".join(f"{one} {_shown(before[one])} -> {_shown(after[one])}" for one in differ)
        arguments = {kind: name, **{one: after[one] for one in differ}}
        yield Step("~", f"{kind} {shown}: {text}", f"{kind}.set", arguments, (f"{kind}s", name))


def limit_steps(kind: str, name: str, shown: str, old: Limits | None, new: Limits | None) -> Iterator[Step]:
    """One step for all limits that differ; what `new` does not name stays."""
    known = old or {}
    differ = {one: value for one, value in (new or {}).items() if known.get(one) != value}
    if differ:
        text = ", ".join(
            f"{one} {_shown(known.get(one))} -> {_shown(value)}" for one, value in differ.items()
        )
        arguments = {kind: name, "limits": differ}
        yield Step("~", f"limits of {kind} {shown}: {text}", "limit.set", arguments, (f"{kind}s", name))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else repr(value) if isinstance(value, str) else str(value)


def _pairs(have: Mapping[str, V] | None, want: Mapping[str, V] | None) -> Iterable[tuple[str, V, V | None]]:
    """What is wanted of one kind, each with what there is of it."""
    known = have or {}
    return [(name, new, known.get(name)) for name, new in (want or {}).items()]
