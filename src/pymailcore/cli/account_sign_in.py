"""`pymailcore account`: second factors and certificates of an account."""

from pathlib import Path
from typing import Final

import click

from pymailcore.base.address import Address
from pymailcore.cli.common import ADDRESS, config_option, confirm, examples, json_option, yes_option
from pymailcore.cli.operating import do, write_whole_list


@click.command(epilog=examples("pymailcore account factors anna@example.org --json"))
@click.argument("address", type=ADDRESS)
@json_option
@config_option
def factors(address: Address, config: Path, *, as_json: bool) -> None:
    """List the second factors of an account: passkeys and apps that show codes."""
    columns = ("id", "kind", "name", "created", "last_used")
    write_whole_list(config, "factor.list", columns, as_json=as_json, account=str(address))


@click.command(
    "reset-factors",
    epilog=examples(
        "pymailcore account reset-factors anna@example.org --yes",
        "pymailcore account reset-factors anna@example.org f1d2c5v0",
    ),
)
@click.argument("address", type=ADDRESS)
@click.argument("id_", metavar="[ID]", required=False)
@yes_option
@config_option
def reset_factors(address: Address, id_: str | None, config: Path, *, yes: bool) -> None:
    """Remove one second factor; without ID all of them, for somebody who has lost them."""
    if id_ is not None:
        do(config, "factor.remove", account=str(address), id=id_)
        click.echo(f"removed {id_}")
        return
    confirm(f"Let the password of {address} be enough again?", "nothing was removed", yes=yes)
    do(config, "factor.reset", account=str(address))
    click.echo(f"removed all second factors of {address}")


@click.command(epilog=examples("pymailcore account certificates anna@example.org --json"))
@click.argument("address", type=ADDRESS)
@json_option
@config_option
def certificates(address: Address, config: Path, *, as_json: bool) -> None:
    """List the certificates that sign in to an account."""
    columns = ("id", "name", "created", "expires", "last_used")
    write_whole_list(config, "certificate.list", columns, as_json=as_json, account=str(address))


@click.command(
    "add-certificate", epilog=examples("pymailcore account add-certificate anna@example.org laptop anna.pem")
)
@click.argument("address", type=ADDRESS)
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
def add_certificate(address: Address, name: str, file: Path, config: Path) -> None:
    """Let whoever has the key of the certificate in FILE (PEM) sign in to an account."""
    text = file.read_text("ascii", "replace")
    made = do(config, "certificate.add", account=str(address), name=name, certificate=text)
    click.echo(f"added {made['id']}")


@click.command(
    "remove-certificate", epilog=examples("pymailcore account remove-certificate anna@example.org 5d2c1f0a")
)
@click.argument("address", type=ADDRESS)
@click.argument("id_", metavar="ID")
@config_option
def remove_certificate(address: Address, id_: str, config: Path) -> None:
    """Let a certificate sign in no more."""
    do(config, "certificate.remove", account=str(address), id=id_)
    click.echo(f"removed {id_}")


COMMANDS: Final = (factors, reset_factors, certificates, add_certificate, remove_certificate)
"""The commands of this module."""
