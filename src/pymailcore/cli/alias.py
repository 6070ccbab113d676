"""`pymailcore alias`: addresses that stand for others."""

from pathlib import Path

import click

from pymailcore.admin.operations import Record
from pymailcore.base.address import Address
from pymailcore.cli.common import ADDRESS, config_option, examples, json_option, show
from pymailcore.cli.installation import open_installation, run


@click.group()
def alias() -> None:
    """Add, list and remove aliases."""


@alias.command(epilog=examples("pymailcore alias add sales@example.org anna@example.org"))
@click.argument("from_", metavar="FROM", type=ADDRESS)
@click.argument("to", type=ADDRESS)
@config_option
def add(from_: Address, to: Address, config: Path) -> None:
    """Let mail for FROM go to TO: an account, another alias, or an address elsewhere."""

    async def work() -> None:
        async with open_installation(config) as core:
            await core.operations.add_alias(str(from_), str(to))

    run(work)
    click.echo(f"added {from_} to {to}")


@alias.command("list", epilog=examples("pymailcore alias list --json"))
@json_option
@config_option
def list_(config: Path, *, as_json: bool) -> None:
    """List all aliases."""

    async def work() -> list[Record]:
        async with open_installation(config) as core:
            return await core.operations.aliases()

    show(run(work), ("address", "target", "local"), as_json=as_json)


@alias.command(epilog=examples("pymailcore alias remove sales@example.org"))
@click.argument("from_", metavar="FROM", type=ADDRESS)
@click.argument("to", type=ADDRESS, required=False)
@config_option
def remove(from_: Address, to: Address | None, config: Path) -> None:
    """Remove the alias of FROM to TO; without TO all aliases of FROM."""

    async def work() -> None:
        async with open_installation(config) as core:
            await core.operations.remove_alias(str(from_), None if to is None else str(to))

    run(work)
    click.echo(f"removed {from_}" + (f" to {to}" if to else ""))


COMMAND = alias
