"""`pymailcore session`: where accounts are signed in."""

from pathlib import Path

import click

from pymailcore.base.address import Address
from pymailcore.cli.common import ADDRESS, config_option, examples, json_option
from pymailcore.cli.operating import do, write_whole_list


@click.group()
def session() -> None:
    """List and end sessions of an account; see how it was signed in to."""


@session.command("list", epilog=examples("pymailcore session list anna@example.org --json"))
@click.argument("address", type=ADDRESS)
@json_option
@config_option
def list_(address: Address, config: Path, *, as_json: bool) -> None:
    """List the web sessions of an account, the last used first."""
    columns = ("session", "created", "last_used", "expires", "peer", "user_agent")
    write_whole_list(config, "session.list", columns, as_json=as_json, account=str(address))


@session.command("sign-ins", epilog=examples("pymailcore session sign-ins anna@example.org"))
@click.argument("address", type=ADDRESS)
@json_option
@config_option
def sign_ins(address: Address, config: Path, *, as_json: bool) -> None:
    """List how an account was signed in to: protocol, kind of secret, address, first and last time."""
    columns = ("protocol", "mechanism", "peer", "first", "last", "times")
    write_whole_list(config, "sign-in.list", columns, as_json=as_json, account=str(address))


@session.command(
    epilog=examples(
        "pymailcore session end anna@example.org", "pymailcore session end anna@example.org 5d2c1f0a9b"
    )
)
@click.argument("address", type=ADDRESS)
@click.argument("which", metavar="[SESSION]", required=False)
@config_option
def end(address: Address, which: str | None, config: Path) -> None:
    """End one web session; without SESSION all of them, and the account's connections of all protocols.

    With the server up that takes a few seconds at most. Passwords stay as they are.
    """
    do(config, "session.end", account=str(address), session=which)
    click.echo(f"ended {which or 'all'} of {address}")


COMMAND = session
