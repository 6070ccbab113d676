"""The tables of plug-ins: `[plugins.NAME]`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from pymailcore.config.build import Faults, build
from pymailcore.mx.plugins.settings import DnsblSettings, GreylistSettings, RatelimitSettings
from pymailcore.smtp.hooks.settings import PluginSettings

PLUGIN_SETTINGS: Final[Mapping[str, type[Any]]] = {
    "ratelimit": RatelimitSettings,
    "dnsbl": DnsblSettings,
    "greylist": GreylistSettings,
}
"""Plug-ins that come with the server, in the order in which they are asked."""

ON_BY_DEFAULT: Final = frozenset({"ratelimit", "greylist"})
_COMMON: Final = frozenset({one.name for one in fields(PluginSettings)})


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginTable:
    """The table of one plug-in.

    Attributes:
        common: keys that all plug-ins have.
        own: settings of a plug-in that comes with the server; None for others.
        options: the keys of another plug-in, as they stand in the file.
    """

    name: str
    common: PluginSettings
    own: RatelimitSettings | DnsblSettings | GreylistSettings | None = None
    options: Mapping[str, object] = field(default_factory=dict)


def read_plugins(value: object, faults: Faults, folder: Path) -> tuple[PluginTable, ...]:
    """Read the tables of all plug-ins; those that come with the server are there without one, too."""
    if not isinstance(value, dict):
        faults.add("plugins", "must be tables, written [plugins.NAME]")
        return ()
    tables = {**dict.fromkeys(PLUGIN_SETTINGS, None), **value}
    read = [_read(name, table, faults, folder) for name, table in tables.items()]
    return tuple(table for table in read if table is not None)


def _read(name: str, table: object, faults: Faults, folder: Path) -> PluginTable | None:
    path = f"plugins.{name}"
    if table is not None and not isinstance(table, dict):
        faults.add(path, f"must be a table, written [{path}]")
        return None
    keys: Mapping[str, object] = table or {}
    kind = PLUGIN_SETTINGS.get(name)
    common_keys = {key: value for key, value in keys.items() if key in _COMMON}
    common_keys.setdefault("enabled", kind is None or name in ON_BY_DEFAULT)
    common = build(PluginSettings, common_keys, path, faults, given={}, folder=folder)
    options = {key: value for key, value in keys.items() if key not in _COMMON}
    if kind is None:
        return None if common is None else PluginTable(name=name, common=common, options=options)
    own = build(kind, options, path, faults, given={}, folder=folder)
    if common is None or own is None:
        return None
    if name == "dnsbl" and common.enabled and not own.lists:
        faults.add(f"{path}.list", "there is none; it asks the lists that you choose")
    return PluginTable(name=name, common=common, own=own)
