"""`pymailcore account`: who has mail here."""

import secrets
import sys
from pathlib import Path

import click

from pymailcore.app.core import Core
from pymailcore.base.address import Address
from pymailcore.cli import account_csv, account_data, account_rights, account_sign_in
from pymailcore.cli.common import (
    ADDRESS,
    Some,
    config_option,
    confirm,
    examples,
    json_option,
    password_option,
    read_password,
    show_one,
    some_options,
    yes_option,
)
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import call, do, items_of, listed, write_list
from pymailcore.cli.quotas import quota_changes, quota_options, show_quotas
from pymailcore.cli.transferring import account_of
from pymailcore.directory.account_rows import KINDS
from pymailcore.directory.permissions import INSTALLATION, OPERATOR


def new_password() -> str:
    """Make a password that nobody can guess."""
    return secrets.token_urlsafe(15)


@click.group()
def account() -> None:
    """Add, list, change, suspend, export and remove accounts."""


@account.command(
    epilog=examples(
        "pymailcore account add anna@example.org",
        "pymailcore account add anna@example.org --password-stdin < password.txt",
        "pymailcore account add office@example.org --kind shared",
        "pymailcore account add ben@example.org --hash-stdin < bcrypt.txt",
    )
)
@click.argument("address", type=ADDRESS)
@password_option
@click.option(
    "--hash-stdin",
    is_flag=True,
    help="Read a password hash that another program has made from standard input.",
)
@click.option("--full-name", default="", metavar="TEXT", help="The name of its owner.")
@click.option("--kind", type=click.Choice(KINDS), default="personal", show_default=True, help="What it is.")
@click.option("--admin", is_flag=True, help="May administer the server; gets postmaster's and abuse's mail.")
@config_option
def add(
    address: Address,
    full_name: str,
    kind: str,
    config: Path,
    *,
    password_stdin: bool,
    hash_stdin: bool,
    admin: bool,
) -> None:
    """Make an account; its address is its login name.

    Without --password-stdin the password is asked for on a terminal; elsewhere one is made and printed once.
    Nobody signs in to a shared account or a resource, so these have none.
    """
    secret: dict[str, str] = {}
    made = ""
    if hash_stdin:
        secret = {"verifier": read_password()}
    elif kind == "personal":
        password, made = _choose_password(password_stdin=password_stdin)
        secret = {"password": password}

    async def work() -> None:
        async with open_installation(config) as core:
            await call(core, "account.add", account=str(address), full_name=full_name, kind=kind, **secret)
            if admin:
                await call(core, "role.grant", account=str(address), role=OPERATOR)

    run(work)
    click.echo(f"added {address}")
    if made:
        click.echo(f"password {made}")


def _choose_password(*, password_stdin: bool) -> tuple[str, str]:
    """The password, and again if it was made here."""
    if password_stdin:
        return read_password(), ""
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password, ""
    password = new_password()
    return password, password


@account.command(
    "list",
    epilog=examples(
        "pymailcore account list --json",
        "pymailcore account list --domain example.org --prefix a --limit 50",
    ),
)
@click.option("--tenant", metavar="T", help="Only those of a tenant.")
@click.option("--domain", metavar="D", help="Only those of a domain.")
@click.option("--prefix", default="", metavar="TEXT", help="Only those that begin so.")
@some_options
@json_option
@config_option
def list_(
    config: Path, some: Some, tenant: str | None, domain: str | None, prefix: str, *, as_json: bool
) -> None:
    """List all accounts."""
    write_list(
        config, "account.list", ("address", "state", "created", "kind", "full_name"), some, as_json=as_json,
        tenant=tenant, domain=domain, prefix=prefix,
    )  # fmt: skip


@account.command(epilog=examples("pymailcore account show anna@example.org"))
@click.argument("address", type=ADDRESS)
@json_option
@config_option
def show(address: Address, config: Path, *, as_json: bool) -> None:
    """Show an account: its addresses, forwards, roles, rights, limits and what signs in to it."""
    name = str(address)

    async def work() -> dict[str, object]:
        async with open_installation(config) as core:
            found = await call(core, "account.show", account=name)
            limits = items_of(await call(core, "limit.show", account=name))
            return found | {
                "forwards": await listed(core, "forward.list", account=name),
                "send_rights": await listed(core, "send-right.list", account=name),
                "roles": await listed(core, "role.holders", account=name),
                "limits": [one for one in limits if one["value"] is not None or one["used"]],
                "app_passwords": await listed(core, "app-password.list", account=name),
                "second_factors": await listed(core, "factor.list", account=name),
            }

    found = run(work)
    show_one(found, as_json=as_json)
    if found["sending_block"] is not None and not as_json:
        click.echo(
            f"To let it send again, and what is held of it go: pymailcore account allow-sending {name}\n"
            f"To let only that go: pymailcore queue release --account {name}"
        )


@account.command(
    "set",
    epilog=examples(
        "pymailcore account set anna@example.org --password-stdin < password.txt",
        "pymailcore account set anna@example.org --admin",
        "pymailcore account set anna@example.org --quota 5G --quota-emails none",
        'pymailcore account set anna@example.org --full-name "Anna Arnold"',
    ),
)
@click.argument("address", type=ADDRESS)
@password_option
@click.option("--admin/--no-admin", default=None, help="May administer the server, or no longer.")
@click.option("--full-name", metavar="TEXT", help="The name of its owner.")
@click.option("--kind", type=click.Choice(KINDS), help="What it is.")
@quota_options
@config_option
def set_(
    address: Address,
    full_name: str | None,
    kind: str | None,
    config: Path,
    *,
    password_stdin: bool,
    admin: bool | None,
    octets: str | None,
    emails: str | None,
    mailboxes: str | None,
) -> None:
    """Change an account: its password, name or kind, whether it administers, how much it may hold."""
    quota = quota_changes(octets, emails, mailboxes)
    plain = {"full_name": full_name, "kind": kind}
    wanted = any(value is not None for value in plain.values())
    if not password_stdin and admin is None and not quota and not wanted:
        raise click.UsageError("Nothing to change: give --password-stdin, --admin, --full-name or a quota …")
    password = read_password() if password_stdin else None

    async def work() -> None:
        async with open_installation(config) as core:
            if wanted:
                await call(core, "account.set", account=str(address), **plain)
            if password is not None:
                await call(core, "account.password", account=str(address), password=password)
            if admin is not None and admin != await _is_operator(core, address):
                way = "role.grant" if admin else "role.revoke"
                await call(core, way, account=str(address), role=OPERATOR)
            if quota:
                await call(core, "limit.set", account=str(address), limits=quota)

    run(work)
    click.echo(f"changed {address}")


async def _is_operator(core: Core, address: Address) -> bool:
    held = await listed(core, "role.holders", account=str(address))
    return any(one["role"] == OPERATOR and one["scope"] == INSTALLATION.kind for one in held)


@account.command(
    epilog=examples("pymailcore account rename anna@example.org anna.b@example.org --keep-alias")
)
@click.argument("address", type=ADDRESS)
@click.argument("to", type=ADDRESS)
@click.option("--keep-alias", is_flag=True, help="Mail to the old address goes on to come.")
@config_option
def rename(address: Address, to: Address, config: Path, *, keep_alias: bool) -> None:
    """Give an account another address, by which it signs in from then on; its mail stays."""
    do(config, "account.rename", account=str(address), to=str(to), keep_alias=keep_alias)
    click.echo(f"renamed {address} to {to}")


@account.command(epilog=examples('pymailcore account suspend anna@example.org --reason "left in May"'))
@click.argument("address", type=ADDRESS)
@click.option("--reason", default="", metavar="TEXT", help="Why, for people who look it up.")
@config_option
def suspend(address: Address, reason: str, config: Path) -> None:
    """Let nobody sign in to an account, and end what is signed in; its senders put mail for it off."""
    do(config, "account.set", account=str(address), state="suspended", reason=reason)
    click.echo(f"suspended {address}")


@account.command(epilog=examples("pymailcore account resume anna@example.org"))
@click.argument("address", type=ADDRESS)
@config_option
def resume(address: Address, config: Path) -> None:
    """Let a suspended account sign in and get mail again."""
    do(config, "account.set", account=str(address), state="active")
    click.echo(f"resumed {address}")


@account.command("block-sending", epilog=examples("pymailcore account block-sending anna@example.org"))
@click.argument("address", type=ADDRESS)
@config_option
def block_sending(address: Address, config: Path) -> None:
    """Let an account send nothing, and hold its mail in the queue; it reads and gets mail as before."""
    do(config, "account.set", account=str(address), send_blocked=True)
    click.echo(f"{address} sends nothing")


@account.command("allow-sending", epilog=examples("pymailcore account allow-sending anna@example.org"))
@click.argument("address", type=ADDRESS)
@config_option
def allow_sending(address: Address, config: Path) -> None:
    """Let an account send again, and what was held of it go."""
    do(config, "account.set", account=str(address), send_blocked=False)
    click.echo(f"{address} sends again")


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
@yes_option
@config_option
def purge(address: Address | None, config: Path, *, everyone: bool, yes: bool) -> None:
    """Let expunged mail go now; without this it can be restored for some days.

    What it took on the disk is free once the store's packs have been rewritten.
    """
    if (address is None) != everyone:
        raise click.UsageError("Give an address, or --all.")
    whose = "all accounts" if address is None else str(address)
    confirm(f"Let the expunged mail of {whose} go for good?", "nothing was let go", yes=yes)

    async def work() -> int:
        async with open_installation(config) as core:
            owner = None if address is None else (await account_of(core, address)).id
            return await core.store.undelete.purge(owner, everything=True)

    click.echo(f"let go {run(work)}")


@account.command(epilog=examples("pymailcore account remove anna@example.org --yes"))
@click.argument("address", type=ADDRESS)
@yes_option
@config_option
def remove(address: Address, config: Path, *, yes: bool) -> None:
    """Remove an account with all its mail, for good: nothing of it is kept for undelete.

    Mail of it that waits in the queue is dropped, held mail too; nobody is told.
    """
    confirm(f"Remove {address} and all its mail?", "nothing was removed", yes=yes)
    dropped = do(config, "account.remove", account=str(address))["dropped"]
    waiting = f"; {dropped} recipients of its mail that waited in the queue were dropped" if dropped else ""
    click.echo(f"removed {address}{waiting}")


for _module in (account_rights, account_sign_in, account_csv, account_data):
    for _command in _module.COMMANDS:
        account.add_command(_command)

COMMAND = account
