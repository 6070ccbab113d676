"""A plan: tenants, domains, accounts, aliases, groups, limits and roles as they should be.

docs/operate/plan.md describes the file for users, `admin.plan.reading` reads it. The same class holds what
there is, with every value set; so plans are compared like with like (`admin.plan.differences`). Pure: no
files are read here, and secrets are hashes or names of files.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeVar

import msgspec

from pymailcore.base.address import Address, normalise_domain
from pymailcore.base.errors import InvalidValue

K = TypeVar("K")
V = TypeVar("V")

Limits = dict[str, int | None]
"""Limits by name; None for none."""


class Thing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Values of something; None where a plan says nothing about them."""


State = Literal["active", "suspended"]
Copy = Literal["copy", "no-copy"]
Posting = Literal["everyone", "tenant", "members"]


class TenantPlan(Thing):
    """A tenant; `reason`: why it is suspended, for people; only with that state."""

    display: str | None = None
    state: State | None = None
    reason: str | None = None
    limits: Limits | None = None


class DomainPlan(Thing):
    """A domain; `alias_of` is "" when it is none."""

    tenant: str = "default"
    state: State | None = None
    alias_of: str | None = None
    limits: Limits | None = None


class AccountPlan(Thing):
    """An account.

    Attributes:
        password_hash, password_file: with which it is made; those of an account that exists stay.
        forwards: where its mail also goes, and whether it keeps a copy then; addresses as they were written.
        send_as, on_behalf: addresses of others as which it may write, openly as itself in the latter.
        roles: "operator", "tenant-admin on acme", "domain-admin on example.org".
    """

    full_name: str | None = None
    kind: Literal["personal", "shared", "resource"] | None = None
    state: State | None = None
    reason: str | None = None
    send_blocked: bool | None = None
    password_hash: str | None = None
    password_file: str | None = None
    limits: Limits | None = None
    forwards: dict[str, Copy] | None = None
    send_as: list[str] | None = None
    on_behalf: list[str] | None = None
    roles: list[str] | None = None


class GroupPlan(Thing):
    """A group."""

    posting: Posting | None = None
    members: list[str] | None = None


class Plan(Thing):
    """All of it, by names in their key form; None for a kind of which a plan says nothing.

    Attributes:
        roles: permissions by the role's name, with its tenant's name and a slash before it if it has one.
        shown: how addresses were written, by their key form.
        lines: where a thing begins in the file that was read, by its kind and its name.
    """

    tenants: dict[str, TenantPlan] | None = None
    domains: dict[str, DomainPlan] | None = None
    accounts: dict[str, AccountPlan] | None = None
    aliases: dict[str, list[str]] | None = None
    groups: dict[str, GroupPlan] | None = None
    roles: dict[str, list[str]] | None = None
    shown: dict[str, str] = {}
    lines: dict[str, dict[str, int]] = {}


def normal(plan: Plan) -> Plan:
    """Bring all names into their key form, and note how they were written.

    Raises:
        InvalidValue: something is none, or stands there twice.
    """
    shown: dict[str, str] = {}

    def key(text: str) -> str:
        address = Address.parse(text.strip())
        if address is None:
            raise InvalidValue(f"{text!r} is no mail address")
        shown.setdefault(address.key, str(address))
        return address.key

    def keys(texts: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(key(text) for text in texts))

    return Plan(
        tenants=_renamed(plan.tenants, str, _reasoned),
        domains=_renamed(plan.domains, domain_key, _domain),
        accounts=_renamed(plan.accounts, key, lambda account: _account(account, keys)),
        aliases=_renamed(plan.aliases, key, keys),
        groups=_renamed(plan.groups, key, lambda group: _group(group, keys)),
        roles=_renamed(plan.roles, str, lambda permissions: sorted(set(permissions))),
        shown=shown,
    )


def _renamed(
    things: Mapping[str, K] | None, name: Callable[[str], str], value: Callable[[K], V]
) -> dict[str, V] | None:
    """A map under other names, with other values."""
    if things is None:
        return None
    new: dict[str, V] = {}
    for old, thing in things.items():
        if name(old) in new:
            raise InvalidValue(f"{old} stands there twice")
        new[name(old)] = value(thing)
    return new


def domain_key(text: str) -> str:
    """The one form of a domain's name.

    Raises:
        InvalidValue: it is none.
    """
    name = normalise_domain(text.strip())
    if name is None:
        raise InvalidValue(f"{text!r} is no domain")
    return name


def _domain(domain: DomainPlan) -> DomainPlan:
    alias_of = domain_key(domain.alias_of) if domain.alias_of else domain.alias_of
    return msgspec.structs.replace(domain, alias_of=alias_of)


R = TypeVar("R", TenantPlan, AccountPlan)


def _reasoned(thing: R) -> R:
    if thing.reason and thing.state != "suspended":
        raise InvalidValue('a reason is for what is suspended: give state = "suspended" with it')
    return thing


def _account(account: AccountPlan, keys: Callable[[Iterable[str]], list[str]]) -> AccountPlan:
    if account.password_file is not None and account.password_hash is not None:
        raise InvalidValue("an account has a password_file or a password_hash, not both")
    send_as, on_behalf = _maybe(account.send_as, keys), _maybe(account.on_behalf, keys)
    twice = set(send_as or ()) & set(on_behalf or ())
    if twice:
        raise InvalidValue(f"{min(twice)} stands in send_as and in on_behalf; a right is one of the two")
    return msgspec.structs.replace(
        _reasoned(account),
        forwards=None if account.forwards is None else _forwards(account.forwards),
        send_as=send_as,
        on_behalf=on_behalf,
        roles=_maybe(account.roles, lambda roles: sorted({_held(role) for role in roles})),
    )


def _forwards(forwards: Mapping[str, Copy]) -> dict[str, Copy]:
    """Forwards with addresses in the form in which they are kept: the local part as it was written."""
    found: dict[str, Copy] = {}
    for text, copy in forwards.items():
        address = Address.parse(text.strip())
        if address is None:
            raise InvalidValue(f"{text!r} is no mail address")
        found[str(address)] = copy
    return found


def _maybe(texts: list[str] | None, change: Callable[[Iterable[str]], list[str]]) -> list[str] | None:
    return None if texts is None else change(texts)


def _group(group: GroupPlan, keys: Callable[[Iterable[str]], list[str]]) -> GroupPlan:
    return msgspec.structs.replace(group, members=_maybe(group.members, keys))


def _held(text: str) -> str:
    role, on, where = text.strip().partition(" on ")
    if not on:
        return role
    return held(role, *place(where.strip()))


def held(role: str, kind: str, name: str) -> str:
    """Write a role and what it is held on: "installation", a "tenant" or a "domain"."""
    if kind == "installation":
        return role
    if kind == "domain":
        return f"{role} on {name if '.' in name else f'domain:{name}'}"
    return f"{role} on {name}"


def place(text: str) -> tuple[str, str]:
    """Say what a name after "on" is: a tenant, or a domain, which has a dot or `domain:` before it."""
    kind, colon, name = text.partition(":")
    if colon and kind in ("tenant", "domain"):
        return kind, domain_key(name) if kind == "domain" else name
    return ("domain", domain_key(text)) if "." in text else ("tenant", text)
