"""`pymailcore account`: who has mail here."""

import secrets
import sys
from pathlib import Path

import click

from pymailcore.admin.operations import Record
from pymailcore.base.address import Address
from pymailcore.cli.common import (
    ADDRESS,
    Failure,
    config_option,
    examples,
    json_option,
    password_option,
    read_password,
    show,
)
from pymailcore.cli.installation import open_installation, run


def new_password() -> str:
    """Make a password that nobody can guess."""
    return secrets.token_urlsafe(15)


@click.group()
def account() -> None:
    """Add, list, change and remove accounts."""


@account.command(
    epilog=examples(
        "pymailcore account add anna@example.org",
        "pymailcore account add anna@example.org --password-stdin < password.txt",
    )
)
@click.argument("address", type=ADDRESS)
@password_option
@click.option("--admin", is_flag=True, help="May administer the server; gets postmaster's and abuse's mail.")
@config_option
def add(address: Address, config: Path, *, password_stdin: bool, admin: bool) -> None:
    """Make an account; its address is its login name.

    Without --password-stdin the password is asked for on a terminal; elsewhere one is made and printed once.
    """
    password, made = _choose_password(password_stdin=password_stdin)

    async def work() -> None:
        async with open_installation(config) as core:
            await core.operations.add_account(str(address), password, admin=admin)

    run(work)
    click.echo(f"added {address}")
    if made:
        click.echo(f"password {password}")


def _choose_password(*, password_stdin: bool) -> tuple[str, bool]:
    """The password, and whether it was made here."""
    if password_stdin:
        return read_password(), False
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password, False
    return new_password(), True


@account.command("list", epilog=examples("pymailcore account list --json"))
@json_option
@config_option
def list_(config: Path, *, as_json: bool) -> None:
    """List all accounts."""

    async def work() -> list[Record]:
        async with open_installation(config) as core:
            return await core.operations.accounts()

    show(run(work), ("address", "admin", "created"), as_json=as_json)


@account.command(
    "set",
    epilog=examples(
        "pymailcore account set anna@example.org --password-stdin < password.txt",
        "pymailcore account set anna@example.org --admin",
    ),
)
@click.argument("address", type=ADDRESS)
@password_option
@click.option("--admin/--no-admin", default=None, help="May administer the server, or no longer.")
@config_option
def set_(address: Address, config: Path, *, password_stdin: bool, admin: bool | None) -> None:
    """Change an account: its password, or whether it administers the server."""
    if not password_stdin and admin is None:
        raise click.UsageError("Nothing to change: give --password-stdin, --admin or --no-admin.")
    password = read_password() if password_stdin else None

    async def work() -> None:
        async with open_installation(config) as core:
            await core.operations.set_account(str(address), password=password, admin=admin)

    run(work)
    click.echo(f"changed {address}")


@account.command(epilog=examples("pymailcore account remove anna@example.org --yes"))
@click.argument("address", type=ADDRESS)
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def remove(address: Address, config: Path, *, yes: bool) -> None:
    """Remove an account with all its mail."""
    if not yes and sys.stdin.isatty() and not click.confirm(f"Remove {address} and all its mail?"):
        raise Failure("nothing was removed")

    async def work() -> None:
        async with open_installation(config) as core:
            await core.operations.remove_account(str(address))

    run(work)
    click.echo(f"removed {address}")


COMMAND = account
