"""`pymailcore domain`: the domains whose mail is kept here."""

from pathlib import Path

import click

from pymailcore.admin.operations import Record
from pymailcore.base.address import normalise_domain
from pymailcore.cli.common import config_option, examples, json_option, show
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.quotas import quota_changes, quota_options, show_quotas


@click.group()
def domain() -> None:
    """Add, list, change and remove domains."""


@domain.command(epilog=examples("pymailcore domain add example.org"))
@click.argument("name")
@config_option
def add(name: str, config: Path) -> None:
    """Keep mail for a domain."""

    async def work() -> str:
        async with open_installation(config) as core:
            return str((await core.operations.add_domain(name))["domain"])

    click.echo(f"added {run(work)}")


@domain.command("list", epilog=examples("pymailcore domain list --json"))
@json_option
@config_option
def list_(config: Path, *, as_json: bool) -> None:
    """List all domains."""

    async def work() -> list[Record]:
        async with open_installation(config) as core:
            return await core.operations.domains()

    show(run(work), ("domain", "created"), as_json=as_json)


@domain.command(
    "set", epilog=examples("pymailcore domain set example.org --quota 500G --quota-mailboxes none")
)
@click.argument("name")
@quota_options
@config_option
def set_(name: str, config: Path, *, octets: str | None, emails: str | None, mailboxes: str | None) -> None:
    """Change how much all accounts of a domain may hold together."""
    quota = quota_changes(octets, emails, mailboxes)
    if not quota:
        raise click.UsageError("Nothing to change: give --quota, --quota-emails or --quota-mailboxes.")
    normal = normalise_domain(name)
    if normal is None:
        raise click.UsageError(f"{name!r} is no domain")

    async def work() -> None:
        async with open_installation(config) as core:
            await core.store.quotas.change("domain", normal, quota)

    run(work)
    click.echo(f"changed {normal}")


@domain.command("quota", epilog=examples("pymailcore domain quota --json"))
@json_option
@config_option
def quota_(config: Path, *, as_json: bool) -> None:
    """List what the domains with a quota hold, as counted last, and how much they may."""
    show_quotas(config, "domain", as_json=as_json)


@domain.command(epilog=examples("pymailcore domain remove example.org"))
@click.argument("name")
@config_option
def remove(name: str, config: Path) -> None:
    """Stop keeping mail for a domain that has no accounts; its aliases go with it."""

    async def work() -> None:
        async with open_installation(config) as core:
            await core.operations.remove_domain(name)

    run(work)
    click.echo(f"removed {name}")


COMMAND = domain
