"""`pymailcore session`: where accounts are signed in: browsers, and the connections of mail programs."""

from pathlib import Path

import click

from pymailcore.admin.operation import Record
from pymailcore.base.address import Address
from pymailcore.base.errors import NotFound
from pymailcore.cli.common import (
    ADDRESS,
    Failure,
    Some,
    config_option,
    examples,
    json_option,
    say,
    show_one,
    some_options,
)
from pymailcore.cli.operating import do, items_of, write_list, write_whole_list

_SESSION = ("session", "created", "last_used", "expires", "peer", "user_agent")
_LIVE = ("account", "protocol", "peer", "client", "mechanism", "since", "id")


@click.group()
def session() -> None:
    """List, show and end sessions of an account; see who is connected, and how it was signed in to."""


@session.command(
    "list",
    epilog=examples(
        "pymailcore session list anna@example.org --json",
        "pymailcore session list --live",
        "pymailcore session list anna@example.org --live",
    ),
)
@click.argument("address", type=ADDRESS, required=False)
@click.option("--live", is_flag=True, help="Connections of mail programs that are open now.")
@json_option
@some_options
@config_option
def list_(address: Address | None, config: Path, some: Some, *, live: bool, as_json: bool) -> None:
    """List the web sessions of an account, the last used first; with --live the open connections.

    Connections are those of all processes, as they were some seconds ago. Without ADDRESS --live lists those
    of all accounts. With the server down there are none.
    """
    if live:
        named = {} if address is None else {"account": str(address)}
        write_list(config, "session.live", _LIVE, some, as_json=as_json, **named)
        return
    if address is None:
        raise click.UsageError("Whose? Give an ADDRESS, or --live for all open connections.")
    write_whole_list(config, "session.list", _SESSION, as_json=as_json, account=str(address))


@session.command(epilog=examples("pymailcore session show anna@example.org 5d2c1f0a9b --json"))
@click.argument("address", type=ADDRESS)
@click.argument("which", metavar="SESSION")
@json_option
@config_option
def show(address: Address, which: str, config: Path, *, as_json: bool) -> None:
    """Show one web session; the first characters of what `session list` calls it are enough."""
    show_one(_find(config, address, which), as_json=as_json)


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
        "pymailcore session end anna@example.org",
        "pymailcore session end anna@example.org 5d2c1f0a9b --json",
    )
)
@click.argument("address", type=ADDRESS)
@click.argument("which", metavar="[SESSION]", required=False)
@json_option
@config_option
def end(address: Address, which: str | None, config: Path, *, as_json: bool) -> None:
    """End one web session; without SESSION all of them, and the account's connections of all protocols.

    With the server up that takes a few seconds at most. Passwords stay as they are.
    """
    name = None if which is None else str(_find(config, address, which)["session"])
    do(config, "session.end", account=str(address), session=name)
    say({"ended": name or "all", "account": str(address)}, f"ended {name or 'all'} of {address}", as_json)


def _find(config: Path, address: Address, which: str) -> Record:
    """The session of an account whose name begins so.

    Raises:
        NotFound: none does.
        Failure: several do.
    """
    items = items_of(do(config, "session.list", account=str(address)))
    found = [one for one in items if str(one["session"]).startswith(which.lower())]
    if not found:
        raise NotFound(f"no session {which} of {address}; `pymailcore session list {address}` has them all")
    if len(found) > 1:
        raise Failure(f"{len(found)} sessions of {address} begin with {which}: give more of it")
    return found[0]


COMMAND = session
