"""`pymailcore group`: addresses that stand for their members."""

from pathlib import Path
from typing import Final

import click

from pymailcore.base.address import Address
from pymailcore.cli.common import ADDRESS, Some, config_option, examples, json_option, show_one, some_options
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import call, do, write_list
from pymailcore.directory.groups import POSTING

_POSTING: Final = click.Choice(POSTING)


@click.group()
def group() -> None:
    """Add, list, change and remove groups, and say who is in them."""


@group.command(
    epilog=examples(
        "pymailcore group add team@example.org",
        "pymailcore group add team@example.org anna@example.org ben@example.net --posting members",
    )
)
@click.argument("address", type=ADDRESS)
@click.argument("members", metavar="[MEMBER]...", type=ADDRESS, nargs=-1)
@click.option("--posting", type=_POSTING, default="everyone", show_default=True, help="Who may write to it.")
@config_option
def add(address: Address, members: tuple[Address, ...], posting: str, config: Path) -> None:
    """Make a group; mail for ADDRESS goes to each MEMBER: an account, another group, or any address."""

    async def work() -> None:
        async with open_installation(config) as core:
            await call(core, "group.add", group=str(address), posting=posting)
            click.echo(f"added {address}")
            for member in members:
                await call(core, "group.member.add", group=str(address), member=str(member))
                click.echo(f"added {member} to {address}")

    run(work)


@group.command("list", epilog=examples("pymailcore group list --json"))
@click.option("--domain", metavar="D", help="Only those of a domain.")
@click.option("--prefix", default="", metavar="TEXT", help="Only those that begin so.")
@some_options
@json_option
@config_option
def list_(config: Path, some: Some, domain: str | None, prefix: str, *, as_json: bool) -> None:
    """List all groups."""
    columns = ("group", "posting", "created")
    write_list(config, "group.list", columns, some, as_json=as_json, domain=domain, prefix=prefix)


@group.command(epilog=examples("pymailcore group show team@example.org"))
@click.argument("address", type=ADDRESS)
@json_option
@config_option
def show(address: Address, config: Path, *, as_json: bool) -> None:
    """Show a group; `pymailcore group members` lists who is in it."""
    show_one(do(config, "group.show", group=str(address)), as_json=as_json)


@group.command(epilog=examples("pymailcore group members team@example.org --json"))
@click.argument("address", type=ADDRESS)
@some_options
@json_option
@config_option
def members(address: Address, config: Path, some: Some, *, as_json: bool) -> None:
    """List the members of a group."""
    columns = ("address", "local")
    write_list(config, "group.members", columns, some, as_json=as_json, group=str(address))


@group.command("set", epilog=examples("pymailcore group set team@example.org --posting tenant"))
@click.argument("address", type=ADDRESS)
@click.option("--posting", type=_POSTING, required=True, help="Who may write to it.")
@config_option
def set_(address: Address, posting: str, config: Path) -> None:
    """Change who may write to a group: everyone, accounts of its tenant, or its members."""
    do(config, "group.set", group=str(address), posting=posting)
    click.echo(f"changed {address}")


@group.command(epilog=examples("pymailcore group join team@example.org anna@example.org"))
@click.argument("address", type=ADDRESS)
@click.argument("members", metavar="MEMBER...", type=ADDRESS, nargs=-1, required=True)
@config_option
def join(address: Address, members: tuple[Address, ...], config: Path) -> None:
    """Put somebody into a group."""
    _each(config, "group.member.add", address, members, "added {} to {}")


@group.command(epilog=examples("pymailcore group leave team@example.org anna@example.org"))
@click.argument("address", type=ADDRESS)
@click.argument("members", metavar="MEMBER...", type=ADDRESS, nargs=-1, required=True)
@config_option
def leave(address: Address, members: tuple[Address, ...], config: Path) -> None:
    """Take somebody out of a group."""
    _each(config, "group.member.remove", address, members, "removed {} from {}")


def _each(config: Path, operation: str, address: Address, members: tuple[Address, ...], text: str) -> None:
    async def work() -> None:
        async with open_installation(config) as core:
            for member in members:
                await call(core, operation, group=str(address), member=str(member))
                click.echo(text.format(member, address))

    run(work)


@group.command(epilog=examples("pymailcore group remove team@example.org"))
@click.argument("address", type=ADDRESS)
@config_option
def remove(address: Address, config: Path) -> None:
    """Remove a group; its members stay what they are."""
    do(config, "group.remove", group=str(address))
    click.echo(f"removed {address}")


COMMAND = group
