"""Loads the plug-ins of the configuration: those that come with the server, and installed ones.

Installed ones are found by their entry points and run with the rights of the process that loads them: front
workers, after they have given up root, and commands.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from ipaddress import ip_network
from typing import Any, Final

from pymailcore.app.core import Core
from pymailcore.base.errors import PermanentFailure
from pymailcore.config.configuration import Configuration
from pymailcore.config.plugins import PLUGIN_SETTINGS, PluginTable
from pymailcore.dns.resolver import Resolver
from pymailcore.mx.plugins.dnsbl import Dnsbl
from pymailcore.mx.plugins.greylist import Greylist
from pymailcore.mx.plugins.ratelimit import Ratelimit
from pymailcore.mx.plugins.settings import DnsblSettings, GreylistSettings, RatelimitSettings
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.hooks.facts import Listeners
from pymailcore.smtp.hooks.plugins import BadPlugin, Plugin, Plugins
from pymailcore.smtp.hooks.role import HookedRole
from pymailcore.smtp.hooks.spec import GROUP, Setup
from pymailcore.smtp.role import SmtpRole

_LISTENERS: Final[Mapping[str, Listeners]] = {"smtp": "smtp", "submission": "submission", "lmtp": "lmtp"}


class UnfitPlugin(PermanentFailure):
    """A plug-in of the configuration cannot be loaded; the text is one line for the operator."""


def load_plugins(core: Core, metrics: Metrics) -> Plugins:
    """Make all plug-ins that are on.

    Raises:
        UnfitPlugin: one cannot be made.
    """
    configuration = core.configuration
    makers: Mapping[type[Any], Callable[[Any], object]] = {
        RatelimitSettings: lambda settings: Ratelimit(settings, core.counters, now_ms),
        DnsblSettings: lambda settings: Dnsbl(settings, Resolver(configuration.dns)),
        GreylistSettings: lambda settings: Greylist(settings, core.store.database, now_ms),
    }
    plugins = []
    for table in configuration.plugins:
        if table.common.enabled:
            made = makers[type(table.own)](table.own) if table.own else make_installed(table, configuration)
            plugins.append(_plugin(table, made))
    try:
        return Plugins(plugins, metrics)
    except BadPlugin as bad:
        raise UnfitPlugin(f"plugins.{bad}") from None


def make_installed(table: PluginTable, configuration: Configuration) -> object:
    """Make a plug-in of its entry point.

    Raises:
        UnfitPlugin: there is none of this name, or it fails.
    """
    entry = _entry_point(table.name)
    setup = Setup(
        name=table.name,
        hostname=configuration.hostname,
        options=table.options,
        folder=configuration.data / "plugins" / table.name,
    )
    try:
        make = entry.load()
        made: object = make(setup)
    except Exception as fault:
        raise UnfitPlugin(f"plugins.{table.name}: {type(fault).__name__}: {fault}") from fault
    return made


def hooks_of(table: PluginTable, configuration: Configuration) -> list[str]:
    """Load an installed plug-in to see which hooks it has.

    Raises:
        UnfitPlugin: it cannot be loaded.
    """
    plugin = _plugin(table, make_installed(table, configuration))
    try:
        return Plugins([plugin], Metrics()).hooks_of(plugin)
    except BadPlugin as bad:
        raise UnfitPlugin(f"plugins.{bad}") from None


def with_plugins(role: SmtpRole, protocol: str, plugins: Plugins, configuration: Configuration) -> SmtpRole:
    """Put plug-ins before a role; the role itself where none is asked at its listeners."""
    listener = _LISTENERS[protocol]
    if not plugins.at(listener):
        return role
    trusted = [ip_network(network) for network in configuration.connections.trusted_networks]
    return HookedRole(role, plugins, listener=listener, trusted=trusted)


def _entry_point(name: str) -> EntryPoint:
    found = [one for one in entry_points(group=GROUP) if one.name == name]
    if not found:
        known = ", ".join([*PLUGIN_SETTINGS, *sorted({one.name for one in entry_points(group=GROUP)})])
        raise UnfitPlugin(f"plugins.{name}: no such plug-in is installed; there are {known}")
    return found[0]


def _plugin(table: PluginTable, implementation: object) -> Plugin:
    common = table.common
    return Plugin(
        name=table.name,
        implementation=implementation,
        listeners=frozenset(common.listeners),
        on_fault=common.on_fault,
        timeout_seconds=common.timeout_seconds,
        spares_trusted=table.own is not None,
    )
