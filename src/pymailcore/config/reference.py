"""The reference of all settings, as a TOML file and as a page, made from the settings classes themselves."""

import dataclasses
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from pymailcore.config.configuration import SECTIONS, Configuration
from pymailcore.config.listener import Listener
from pymailcore.config.plugins import ON_BY_DEFAULT, PLUGIN_SETTINGS
from pymailcore.mx.plugins.settings import BlockList
from pymailcore.queue.settings import Route
from pymailcore.smtp.hooks.settings import PluginSettings

_WIDTH: Final = 100
_ROOT: Final = ("hostname", "data", "metadata", "blobs", "user", "processes")
_GIVEN: Final = ("hostname", "data", "metadata", "blobs", "routes", "plugins")
_HEAD: Final = """\
# Every setting of pymailcore with its default; made by `make conf` from the settings classes.
# A line that begins with "#" and a key shows the default, or an example where there is none.
"""
_PAGE_HEAD: Final = """\
# Configuration

`pymailcore.toml` holds everything that an operator can set. `pymailcore init` writes a first one;
`pymailcore check` reports every fault of a file at once. A running server takes a changed file on SIGHUP
(`systemctl reload pymailcore`): it is read as a whole, and when it has a fault the old one stays in force.
Listeners, `data`, `metadata`, `blobs`, `user` and `processes` are taken at the next start.

The command line finds the file by `--config FILE`, or by `PYMAILCORE_CONFIG` in the environment.

This page is made by `make conf` from the settings classes.
"""
_PLUGINS_HEAD: Final = """\
## [plugins]

A table for each plug-in: those below come with the server, any other is installed beside it and described by
its maker. `enabled`, `listeners`, `on_fault` and `timeout_seconds` are the same for all. How plug-ins are
written is in [plugins](../develop/plugins.md).
"""
_LISTENER_EXAMPLES: Final = (
    ("smtp", "0.0.0.0:25", "starttls"),
    ("submission", "0.0.0.0:465", "implicit"),
    ("submission", "0.0.0.0:587", "starttls"),
    ("imap", "0.0.0.0:993", "implicit"),
    ("http", "0.0.0.0:443", "implicit"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One key as the reference shows it."""

    key: str
    doc: str
    default: object | None
    example: object | None


def settings_of(kind: type[Any]) -> Iterator[Setting]:
    """The keys of one settings class that TOML may set."""
    root = kind is Configuration
    for field in dataclasses.fields(kind):
        if (field.name not in _ROOT) if root else (field.name in _GIVEN):
            continue
        default = None if field.default is dataclasses.MISSING else field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        yield Setting(
            key=field.metadata.get("key", field.name),
            doc=field.metadata.get("doc", ""),
            default=default,
            example=field.metadata.get("example"),
        )


def reference_toml() -> str:
    """The reference as a TOML file that works: the required keys are set, all others are comments."""
    lines = [_HEAD]
    for setting in settings_of(Configuration):
        lines += _toml_lines(setting, mark="" if setting.default is None else "#")
    for name, kind in SECTIONS.items():
        lines += [f"# {_first_line(kind)}", f"[{name}]"]
        for setting in settings_of(kind):
            lines += _toml_lines(setting, mark="#")
    for name, kind in PLUGIN_SETTINGS.items():
        lines += ["# " + line for line in textwrap.wrap(_first_line(kind), _WIDTH)]
        lines.append(f"[plugins.{name}]")
        for setting in _plugin_settings(name, kind):
            lines += _toml_lines(setting, mark="#")
    lines += ["# " + line for line in textwrap.wrap(_first_line(Route), _WIDTH)]
    lines.append("# [[route]]")
    for setting in settings_of(Route):
        lines += _toml_lines(setting, mark="# ")
    lines += ["# " + line for line in textwrap.wrap(_first_line(Listener), _WIDTH)]
    for setting in settings_of(Listener):
        lines += textwrap.wrap(
            f"{setting.key}: {setting.doc}", _WIDTH, initial_indent="#   ", subsequent_indent="#     "
        )
    for protocol, bind, tls in _LISTENER_EXAMPLES:
        lines += ["[[listener]]", f'protocol = "{protocol}"', f'bind = "{bind}"', f'tls = "{tls}"', ""]
    return "\n".join(lines).rstrip() + "\n"


def reference_page() -> str:
    """The reference as a Markdown page with a heading for each key."""
    lines = [_PAGE_HEAD, "## Top of the file", ""]
    lines += _page_lines(settings_of(Configuration))
    for name, kind in SECTIONS.items():
        lines += [f"## [{name}]", "", _first_line(kind), ""]
        lines += _page_lines(settings_of(kind))
    lines += [_PLUGINS_HEAD]
    for name, kind in PLUGIN_SETTINGS.items():
        lines += [f"## [plugins.{name}]", "", _whole_doc(kind), ""]
        lines += _page_lines(_plugin_settings(name, kind))
    lines += ["## [[plugins.dnsbl.list]]", "", _first_line(BlockList), ""]
    lines += _page_lines(settings_of(BlockList))
    for name, kind in (("route", Route), ("listener", Listener)):
        lines += [f"## [[{name}]]", "", _first_line(kind), ""]
        lines += _page_lines(settings_of(kind))
    return "\n".join(lines).rstrip() + "\n"


def _toml_lines(setting: Setting, *, mark: str) -> list[str]:
    value = (
        setting.default if setting.default not in (None, "") or setting.example is None else setting.example
    )
    return [
        *textwrap.wrap(setting.doc, _WIDTH, initial_indent="# ", subsequent_indent="# "),
        f"{mark}{setting.key} = {toml_value(value)}",
        "",
    ]


def _plugin_settings(name: str, kind: type[Any]) -> Iterator[Setting]:
    """The keys of the table of one plug-in: those that all have, then its own."""
    for setting in settings_of(PluginSettings):
        default = name in ON_BY_DEFAULT if setting.key == "enabled" else setting.default
        yield dataclasses.replace(setting, default=default)
    yield from settings_of(kind)


def _page_lines(settings: Iterable[Setting]) -> list[str]:
    lines = []
    for setting in settings:
        lines += [f"### {setting.key}", "", setting.doc, ""]
        if setting.default not in (None, ""):
            lines += [f"Default: `{toml_value(setting.default)}`", ""]
        elif setting.example is not None:
            lines += [f"Example: `{toml_value(setting.example)}`", ""]
    return lines


def toml_value(value: object) -> str:
    """Write a value as TOML does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:_}" if isinstance(value, int) and value >= 10_000 else repr(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, str | Path):
        text = str(value).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    return '""'


def _whole_doc(kind: type[Any]) -> str:
    return " ".join((kind.__doc__ or "").split())


def _first_line(kind: type[Any]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def main() -> None:
    """Write both files of the tree that we are in."""
    Path("conf/pymailcore.toml").write_text(reference_toml(), "utf-8")
    Path("docs/operate/configuration.md").write_text(reference_page(), "utf-8")


if __name__ == "__main__":
    main()
