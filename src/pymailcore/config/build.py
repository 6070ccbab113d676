"""Tables into settings classes, finding every fault on the way.

Knows dataclasses whose fields are `str`, `int`, `float`, `bool`, `Path`, `Literal`, `X | None`, tuples of
these and tuples of further dataclasses. A field's key in TOML is its name, or `metadata["key"]`.
"""

import dataclasses
import difflib
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_WORDS: Final[dict[type, str]] = {
    str: "text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path in quotes",
}


class Faults:
    """Collects what is wrong, each with its path in the file."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, path: str, text: str) -> None:
        """Note one fault; several of the same are one."""
        line = f"{path}: {text}" if path else text
        if line not in self.found:
            self.found.append(line)


class _Unfit(Exception):
    """A value does not fit its type; the text says what would."""


def build(
    settings: type[T],
    table: Mapping[str, object],
    path: str,
    faults: Faults,
    *,
    given: Mapping[str, object],
    folder: Path,
    nested: Sequence[str] = (),
) -> T | None:
    """Make a settings object of a table, or note why not and give None.

    Args:
        given: values for fields that are not the table's to set.
        folder: where relative paths begin.
        nested: keys of the table that the caller reads itself.
    """
    hints = get_type_hints(settings)
    fields = {
        str(field.metadata.get("key", field.name)): field
        for field in dataclasses.fields(settings)  # type: ignore[arg-type]
        if field.name not in given
    }
    values = dict(given)
    unfit: set[str] = set()
    for key, value in table.items():
        field = fields.get(key)
        if key in nested:
            continue
        if field is None:
            faults.add(join(path, key), "unknown key" + suggest(key, [*fields, *nested]))
            continue
        try:
            values[field.name] = _convert(value, hints[field.name], join(path, key), faults, folder)
        except _Unfit as needed:
            faults.add(join(path, key), f"must be {needed}, not {_shown(value)}")
            unfit.add(key)
    needed_keys = {
        key
        for key, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    for key in fields:
        if key in needed_keys - table.keys():
            faults.add(join(path, key), "is missing")
    if needed_keys - (table.keys() - unfit):
        return None
    try:
        return settings(**values)
    except ValueError as fault:
        key, colon, text = str(fault).partition(": ")
        if colon and key in fields:
            faults.add(join(path, key), text)
        else:
            faults.add(path, str(fault))
        return None


def join(path: str, key: str) -> str:
    """Path of a key inside a table."""
    return f"{path}.{key}" if path else key


def suggest(word: str, known: Sequence[str]) -> str:
    """Name the nearest known word, if there is one."""
    near = difflib.get_close_matches(word, known, 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _convert(value: object, hint: Any, path: str, faults: Faults, folder: Path) -> object:  # noqa: ANN401 - a type
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = [option for option in get_args(hint) if option is not type(None)]
        return _convert(value, inner[0], path, faults, folder)
    if origin is Literal:
        options = get_args(hint)
        if value not in options:
            raise _Unfit("one of " + ", ".join(map(str, options)))
        return value
    if origin is tuple:
        return _convert_list(value, get_args(hint)[0], path, faults, folder)
    if origin is not None:
        raise TypeError(f"{path}: settings cannot have the type {hint}")
    return _convert_plain(value, hint, folder)


def _convert_list(value: object, hint: Any, path: str, faults: Faults, folder: Path) -> tuple[object, ...]:  # noqa: ANN401
    if not isinstance(value, list):
        raise _Unfit("a list")
    items: list[object] = []
    for number, item in enumerate(value):
        item_path = f"{path}[{number}]"
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            if not isinstance(item, dict):
                raise _Unfit(f"a list of tables, written [[{path}]]")
            made = build(hint, item, item_path, faults, given={}, folder=folder)
            if made is not None:
                items.append(made)
            continue
        try:
            items.append(_convert(item, hint, item_path, faults, folder))
        except _Unfit as needed:
            faults.add(item_path, f"must be {needed}, not {_shown(item)}")
    return tuple(items)


def _convert_plain(value: object, hint: Any, folder: Path) -> object:  # noqa: ANN401 - a type
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str) and value:
        return folder / value
    if type(value) is not hint:
        raise _Unfit(_WORDS.get(hint, "something else"))
    return value


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
