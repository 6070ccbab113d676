"""A plan: tenants, domains, accounts, aliases, groups, limits and roles as they should be, read from TOML.

docs/operate/plan.md describes the file for users. The same class holds what there is, with every value set;
so plans are compared like with like (`admin.plan.differences`). Pure: no files are read here, and secrets are
hashes or names of files.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from pymailcore.admin.sizes import read_size
from pymailcore.base.address import Address, normalise_domain
from pymailcore.base.errors import InvalidValue

K = TypeVar("K")
V = TypeVar("V")

Limits = dict[str, int | None]
"""Limits by name; None for none."""


class Thing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Values of something; None where a plan says nothing about them."""


class TenantPlan(Thing):
    """A tenant."""

    display: str | None = None
    state: str | None = None
    limits: Limits | None = None


class DomainPlan(Thing):
    """A domain; `alias_of` is "" when it is none."""

    tenant: str = "default"
    state: str | None = None
    alias_of: str | None = None
    limits: Limits | None = None


class AccountPlan(Thing):
    """An account.

    Attributes:
        password_hash, password_file: with which it is made; those of an account that exists stay.
        roles: "operator", "tenant-admin on acme", "domain-admin on example.org".
    """

    full_name: str | None = None
    kind: str | None = None
    state: str | None = None
    send_blocked: bool | None = None
    password_hash: str | None = None
    password_file: str | None = None
    limits: Limits | None = None
    roles: list[str] | None = None


class GroupPlan(Thing):
    """A group."""

    posting: str | None = None
    members: list[str] | None = None


class Plan(Thing):
    """All of it, by names in their key form; None for a kind of which a plan says nothing.

    Attributes:
        roles: permissions by the role's name, with its tenant's name and a slash before it if it has one.
        shown: how addresses were written, by their key form.
    """

    tenants: dict[str, TenantPlan] | None = None
    domains: dict[str, DomainPlan] | None = None
    accounts: dict[str, AccountPlan] | None = None
    aliases: dict[str, list[str]] | None = None
    groups: dict[str, GroupPlan] | None = None
    roles: dict[str, list[str]] | None = None
    shown: dict[str, str] = {}


_UNREADABLE: Final = "the plan cannot be understood"


def read_plan(text: str) -> Plan:
    """Read a plan.

    Raises:
        InvalidValue: it is no TOML; or a key, name or value cannot be.
    """
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise InvalidValue(f"{_UNREADABLE}: {fault}") from None
    if "shown" in read:
        raise InvalidValue(f"{_UNREADABLE}: unknown field `shown`")
    _read_limits(read)
    try:
        plan = msgspec.convert(read, Plan)
    except msgspec.ValidationError as fault:
        raise InvalidValue(f"{_UNREADABLE}: {fault}") from None
    return normal(plan)


def _read_limits(read: Mapping[str, Any]) -> None:
    """Make numbers of limits that are written as sizes, or as "none"."""
    for kind in ("tenants", "domains", "accounts"):
        things = read.get(kind)
        for name, thing in things.items() if isinstance(things, dict) else ():
            limits = thing.get("limits") if isinstance(thing, dict) else None
            if isinstance(limits, dict):
                thing["limits"] = {one: _limit(name, one, value) for one, value in limits.items()}


def _limit(name: str, limit: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return read_size(value, plain=not limit.endswith("octets"))
    except InvalidValue as fault:
        raise InvalidValue(f"limit {limit} of {name}: {fault}") from None


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
        tenants=plan.tenants,
        domains=_renamed(plan.domains, domain_key, _domain),
        accounts=_renamed(plan.accounts, key, _account),
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


def _account(account: AccountPlan) -> AccountPlan:
    if account.password_file is not None and account.password_hash is not None:
        raise InvalidValue("an account has a password_file or a password_hash, not both")
    roles = None if account.roles is None else sorted({_held(role) for role in account.roles})
    return msgspec.structs.replace(account, roles=roles)


def _group(group: GroupPlan, keys: Callable[[Iterable[str]], list[str]]) -> GroupPlan:
    members = None if group.members is None else keys(group.members)
    return msgspec.structs.replace(group, members=members)


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
