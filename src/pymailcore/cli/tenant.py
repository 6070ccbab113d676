"""`pymailcore tenant`: customers, to whom domains and accounts belong."""

from pathlib import Path

import click

from pymailcore.cli.common import (
    Some,
    config_option,
    confirm,
    examples,
    json_option,
    show_one,
    some_options,
    yes_option,
)
from pymailcore.cli.operating import do, write_list


@click.group()
def tenant() -> None:
    """Add, list, change, suspend and remove tenants: customers with domains and accounts of their own.

    A server has one tenant, `default`, from its first day; who needs no others never meets it.
    """


@tenant.command(epilog=examples('pymailcore tenant add acme --display "Acme Ltd."'))
@click.argument("name")
@click.option("--display", default="", metavar="TEXT", help="What it is called in full.")
@config_option
def add(name: str, display: str, config: Path) -> None:
    """Make a tenant, NAME: small letters, digits and dashes."""
    click.echo(f"added {do(config, 'tenant.add', tenant=name, display=display)['tenant']}")


@tenant.command("list", epilog=examples("pymailcore tenant list --json"))
@some_options
@json_option
@config_option
def list_(config: Path, some: Some, *, as_json: bool) -> None:
    """List all tenants."""
    columns = ("tenant", "display", "state", "created")
    write_list(config, "tenant.list", columns, some, as_json=as_json)


@tenant.command(epilog=examples("pymailcore tenant show acme"))
@click.argument("name")
@json_option
@config_option
def show(name: str, config: Path, *, as_json: bool) -> None:
    """Show a tenant."""
    show_one(do(config, "tenant.show", tenant=name), as_json=as_json)


@tenant.command("set", epilog=examples('pymailcore tenant set acme --display "Acme plc"'))
@click.argument("name")
@click.option("--display", required=True, metavar="TEXT", help="What it is called in full.")
@config_option
def set_(name: str, display: str, config: Path) -> None:
    """Change a tenant; for how much it may have see `pymailcore limit`."""
    do(config, "tenant.set", tenant=name, display=display)
    click.echo(f"changed {name}")


@tenant.command(epilog=examples('pymailcore tenant suspend acme --reason "unpaid since May"'))
@click.argument("name")
@click.option("--reason", default="", metavar="TEXT", help="Why, for people who look it up.")
@config_option
def suspend(name: str, reason: str, config: Path) -> None:
    """Let nobody of a tenant sign in; mail for it is put off by its senders."""
    do(config, "tenant.set", tenant=name, state="suspended", reason=reason)
    click.echo(f"suspended {name}")


@tenant.command(epilog=examples("pymailcore tenant resume acme"))
@click.argument("name")
@config_option
def resume(name: str, config: Path) -> None:
    """Let a suspended tenant sign in and get mail again."""
    do(config, "tenant.set", tenant=name, state="active")
    click.echo(f"resumed {name}")


@tenant.command(epilog=examples("pymailcore tenant remove acme --yes"))
@click.argument("name")
@yes_option
@config_option
def remove(name: str, config: Path, *, yes: bool) -> None:
    """Remove a tenant with its domains, accounts and all their mail, for good."""
    confirm(f"Remove {name} with all its accounts and their mail?", "nothing was removed", yes=yes)
    do(config, "tenant.remove", tenant=name)
    click.echo(f"removed {name}")


COMMAND = tenant
