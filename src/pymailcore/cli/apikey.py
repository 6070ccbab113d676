"""`pymailcore apikey`: keys for programs that administer."""

from pathlib import Path

import click

from pymailcore.base.errors import NotFound
from pymailcore.cli.common import config_option, examples, json_option, say, show_one
from pymailcore.cli.operating import do, items_of, write_whole_list


@click.group()
def apikey() -> None:
    """Add, list, show and remove keys for programs; each acts with one role, on a tenant, a domain or all.

    A key is never changed: make another one and remove the first.
    """


@apikey.command(
    epilog=examples(
        "pymailcore apikey add billing --role tenant-admin --tenant acme --expires 2027-01-31",
        "pymailcore apikey add monitor --role support --network 192.0.2.0/24",
    )
)
@click.argument("name")
@click.option("--role", required=True, metavar="R", help="What it may do: a role.")
@click.option("--tenant", metavar="T", help="On a tenant.")
@click.option("--domain", metavar="D", help="On a domain; without either on the installation.")
@click.option("--network", "networks", multiple=True, metavar="NET", help="Only from here; may be repeated.")
@click.option("--expires", metavar="TIME", help="A day, or a time such as 2027-01-31T12:00:00Z.")
@json_option
@config_option
def add(
    name: str,
    role: str,
    tenant: str | None,
    domain: str | None,
    networks: tuple[str, ...],
    expires: str | None,
    config: Path,
    *,
    as_json: bool,
) -> None:
    """Make a key; it is printed this once and kept nowhere."""
    made = do(
        config, "apikey.add", name=name, role=role, tenant=tenant, domain=domain, networks=list(networks),
        expires=expires,
    )  # fmt: skip
    show_one(made if as_json else {"id": made["id"], "key": made["key"]}, as_json=as_json)


@apikey.command("list", epilog=examples("pymailcore apikey list --json"))
@click.option("--tenant", metavar="T", help="Only those of a tenant.")
@json_option
@config_option
def list_(tenant: str | None, config: Path, *, as_json: bool) -> None:
    """List all keys, without what they open."""
    columns = ("id", "name", "role", "scope", "networks", "created", "expires", "last_used", "last_peer")
    write_whole_list(config, "apikey.list", columns, as_json=as_json, tenant=tenant)


@apikey.command(epilog=examples("pymailcore apikey show k1d2c5v0"))
@click.argument("id_", metavar="ID")
@json_option
@config_option
def show(id_: str, config: Path, *, as_json: bool) -> None:
    """Show a key, without what it opens."""
    for found in items_of(do(config, "apikey.list")):
        if found["id"] == id_:
            show_one(found, as_json=as_json)
            return
    raise _no_key(id_)


@apikey.command(epilog=examples("pymailcore apikey remove k1d2c5v0"))
@click.argument("id_", metavar="ID")
@json_option
@config_option
def remove(id_: str, config: Path, *, as_json: bool) -> None:
    """Remove a key; it opens nothing from then on."""
    try:
        do(config, "apikey.remove", id=id_)
    except NotFound:
        raise _no_key(id_) from None
    say({"removed": id_}, f"removed {id_}", as_json)


def _no_key(id_: str) -> NotFound:
    return NotFound(f"no key {id_}; `pymailcore apikey list` has them all")


COMMAND = apikey
