"""Reads a plan from TOML. All faults are told at once, each with its line and key. Pure."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from pymailcore.admin.plan.plan import AccountPlan, DomainPlan, GroupPlan, Plan, TenantPlan, normal
from pymailcore.admin.plan.positions import Path, lines_of
from pymailcore.admin.plan.writing import key_text
from pymailcore.admin.sizes import read_size
from pymailcore.base.errors import InvalidValue
from pymailcore.directory.limits import LIMITS
from pymailcore.directory.permissions import Permission

T = TypeVar("T")

MOST_FAULTS: Final = 20

_KINDS: Final[Mapping[str, Any]] = {
    "tenants": TenantPlan,
    "domains": DomainPlan,
    "accounts": AccountPlan,
    "aliases": list[str],
    "groups": GroupPlan,
    "roles": list[str],
}
"""What there may be of each kind by a name."""

_SCOPES: Final = {"tenants": "tenant", "domains": "domain", "accounts": "account"}
_PERMISSIONS: Final = frozenset(str(one) for one in Permission)
_PLACE: Final = re.compile(r" - at `\$(?:\.(\w+))?[^`]*`\Z")
_UNKNOWN: Final = re.compile(r"unknown field `(.*)`")
_SYNTAX: Final = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)\Z", re.DOTALL)


def read_plan(text: str, source: str = "plan") -> Plan:
    """Read a plan.

    Args:
        source: what faults are told of, such as the name of the file.

    Raises:
        InvalidValue: it is no TOML; or keys, names or values cannot be. One line for each fault.
    """
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise InvalidValue(_syntax(text, source, str(fault))) from None
    return _Reader(text, source).read(read)


def _syntax(text: str, source: str, fault: str) -> str:
    match = _SYNTAX.match(fault)
    if match is None:
        return f"{source}: {fault}"
    return f"{source}:{match[2] or len(text.splitlines())}: this is no TOML: {match[1]}"


class _Reader:
    """Reads one plan, and gathers what is wrong with it."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._text = text
        self._lines: dict[Path, int] = {}
        self._faults: list[tuple[int, str]] = []

    def read(self, read: Mapping[str, object]) -> Plan:
        self._lines = lines_of(self._text)
        things = {kind: self._things(kind, value) for kind, value in read.items()}
        if self._faults:
            raise InvalidValue("\n".join(self._told()))
        plan = normal(_plan({kind: dict(found.values()) for kind, found in things.items()}))
        plan.lines = {
            kind: {key: self._line((kind, name)) for key, (name, _) in found.items()}
            for kind, found in things.items()
        }
        return plan

    def _things(self, kind: str, read: object) -> dict[str, tuple[str, object]]:
        """What there is of a kind: by names in their one form, as they were written and what they have."""
        found: dict[str, tuple[str, object]] = {}
        if kind not in _KINDS:
            self._fault((kind,), f"there is no such table; there may be {', '.join(_KINDS)}")
        elif not isinstance(read, dict):
            self._fault((kind,), "this must be a table")
        else:
            for name, value in read.items():
                self._thing(kind, name, value, found)
        return found

    def _thing(self, kind: str, name: str, read: object, found: dict[str, tuple[str, object]]) -> None:
        path = (kind, name)
        before = len(self._faults)
        value = self._converted(path, self._with_limits(path, read), _KINDS[kind])
        if kind == "roles" and isinstance(value, list):
            for permission in sorted(set(value) - _PERMISSIONS):
                text = f"there is no permission {permission!r}; `pymailcore role permissions` has them all"
                self._fault(path, text)
        if value is None or len(self._faults) > before:
            return
        try:
            key = next(iter(getattr(normal(_plan({kind: {name: value}})), kind)))
        except InvalidValue as fault:
            self._fault(path, str(fault))
            return
        if key in found:
            self._fault(path, f"{name} stands there twice, first as {found[key][0]}")
        found[key] = (name, value)

    def _with_limits(self, path: Path, read: object) -> object:
        """The same with numbers in place of limits that are written as sizes, or as "none"."""
        scope = _SCOPES.get(path[0])
        if scope is None or not isinstance(read, dict) or not isinstance(read.get("limits"), dict):
            return read
        limits: dict[str, int | None] = {}
        for name, value in read["limits"].items():
            try:
                limits[name] = _limit(scope, name, value)
            except InvalidValue as fault:
                self._fault((*path, "limits", name), str(fault))
        return {**read, "limits": limits}

    def _converted(self, path: Path, read: object, kind: type[T]) -> T | None:
        try:
            return msgspec.convert(read, kind)
        except msgspec.ValidationError as fault:
            text = str(fault)
            place, unknown = _PLACE.search(text), _UNKNOWN.search(text)
            inner = unknown[1] if unknown else place[1] if place else None
            if unknown:
                text = f"there is no such key; there may be {', '.join(get_type_hints(kind))}"
            elif inner is not None and (choices := _choices(get_type_hints(kind)[inner])):
                text = f"{_PLACE.sub('', text)}; there may be {', '.join(choices)}"
            self._fault(path if inner is None else (*path, inner), _PLACE.sub("", text))
            return None

    def _fault(self, path: Path, text: str) -> None:
        self._faults.append((self._line(path), f"{'.'.join(map(key_text, path))}: {text}"))

    def _line(self, path: Path) -> int:
        """The line of a key; of what it stands in, where it has none."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _told(self) -> list[str]:
        told = [f"{self._source}:{line}: {text}" for line, text in sorted(self._faults)]
        if len(told) > MOST_FAULTS:
            return [*told[:MOST_FAULTS], f"{self._source}: and {len(told) - MOST_FAULTS} faults more"]
        return told


def _plan(kinds: dict[str, Any]) -> Plan:
    """A plan of things of the right types."""
    return Plan(**kinds)


def _choices(kind: object) -> list[str]:
    """The words that a value of some type may be, where it is not any."""
    if get_origin(kind) is Literal:
        return [str(one) for one in get_args(kind)]
    return [word for one in get_args(kind) for word in _choices(one)]


def _limit(scope: str, name: str, value: object) -> int | None:
    known = [one for one, scopes in LIMITS.items() if scope in scopes]
    if name not in known:
        article = "an" if scope == "account" else "a"
        raise InvalidValue(f"there is no such limit of {article} {scope}; there may be {', '.join(known)}")
    if isinstance(value, str):
        return read_size(value, plain=not name.endswith("octets"))
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidValue(f'{value!r} is neither a number nor "none"')
    return value
