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
from pymailcore.cli.quotas import quota_changes, quota_options, show_quotas
from pymailcore.cli.transferring import account_of


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
        "pymailcore account set anna@example.org --quota 5G --quota-emails none",
    ),
)
@click.argument("address", type=ADDRESS)
@password_option
@click.option("--admin/--no-admin", default=None, help="May administer the server, or no longer.")
@quota_options
@config_option
def set_(
    address: Address,
    config: Path,
    *,
    password_stdin: bool,
    admin: bool | None,
    octets: str | None,
    emails: str | None,
    mailboxes: str | None,
) -> None:
    """Change an account: its password, whether it administers the server, how much it may hold."""
    quota = quota_changes(octets, emails, mailboxes)
    if not password_stdin and admin is None and not quota:
        raise click.UsageError("Nothing to change: give --password-stdin, --admin, --no-admin or a quota.")
    password = read_password() if password_stdin else None

    async def work() -> None:
        async with open_installation(config) as core:
            await core.operations.set_account(str(address), password=password, admin=admin)
            if quota:
                await core.store.quotas.change("account", address.key, quota)

    run(work)
    click.echo(f"changed {address}")


@account.command("quota", epilog=examples("pymailcore account quota --json"))
@json_option
@config_option
def quota_(config: Path, *, as_json: bool) -> None:
    """List what all accounts hold and how much they may."""
    show_quotas(config, "account", as_json=as_json)


@account.command(
    epilog=examples("pymailcore account purge anna@example.org --yes", "pymailcore account purge --all --yes")
)
@click.argument("address", type=ADDRESS, required=False)
@click.option("--all", "everyone", is_flag=True, help="Of all accounts.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def purge(address: Address | None, config: Path, *, everyone: bool, yes: bool) -> None:
    """Let expunged mail go now; without this it can be restored for some days.

    What it took on the disk is free once the store's packs have been rewritten.
    """
    if (address is None) != everyone:
        raise click.UsageError("Give an address, or --all.")
    whose = "all accounts" if address is None else str(address)
    if not yes and sys.stdin.isatty() and not click.confirm(f"Let the expunged mail of {whose} go for good?"):
        raise Failure("nothing was let go")

    async def work() -> int:
        async with open_installation(config) as core:
            owner = None if address is None else (await account_of(core, address)).id
            return await core.store.undelete.purge(owner, everything=True)

    click.echo(f"let go {run(work)}")


@account.command(epilog=examples("pymailcore account remove anna@example.org --yes"))
@click.argument("address", type=ADDRESS)
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def remove(address: Address, config: Path, *, yes: bool) -> None:
    """Remove an account with all its mail, for good: nothing of it is kept for undelete."""
    if not yes and sys.stdin.isatty() and not click.confirm(f"Remove {address} and all its mail?"):
        raise Failure("nothing was removed")

    async def work() -> None:
        async with open_installation(config) as core:
            await core.operations.remove_account(str(address))

    run(work)
    click.echo(f"removed {address}")


COMMAND = account
