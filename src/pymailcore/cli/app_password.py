"""`pymailcore app-password`: passwords for single programs and devices of an account."""

from pathlib import Path

import click

from pymailcore.base.address import Address
from pymailcore.base.errors import NotFound
from pymailcore.cli.common import ADDRESS, config_option, examples, json_option, say, show_one
from pymailcore.cli.operating import do, items_of, write_whole_list


@click.group("app-password")
def app_password() -> None:
    """Add, list, show and remove passwords for single programs and devices of an account.

    An app password is never changed: make another one and remove the first.
    """


@app_password.command(
    epilog=examples(
        "pymailcore app-password add anna@example.org phone --protocol imap --protocol smtp",
        "pymailcore app-password add anna@example.org archive --read-only --network 192.0.2.7",
    )
)
@click.argument("address", type=ADDRESS)
@click.argument("name")
@click.option(
    "--protocol", "protocols", multiple=True, metavar="P", help="Only for this one; may be repeated."
)
@click.option("--network", "networks", multiple=True, metavar="NET", help="Only from here; may be repeated.")
@click.option("--read-only", is_flag=True, help="It may look, and change and send nothing.")
@click.option("--expires", metavar="TIME", help="A day, or a time such as 2027-01-31T12:00:00Z.")
@json_option
@config_option
def add(
    address: Address,
    name: str,
    protocols: tuple[str, ...],
    networks: tuple[str, ...],
    expires: str | None,
    config: Path,
    *,
    read_only: bool,
    as_json: bool,
) -> None:
    """Make an app password, NAME; it is printed this once and kept nowhere."""
    made = do(
        config, "app-password.add", account=str(address), name=name, protocols=list(protocols),
        networks=list(networks), read_only=read_only, expires=expires,
    )  # fmt: skip
    show_one(made if as_json else {"id": made["id"], "password": made["password"]}, as_json=as_json)


@app_password.command("list", epilog=examples("pymailcore app-password list anna@example.org --json"))
@click.argument("address", type=ADDRESS)
@json_option
@config_option
def list_(address: Address, config: Path, *, as_json: bool) -> None:
    """List the app passwords of an account, without what they are."""
    columns = ("id", "name", "protocols", "networks", "read_only", "created", "expires", "last_used")
    write_whole_list(config, "app-password.list", columns, as_json=as_json, account=str(address))


@app_password.command(epilog=examples("pymailcore app-password show anna@example.org p1d2c5v0"))
@click.argument("address", type=ADDRESS)
@click.argument("id_", metavar="ID")
@json_option
@config_option
def show(address: Address, id_: str, config: Path, *, as_json: bool) -> None:
    """Show an app password, without what it is."""
    for found in items_of(do(config, "app-password.list", account=str(address))):
        if found["id"] == id_:
            show_one(found, as_json=as_json)
            return
    raise _no_password(address, id_)


@app_password.command(epilog=examples("pymailcore app-password remove anna@example.org p1d2c5v0"))
@click.argument("address", type=ADDRESS)
@click.argument("id_", metavar="ID")
@json_option
@config_option
def remove(address: Address, id_: str, config: Path, *, as_json: bool) -> None:
    """Remove an app password; what signed in with it is disconnected."""
    try:
        do(config, "app-password.remove", account=str(address), id=id_)
    except NotFound:
        raise _no_password(address, id_) from None
    say({"removed": id_, "account": str(address)}, f"removed {id_}", as_json)


def _no_password(address: Address, id_: str) -> NotFound:
    return NotFound(f"no app password {id_}; `pymailcore app-password list {address}` has them all")


COMMAND = app_password
