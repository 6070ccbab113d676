"""`pymailcore account`: where an account's mail also goes, and as whom it may write."""

from pathlib import Path
from typing import Final

import click

from pymailcore.base.address import Address
from pymailcore.cli.common import ADDRESS, config_option, examples, json_option
from pymailcore.cli.operating import do, write_whole_list


@click.command(epilog=examples("pymailcore account forwards anna@example.org"))
@click.argument("address", type=ADDRESS)
@json_option
@config_option
def forwards(address: Address, config: Path, *, as_json: bool) -> None:
    """List where an account's mail also goes."""
    columns = ("target", "keep_copy")
    write_whole_list(config, "forward.list", columns, as_json=as_json, account=str(address))


@click.command(
    epilog=examples(
        "pymailcore account forward anna@example.org anna@example.net",
        "pymailcore account forward anna@example.org anna@example.net --no-copy",
    )
)
@click.argument("address", type=ADDRESS)
@click.argument("target", type=ADDRESS)
@click.option("--copy/--no-copy", default=True, help="Keep a copy here (the default), or none.")
@config_option
def forward(address: Address, target: Address, config: Path, *, copy: bool) -> None:
    """Let an account's mail also go to TARGET, or only there."""
    do(config, "forward.set", account=str(address), target=str(target), keep_copy=copy)
    click.echo(f"{address} forwards to {target}")


@click.command(epilog=examples("pymailcore account unforward anna@example.org"))
@click.argument("address", type=ADDRESS)
@click.argument("target", type=ADDRESS, required=False)
@config_option
def unforward(address: Address, target: Address | None, config: Path) -> None:
    """Let an account's mail no longer go to TARGET; without it, nowhere else."""
    do(config, "forward.remove", account=str(address), target=None if target is None else str(target))
    click.echo(f"{address} no longer forwards" + ("" if target is None else f" to {target}"))


@click.command("send-rights", epilog=examples("pymailcore account send-rights anna@example.org --json"))
@click.argument("address", type=ADDRESS)
@json_option
@config_option
def send_rights(address: Address, config: Path, *, as_json: bool) -> None:
    """List the addresses of others as which an account may write."""
    write_whole_list(config, "send-right.list", ("address", "kind"), as_json=as_json, account=str(address))


@click.command(
    "send-as",
    epilog=examples(
        "pymailcore account send-as anna@example.org team@example.org",
        "pymailcore account send-as anna@example.org boss@example.org --on-behalf",
    ),
)
@click.argument("address", type=ADDRESS)
@click.argument("other", type=ADDRESS)
@click.option("--on-behalf", is_flag=True, help="Its own address is named as the sender.")
@click.option("--revoke", is_flag=True, help="It may no longer.")
@config_option
def send_as(address: Address, other: Address, config: Path, *, on_behalf: bool, revoke: bool) -> None:
    """Let an account write as OTHER, the address of another account or of a group."""
    if revoke:
        do(config, "send-right.revoke", account=str(address), address=str(other))
        click.echo(f"{address} no longer writes as {other}")
        return
    kind = "on-behalf" if on_behalf else "send-as"
    do(config, "send-right.grant", account=str(address), address=str(other), kind=kind)
    click.echo(f"{address} may write {'on behalf of' if on_behalf else 'as'} {other}")


COMMANDS: Final = (forwards, forward, unforward, send_rights, send_as)
"""The commands of this module."""
