"""Read the configuration file: all faults at once, or a whole `Configuration`."""

import dataclasses
import tomllib
from pathlib import Path
from typing import Any, Final

from pymailcore.config.build import Faults, build
from pymailcore.config.configuration import SECTIONS, Configuration, cross_faults
from pymailcore.config.listener import Listener
from pymailcore.config.plugins import read_plugins
from pymailcore.queue.settings import Route

_LISTS: Final[dict[str, tuple[str, type[Any]]]] = {
    "listener": ("listeners", Listener),
    "route": ("routes", Route),
}
_MAX_OCTETS: Final = 1_048_576


class BadConfiguration(Exception):
    """The configuration cannot be used.

    Attributes:
        faults: each fault in one line, with its path in the file.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def read_file(path: Path) -> Configuration:
    """Read a configuration file.

    Raises:
        BadConfiguration: the file cannot be read, or has faults; the lines name the file.
    """
    try:
        if path.stat().st_size > _MAX_OCTETS:
            raise BadConfiguration([f"{path}: larger than a configuration can be"])
        text = path.read_text("utf-8")
    except OSError as fault:
        raise BadConfiguration([f"{path}: {fault.strerror}"]) from None
    except UnicodeDecodeError:
        raise BadConfiguration([f"{path}: is not UTF-8 text"]) from None
    try:
        return read_text(text, path.absolute().parent)
    except BadConfiguration as bad:
        raise BadConfiguration([f"{path}: {fault}" for fault in bad.faults]) from None


def read_text(text: str, folder: Path) -> Configuration:
    """Make a configuration of TOML.

    Args:
        folder: where relative paths begin.

    Raises:
        BadConfiguration: with every fault there is.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise BadConfiguration([str(fault)]) from None
    faults = Faults()
    given: dict[str, Any] = {"text": text}
    data = tables.get("data")
    roots = {
        "data": folder / data if isinstance(data, str) else folder,
        "hostname": tables.get("hostname", ""),
        **_places(tables, folder),
    }
    for key, settings in SECTIONS.items():
        own = {field.name for field in dataclasses.fields(settings)}
        table = tables.get(key, {})
        if not isinstance(table, dict):
            faults.add(key, f"must be a table, written [{key}]")
            table = {}
        given[key] = build(
            settings,
            table,
            key,
            faults,
            given={name: value for name, value in roots.items() if name in own},
            folder=folder,
        )
    for key, (name, kind) in _LISTS.items():
        given[name] = _read_list(tables.get(key, []), key, kind, faults, folder)
    given["plugins"] = read_plugins(tables.get("plugins", {}), faults, folder)
    if not tables.get("listener"):
        faults.add("listener", "there is none; a server needs at least one [[listener]]")
    if given["metrics"] is not None and given["tls"] is not None:
        for path, line in cross_faults(given["listeners"], given["metrics"], given["tls"]):
            faults.add(path, line)
    made = build(
        Configuration,
        tables,
        "",
        faults,
        given=given,
        folder=folder,
        nested=[*SECTIONS, *_LISTS, "plugins"],
    )
    if faults.found or made is None:
        raise BadConfiguration(faults.found)
    return made


def _places(tables: dict[str, Any], folder: Path) -> dict[str, str]:
    """Where rows and blobs lie, as the store takes it; a wrong type is a fault of the top table."""
    metadata, blobs = (
        value if isinstance(value, str) else "" for value in (tables.get("metadata"), tables.get("blobs"))
    )
    if blobs and "://" not in blobs:
        blobs = str(folder / blobs)
    return {"metadata": metadata, "blobs": blobs}


def _read_list(value: object, key: str, kind: type[Any], faults: Faults, folder: Path) -> tuple[Any, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        faults.add(key, f"must be a list of tables, written [[{key}]]")
        return ()
    made = [
        build(kind, table, f"{key}[{number}]", faults, given={}, folder=folder)
        for number, table in enumerate(value)
    ]
    return tuple(item for item in made if item is not None)
