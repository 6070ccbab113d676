"""`pymailcore role`: what administrators may do, and who they are."""

from pathlib import Path

import click

from pymailcore.base.address import Address
from pymailcore.base.errors import NotFound
from pymailcore.cli.common import ADDRESS, config_option, examples, json_option, show_one
from pymailcore.cli.common import show as show_rows
from pymailcore.cli.operating import do, items_of, write_whole_list
from pymailcore.directory.permissions import Permission

_tenant = click.option("--tenant", metavar="T", help="A role of this tenant; else of the installation.")
_on_tenant = click.option("--tenant", metavar="T", help="On a tenant.")
_on_domain = click.option("--domain", metavar="D", help="On a domain; without either on the installation.")


@click.group()
def role() -> None:
    """Add, list, change and remove roles; grant them to accounts, and take them back."""


@role.command(epilog=examples("pymailcore role add helpdesk account.read account.password"))
@click.argument("name")
@click.argument("permissions", metavar="PERMISSION...", nargs=-1, required=True)
@_tenant
@config_option
def add(name: str, permissions: tuple[str, ...], tenant: str | None, config: Path) -> None:
    """Make a role of single permissions; `pymailcore role permissions` lists them."""
    do(config, "role.add", role=name, permissions=list(permissions), tenant=tenant)
    click.echo(f"added {name}")


@role.command("list", epilog=examples("pymailcore role list --json", "pymailcore role list --tenant acme"))
@_tenant
@json_option
@config_option
def list_(tenant: str | None, config: Path, *, as_json: bool) -> None:
    """List the roles that there are, with their permissions."""
    columns = ("role", "built_in", "permissions")
    write_whole_list(config, "role.list", columns, as_json=as_json, tenant=tenant)


@role.command(epilog=examples("pymailcore role show domain-admin"))
@click.argument("name")
@_tenant
@json_option
@config_option
def show(name: str, tenant: str | None, config: Path, *, as_json: bool) -> None:
    """Show the permissions of a role."""
    for found in items_of(do(config, "role.list", tenant=tenant)):
        if found["role"] == name:
            show_one(found, as_json=as_json)
            return
    raise NotFound(f"no role {name}; `pymailcore role list` has them all")


@role.command(epilog=examples("pymailcore role permissions"))
@json_option
@config_option
def permissions(config: Path, *, as_json: bool) -> None:  # noqa: ARG001 - every command takes it
    """List all single permissions of which roles are made."""
    show_rows([{"permission": str(one)} for one in Permission], ("permission",), as_json=as_json)


@role.command("set", epilog=examples("pymailcore role set helpdesk account.read session.end"))
@click.argument("name")
@click.argument("permissions", metavar="PERMISSION...", nargs=-1, required=True)
@_tenant
@config_option
def set_(name: str, permissions: tuple[str, ...], tenant: str | None, config: Path) -> None:
    """Give a role these permissions in place of those that it has; its holders have them at once."""
    do(config, "role.set", role=name, permissions=list(permissions), tenant=tenant)
    click.echo(f"changed {name}")


@role.command(epilog=examples("pymailcore role remove helpdesk"))
@click.argument("name")
@_tenant
@config_option
def remove(name: str, tenant: str | None, config: Path) -> None:
    """Remove a role that nobody holds."""
    do(config, "role.remove", role=name, tenant=tenant)
    click.echo(f"removed {name}")


@role.command(epilog=examples("pymailcore role holders", "pymailcore role holders anna@example.org --json"))
@click.argument("address", type=ADDRESS, required=False)
@json_option
@config_option
def holders(address: Address | None, config: Path, *, as_json: bool) -> None:
    """List who holds a role on what; or the roles of one account."""
    account = None if address is None else str(address)
    columns = ("account", "role", "scope", "on", "created")
    write_whole_list(config, "role.holders", columns, as_json=as_json, account=account)


@role.command(
    epilog=examples(
        "pymailcore role grant anna@example.org domain-admin --domain example.org",
        "pymailcore role grant anna@example.org operator",
    )
)
@click.argument("address", type=ADDRESS)
@click.argument("name", metavar="ROLE")
@_on_tenant
@_on_domain
@config_option
def grant(address: Address, name: str, tenant: str | None, domain: str | None, config: Path) -> None:
    """Give an account a role on a tenant or a domain, or on the whole installation."""
    do(config, "role.grant", account=str(address), role=name, tenant=tenant, domain=domain)
    click.echo(f"granted {name} to {address}")


@role.command(epilog=examples("pymailcore role revoke anna@example.org domain-admin --domain example.org"))
@click.argument("address", type=ADDRESS)
@click.argument("name", metavar="ROLE")
@_on_tenant
@_on_domain
@config_option
def revoke(address: Address, name: str, tenant: str | None, domain: str | None, config: Path) -> None:
    """Take a role back."""
    do(config, "role.revoke", account=str(address), role=name, tenant=tenant, domain=domain)
    click.echo(f"revoked {name} from {address}")


COMMAND = role
