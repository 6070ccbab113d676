"""Arguments of the standard methods: /get, /changes, /set, /query, /queryChanges.

Standards: RFC 8620 sections 5.1, 5.2, 5.3, 5.5, 5.6.

A type's method takes further arguments of its own from the same `Arguments` before `finish`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.errors import MethodError, invalid_arguments
from pymailcore.jmap.protocol.values import JsonObject

MAX_COMPARATORS: Final = 16
MAX_PROPERTIES: Final = 256
"""Names in `properties`; each `header:*` among them is looked for in each object."""


@dataclass(frozen=True, slots=True)
class Get:
    """/get: `ids` None asks for all, `properties` None for the default ones."""

    ids: list[str] | None
    properties: list[str] | None


@dataclass(frozen=True, slots=True)
class Changes:
    """/changes since a state."""

    since_state: str
    max_changes: int | None


@dataclass(frozen=True, slots=True)
class Set:
    """/set: what to create, update and destroy, and the state it presumes."""

    if_in_state: str | None
    create: dict[str, JsonObject]
    update: dict[str, JsonObject]
    destroy: list[str]


@dataclass(frozen=True, slots=True)
class Comparator:
    """One key of an order; `extra` are members that only some properties have."""

    property: str
    ascending: bool
    collation: str | None
    extra: JsonObject


@dataclass(frozen=True, slots=True)
class Query:
    """/query; `limit` None leaves it to the server."""

    filter: JsonObject | None
    sort: list[Comparator]
    position: int
    anchor: str | None
    anchor_offset: int
    limit: int | None
    calculate_total: bool


def get_arguments(arguments: Arguments, *, max_objects: int, known: Collection[str] | None = None) -> Get:
    """Take what every /get has.

    Raises:
        MethodError: requestTooLarge for more ids than `max_objects`; invalidArguments for properties that
            are not `known` (None leaves that check to the caller).
    """
    ids = arguments.identifiers("ids")
    properties = property_names(arguments, "properties")
    if ids is not None and len(ids) > max_objects:
        raise MethodError("requestTooLarge", f"at most {max_objects} ids")
    if known is not None and properties is not None:
        for name in properties:
            if name not in known:
                raise invalid_arguments(f"there is no property {name[:64]}")
    return Get(ids, properties)


def property_names(arguments: Arguments, name: str) -> list[str] | None:
    """Take a list of names of properties, each once; null stands for the default ones.

    Raises:
        MethodError: invalidArguments for more than `MAX_PROPERTIES`.
    """
    names = arguments.strings(name)
    if names is None:
        return None
    names = list(dict.fromkeys(names))
    if len(names) > MAX_PROPERTIES:
        raise invalid_arguments(f"{name} has at most {MAX_PROPERTIES} names")
    return names


def changes_arguments(arguments: Arguments) -> Changes:
    """Take what every /changes has; maxChanges is greater than 0 (RFC 8620 section 5.2)."""
    since = arguments.text("sinceState")
    if since is None:
        raise invalid_arguments("sinceState is a string")
    return Changes(since, arguments.optional_number("maxChanges", least=1))


def set_arguments(arguments: Arguments, *, max_objects: int) -> Set:
    """Take what every /set has.

    Raises:
        MethodError: requestTooLarge when more than `max_objects` are named in all.
    """
    taken = Set(
        arguments.text("ifInState"),
        arguments.objects("create"),
        arguments.objects("update"),
        arguments.identifiers("destroy") or [],
    )
    if len(taken.create) + len(taken.update) + len(taken.destroy) > max_objects:
        raise MethodError("requestTooLarge", f"at most {max_objects} objects")
    if any(key.startswith("#") for key in taken.create):
        raise invalid_arguments("a creation id has no # in create")
    return taken


def query_arguments(arguments: Arguments) -> Query:
    """Take what every /query has; with an anchor the position is not looked at (RFC 8620 section 5.5)."""
    condition = arguments.take("filter")
    if condition is not None and not isinstance(condition, dict):
        raise invalid_arguments("filter is an object or null")
    return Query(
        filter=condition,
        sort=comparators(arguments.take("sort")),
        position=arguments.number("position", default=0),
        anchor=arguments.text("anchor"),
        anchor_offset=arguments.number("anchorOffset", default=0),
        limit=arguments.optional_number("limit"),
        calculate_total=arguments.flag("calculateTotal"),
    )


def comparators(value: object) -> list[Comparator]:
    """Read the `sort` argument (RFC 8620 section 5.5)."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise invalid_arguments("sort is a list of Comparators or null")
    if len(value) > MAX_COMPARATORS:
        raise MethodError("unsupportedSort", f"at most {MAX_COMPARATORS} comparators")
    return [_comparator(dict(item)) for item in value]


def _comparator(members: JsonObject) -> Comparator:
    name = members.pop("property", None)
    ascending = members.pop("isAscending", True)
    collation = members.pop("collation", None)
    if not isinstance(name, str) or not isinstance(ascending, bool):
        raise invalid_arguments("a Comparator has a property and isAscending")
    if collation is not None and not isinstance(collation, str):
        raise invalid_arguments("collation is a string")
    return Comparator(name, ascending, collation, members)
