"""`pymailcore domain`: the domains whose mail is kept here."""

from pathlib import Path

import click

from pymailcore.base.address import normalise_domain
from pymailcore.cli.common import (
    Some,
    config_option,
    confirm,
    examples,
    json_option,
    show_one,
    some_options,
    yes_option,
)
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import call, do, write_list
from pymailcore.cli.quotas import quota_changes, quota_options, show_quotas
from pymailcore.directory.claims import CHALLENGE_NAME, CHALLENGE_VALUE

tenant_option = click.option(
    "--tenant", default="default", metavar="T", show_default=True, help="Whose it is to be."
)


@click.group()
def domain() -> None:
    """Add, claim, list, change, suspend and remove domains."""


@domain.command(epilog=examples("pymailcore domain add example.org"))
@click.argument("name")
@tenant_option
@config_option
def add(name: str, tenant: str, config: Path) -> None:
    """Keep mail for a domain, on your word that it is the tenant's."""
    click.echo(f"added {do(config, 'domain.add', domain=name, tenant=tenant)['domain']}")


@domain.command(epilog=examples("pymailcore domain claim example.org --tenant acme"))
@click.argument("name")
@tenant_option
@config_option
def claim(name: str, tenant: str, config: Path) -> None:
    """Note that a domain is said to be a tenant's, and write the DNS record that proves it.

    No mail goes by it until `pymailcore domain verify` has found the record.
    """
    made = do(config, "domain.claim", domain=name, tenant=tenant)
    click.echo(f'{CHALLENGE_NAME}{made["domain"]}. 3600 IN TXT "{CHALLENGE_VALUE}{made["challenge"]}"')


@domain.command(epilog=examples("pymailcore domain claims --json"))
@some_options
@json_option
@config_option
def claims(config: Path, some: Some, *, as_json: bool) -> None:
    """List claims that are not verified yet."""
    write_list(config, "domain.claims", ("domain", "tenant", "challenge", "created"), some, as_json=as_json)


@domain.command(
    epilog=examples("pymailcore domain verify example.org", "pymailcore domain verify example.org --operator")
)
@click.argument("name")
@tenant_option
@click.option("--operator", is_flag=True, help="Do not ask the DNS: your word is enough.")
@config_option
def verify(name: str, tenant: str, config: Path, *, operator: bool) -> None:
    """Look for the DNS record of a claim, and keep mail for the domain if it is there."""
    way = "domain.vouch" if operator else "domain.verify"
    click.echo(f"verified {do(config, way, domain=name, tenant=tenant)['domain']}")


@domain.command(epilog=examples("pymailcore domain withdraw example.org"))
@click.argument("name")
@tenant_option
@config_option
def withdraw(name: str, tenant: str, config: Path) -> None:
    """Take a claim back."""
    do(config, "domain.withdraw", domain=name, tenant=tenant)
    click.echo(f"withdrew {name}")


@domain.command(
    "list", epilog=examples("pymailcore domain list --json", "pymailcore domain list --tenant acme")
)
@click.option("--tenant", metavar="T", help="Only those of a tenant.")
@some_options
@json_option
@config_option
def list_(config: Path, some: Some, tenant: str | None, *, as_json: bool) -> None:
    """List all domains."""
    columns = ("domain", "created", "state", "alias_of")
    write_list(config, "domain.list", columns, some, as_json=as_json, tenant=tenant)


@domain.command(epilog=examples("pymailcore domain show example.org"))
@click.argument("name")
@json_option
@config_option
def show(name: str, config: Path, *, as_json: bool) -> None:
    """Show a domain."""
    show_one(do(config, "domain.show", domain=name), as_json=as_json)


@domain.command(
    "set",
    epilog=examples(
        "pymailcore domain set example.org --quota 500G --quota-mailboxes none",
        "pymailcore domain set example.net --alias-of example.org",
    ),
)
@click.argument("name")
@quota_options
@click.option(
    "--alias-of", metavar="D|none", help="Let it have the addresses of another domain, or of none again."
)
@config_option
def set_(
    name: str,
    config: Path,
    *,
    octets: str | None,
    emails: str | None,
    mailboxes: str | None,
    alias_of: str | None,
) -> None:
    """Change how much all accounts of a domain may hold together, and whose addresses it has, too."""
    quota = quota_changes(octets, emails, mailboxes)
    if not quota and alias_of is None:
        raise click.UsageError("Nothing to change: give --alias-of, or a quota such as --quota 500G.")
    normal = normalise_domain(name)
    if normal is None:
        raise click.UsageError(f"{name!r} is no domain")

    async def work() -> None:
        async with open_installation(config) as core:
            if quota:
                await call(core, "limit.set", domain=normal, limits=quota)
            if alias_of is not None:
                await call(core, "domain.set", domain=normal, alias_of=_none(alias_of))

    run(work)
    click.echo(f"changed {normal}")


def _none(text: str) -> str:
    return "" if text == "none" else text


@domain.command(epilog=examples("pymailcore domain suspend example.org"))
@click.argument("name")
@config_option
def suspend(name: str, config: Path) -> None:
    """Let nobody of a domain sign in; mail for it is put off by its senders."""
    do(config, "domain.state", domain=name, state="suspended")
    click.echo(f"suspended {name}")


@domain.command(epilog=examples("pymailcore domain resume example.org"))
@click.argument("name")
@config_option
def resume(name: str, config: Path) -> None:
    """Let a suspended domain sign in and get mail again."""
    do(config, "domain.state", domain=name, state="active")
    click.echo(f"resumed {name}")


@domain.command("quota", epilog=examples("pymailcore domain quota --json"))
@json_option
@config_option
def quota_(config: Path, *, as_json: bool) -> None:
    """List what the domains with a quota hold, as counted last, and how much they may."""
    show_quotas(config, "domain", as_json=as_json)


@domain.command(epilog=examples("pymailcore domain remove example.org"))
@click.argument("name")
@yes_option
@config_option
def remove(name: str, config: Path, *, yes: bool) -> None:
    """Stop keeping mail for a domain that has no accounts; its aliases and groups go with it."""
    confirm(f"Remove {name} with its aliases and groups?", "nothing was removed", yes=yes)
    do(config, "domain.remove", domain=name)
    click.echo(f"removed {name}")


COMMAND = domain
