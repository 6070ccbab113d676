"""`pymailcore stats`: what the store holds, and what sharing and compression save."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from pymailcore.cli.common import config_option, examples, json_option, show
from pymailcore.cli.installation import open_installation, run
from pymailcore.config.plugins import PluginTable
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.fulltext.job import CHECKED
from pymailcore.store.housekeeping import alarms, chores
from pymailcore.store.housekeeping.census import census
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.statistics import Figures, TenantFigures, figures

_UNITS: Final = ("octets", "KiB", "MiB", "GiB", "TiB", "PiB")
_COLUMNS: Final = (
    "tenant",
    "accounts",
    "emails",
    "logical_octets",
    "kept_octets",
    "blobs",
    "shared",
    "stored_octets",
    "saved_octets",
    "saved_percent",
    "counted",
)


@click.command(epilog=examples("pymailcore stats", "pymailcore stats --count", "pymailcore stats --json"))
@click.option(
    "--count", is_flag=True, help="Count blobs and packs now; housekeeping does it every hour or so."
)
@json_option
@config_option
def stats(config: Path, *, count: bool, as_json: bool) -> None:
    """Show what the store holds, by tenant, what sharing and compression save, and which plug-ins are on.

    Logical octets are the sizes of all messages and uploads, each wherever it lies, with expunged mail that
    can be restored (kept octets). Stored octets are what their blobs take on disk; shared is how many copies
    were not stored. Blobs and packs are as they were counted last, the text index as it was checked last.
    """

    async def work() -> tuple[Figures, alarms.Condition, chores.Chore, tuple[PluginTable, ...]]:
        async with open_installation(config) as core:
            house = House(core.store.engine, Metrics())
            if count:
                await census(house)
            checked = await core.store.database.read(lambda tx: chores.load(tx, CHECKED))
            found = await core.store.database.read(figures)
            condition = alarms.look(house.layout, house.packs)
            return found, condition, checked, core.configuration.plugins

    found, condition, checked, tables = run(work)
    tenants = [_tenant(tenant) for tenant in found.tenants]
    store = {
        "packs": found.packs,
        "pack_octets": found.pack_octets,
        "garbage_octets": found.garbage_octets,
        "packs_gone": found.packs_gone,
        "loose_blobs": found.loose_blobs,
        "kept_emails": found.kept_emails,
        "log_octets": condition.log_octets,
        "free_octets": condition.free_octets,
        "index_emails": checked.place.get("documents"),
        "index_octets": checked.place.get("octets"),
        "index_lost_emails": checked.place.get("lost"),
        "index_checked": _moment(checked.ended_ms),
    }
    plugins = [_plugin(table) for table in tables if table.common.enabled]
    if as_json:
        click.echo(json.dumps({"tenants": tenants, "store": store, "plugins": plugins}, indent=2))
        return
    show([{key: _text(key, value) for key, value in row.items()} for row in tenants], _COLUMNS, as_json=False)
    click.echo()
    rows = [{"store": key.replace("_", " "), "": _text(key, value)} for key, value in store.items()]
    show(rows, ("store", ""), as_json=False)
    if plugins:
        click.echo()
        rows = [{**row, "listeners": ", ".join(row["listeners"])} for row in plugins]
        show(rows, ("plugin", "listeners", "on_fault", "timeout_seconds"), as_json=False)


def _plugin(table: PluginTable) -> dict[str, Any]:
    common = table.common
    return {
        "plugin": table.name,
        "listeners": list(common.listeners),
        "on_fault": common.on_fault,
        "timeout_seconds": common.timeout_seconds,
    }


def _moment(at_ms: int) -> str | None:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds") if at_ms else None


def _tenant(found: TenantFigures) -> dict[str, Any]:
    percent = 100 * found.saved_octets / found.logical_octets if found.logical_octets else 0.0
    return {
        **{name: value for name, value in found._asdict().items() if name != "counted_ms"},
        "saved_octets": found.saved_octets,
        "saved_percent": round(percent, 1) if found.counted_ms else None,
        "counted": _moment(found.counted_ms),
    }


def _text(name: str, value: object) -> str:
    """A figure for people."""
    if value is None:
        return "not yet"
    if not name.endswith("_octets") or not isinstance(value, int):
        return str(value)
    number = float(value)
    for unit in _UNITS:
        if abs(number) < 1024 or unit == _UNITS[-1]:
            break
        number /= 1024
    return f"{value} octets" if unit == _UNITS[0] else f"{number:.1f} {unit}"


COMMAND = stats
