"""Writes a plan as TOML, so that reading it gives the same plan again. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from pymailcore.admin.plan.plan import Plan

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+\Z")


def write_plan(plan: Plan) -> str:
    """The text of a plan."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield from _plain("roles", plan.roles, plan)
    for kind in ("tenants", "domains", "accounts"):
        yield from _things(kind, getattr(plan, kind), plan)
    yield from _plain("aliases", plan.aliases, plan)
    yield from _things("groups", plan.groups, plan)


def _plain(kind: str, lists: Mapping[str, Sequence[str]] | None, plan: Plan) -> Iterator[str]:
    """A table of lists."""
    if lists is None:
        return
    yield f"[{kind}]"
    for name, items in lists.items():
        shown = [plan.shown.get(item, item) for item in items]
        yield f"{key_text(plan.shown.get(name, name))} = {_value(shown)}"
    yield ""


def _things(kind: str, things: Mapping[str, msgspec.Struct] | None, plan: Plan) -> Iterator[str]:
    """A table of tables; an empty one says that there is nothing of the kind."""
    if things is None:
        return
    if not things:
        yield f"[{kind}]"
    for name, thing in things.items():
        yield f"[{kind}.{key_text(plan.shown.get(name, name))}]"
        for field, value in msgspec.structs.asdict(thing).items():
            if value is not None:
                yield f"{field} = {_value(_shown(value, plan))}"
        yield ""


def _shown(value: object, plan: Plan) -> object:
    return [plan.shown.get(one, one) for one in value] if isinstance(value, list) else value


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{key_text(name)} = {_value(one)}" for name, one in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return _text("none" if value is None else str(value))


def key_text(text: str) -> str:
    """A key, in quotes where it needs them."""
    return text if _BARE.match(text) else _text(text)


def _text(text: str) -> str:
    """A basic string; JSON's has the same escapes, and writes DEL as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
