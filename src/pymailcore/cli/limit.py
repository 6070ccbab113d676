"""`pymailcore limit`: how much tenants, domains and accounts may hold, make and send."""

from pathlib import Path

import click

from pymailcore.admin.operation import Record
from pymailcore.app.core import Core
from pymailcore.cli.common import Lister, config_option, examples, json_option
from pymailcore.cli.common import show as show_rows
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import Pages, call, do, items_of
from pymailcore.cli.quotas import read_limit


@click.group()
def limit() -> None:
    """List, show and set limits of tenants, domains and accounts.

    WHAT is an account's address, a domain, or a tenant's name; `domain:localhost` for a domain without a dot.
    """


@limit.command("list", epilog=examples("pymailcore limit list", "pymailcore limit list --accounts --json"))
@click.option("--accounts", is_flag=True, help="Those of accounts, too.")
@json_option
@config_option
def list_(config: Path, *, accounts: bool, as_json: bool) -> None:
    """List all limits that tenants and domains have, and what of them is used."""

    async def work() -> None:
        with Lister(("of", "name", "limit", "value", "used"), as_json=as_json) as lister:
            async with open_installation(config) as core:
                for kind in ("tenant", "domain", *(["account"] if accounts else [])):
                    await _list(core, kind, lister)

    run(work)


async def _list(core: Core, kind: str, lister: Lister) -> None:
    async for items, _ in Pages(core, f"{kind}.list"):
        for item in items:
            name = item["name" if kind == "account" else kind]
            found = items_of(await call(core, "limit.show", **{kind: name}))
            lister.add([{"of": kind, "name": name} | one for one in found if one["value"] is not None])


@limit.command(epilog=examples("pymailcore limit show example.org", "pymailcore limit show anna@example.org"))
@click.argument("what")
@json_option
@config_option
def show(what: str, config: Path, *, as_json: bool) -> None:
    """Show all limits that WHAT can have, those that it has, and what of them is used."""
    found = items_of(do(config, "limit.show", **whose(what)))
    show_rows(found, ("limit", "value", "used"), as_json=as_json)


@limit.command(
    "set",
    epilog=examples(
        "pymailcore limit set acme accounts=500 octets=2T",
        "pymailcore limit set anna@example.org messages_per_day=200 octets=none",
    ),
)
@click.argument("what")
@click.argument("values", metavar="NAME=VALUE...", nargs=-1, required=True)
@config_option
def set_(what: str, values: tuple[str, ...], config: Path) -> None:
    """Set limits of WHAT: a number, a size such as 5G for octets, or none; others stay as they are."""
    limits = dict(_read(value) for value in values)
    do(config, "limit.set", **whose(what), limits=limits)
    click.echo(f"changed {what}")


@limit.command(epilog=examples("pymailcore limit remove anna@example.org messages_per_day"))
@click.argument("what")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@config_option
def remove(what: str, names: tuple[str, ...], config: Path) -> None:
    """Take limits of WHAT away."""
    do(config, "limit.set", **whose(what), limits=dict.fromkeys(names))
    click.echo(f"changed {what}")


def whose(what: str) -> Record:
    """Say what a text names: an account, a domain or a tenant."""
    kind, colon, name = what.partition(":")
    if colon and kind in ("tenant", "domain", "account"):
        return {kind: name}
    if "@" in what:
        return {"account": what}
    return {"domain" if "." in what else "tenant": what}


def _read(text: str) -> tuple[str, int | None]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.UsageError(f"{text!r} is not of the form NAME=VALUE, such as accounts=500")
    return name, read_limit(name, value)


COMMAND = limit
