"""`pymailcore alias`: addresses that stand for others."""

from pathlib import Path

import click

from pymailcore.base.address import Address
from pymailcore.cli.common import ADDRESS, Some, config_option, examples, json_option, show_one, some_options
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import call, do, write_list


@click.group()
def alias() -> None:
    """Add, list, change and remove aliases; one `*` in FROM makes a wildcard, `*@domain` is a catch-all."""


@alias.command(
    epilog=examples(
        "pymailcore alias add sales@example.org anna@example.org",
        "pymailcore alias add sales@example.org anna@example.org ben@example.net",
        "pymailcore alias add '*@example.org' anna@example.org",
    )
)
@click.argument("from_", metavar="FROM", type=ADDRESS)
@click.argument("to", type=ADDRESS, nargs=-1, required=True)
@config_option
def add(from_: Address, to: tuple[Address, ...], config: Path) -> None:
    """Let mail for FROM go to each TO: an account, another alias, a group, or an address elsewhere."""

    async def work() -> None:
        async with open_installation(config) as core:
            for one in to:
                await call(core, "alias.add", address=str(from_), target=str(one))
                click.echo(f"added {from_} to {one}")

    run(work)


@alias.command(
    "list", epilog=examples("pymailcore alias list --json", "pymailcore alias list --domain example.org")
)
@click.option("--domain", metavar="D", help="Only those of a domain.")
@click.option("--prefix", default="", metavar="TEXT", help="Only those that begin so.")
@some_options
@json_option
@config_option
def list_(config: Path, some: Some, domain: str | None, prefix: str, *, as_json: bool) -> None:
    """List all aliases."""
    columns = ("address", "target", "local")
    write_list(config, "alias.list", columns, some, as_json=as_json, domain=domain, prefix=prefix)


@alias.command(epilog=examples("pymailcore alias show sales@example.org"))
@click.argument("from_", metavar="FROM", type=ADDRESS)
@json_option
@config_option
def show(from_: Address, config: Path, *, as_json: bool) -> None:
    """Show what FROM stands for."""
    targets = do(config, "alias.show", address=str(from_))
    show_one(targets, as_json=as_json)


@alias.command("set", epilog=examples("pymailcore alias set sales@example.org ben@example.org"))
@click.argument("from_", metavar="FROM", type=ADDRESS)
@click.argument("to", type=ADDRESS, nargs=-1, required=True)
@config_option
def set_(from_: Address, to: tuple[Address, ...], config: Path) -> None:
    """Let mail for FROM go to each TO and to nobody else."""

    async def work() -> None:
        async with open_installation(config) as core:
            found = await call(core, "alias.show", address=str(from_))
            targets = found["targets"]
            old = {str(one).casefold(): str(one) for one in (targets if isinstance(targets, list) else ())}
            new = {one.key.casefold(): str(one) for one in to}
            for key in new.keys() - old.keys():
                await call(core, "alias.add", address=str(from_), target=new[key])
            for key in old.keys() - new.keys():
                await call(core, "alias.remove", address=str(from_), target=old[key])

    run(work)
    click.echo(f"changed {from_}")


@alias.command(epilog=examples("pymailcore alias remove sales@example.org"))
@click.argument("from_", metavar="FROM", type=ADDRESS)
@click.argument("to", type=ADDRESS, required=False)
@config_option
def remove(from_: Address, to: Address | None, config: Path) -> None:
    """Remove the alias of FROM to TO; without TO all aliases of FROM."""
    do(config, "alias.remove", address=str(from_), target=None if to is None else str(to))
    click.echo(f"removed {from_}" + (f" to {to}" if to else ""))


COMMAND = alias
