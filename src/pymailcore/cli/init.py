"""`pymailcore init`: a folder with everything that a server needs to start."""

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Final

import click

from pymailcore.base.address import Address, normalise_domain
from pymailcore.base.errors import AlreadyExists
from pymailcore.cli.account import new_password
from pymailcore.cli.common import ADDRESS, Failure, examples, password_option, read_password
from pymailcore.cli.installation import open_core_of, run
from pymailcore.config.configuration import Configuration
from pymailcore.config.read import read_text
from pymailcore.config.reference import toml_value
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.permissions import INSTALLATION, OPERATOR
from pymailcore.runtime.privileges import find_user
from pymailcore.runtime.self_signed import make_self_signed, write_private
from pymailcore.store.keyfile import create_key_file, read_key_file

NAME: Final = "pymailcore.toml"

Place = tuple[str, str, str]  # protocol, bind, tls

_STANDARD: Final[tuple[Place, ...]] = (
    ("smtp", ":25", "starttls"),
    ("submission", ":465", "implicit"),
    ("submission", ":587", "starttls"),
    ("imap", ":993", "implicit"),
    ("imap", ":143", "starttls"),
    ("http", ":443", "implicit"),
)
_LOOPBACK: Final[tuple[Place, ...]] = (
    ("smtp", "127.0.0.1:2525", "starttls"),
    ("submission", "127.0.0.1:1465", "implicit"),
    ("submission", "127.0.0.1:1587", "starttls"),
    ("imap", "127.0.0.1:1993", "implicit"),
    ("imap", "127.0.0.1:1143", "starttls"),
    ("http", "127.0.0.1:8443", "implicit"),
    ("http", "127.0.0.1:8080", "none"),
)
_TEXT: Final = """\
# Configuration of pymailcore; every key is explained in docs/operate/configuration.md.

hostname = {hostname}
data = {data}
{user}
# Mail to other servers goes to their MX hosts; a [[route]] sends it elsewhere:
# [[route]]
# domain = "*"
# host = "smarthost.example.net"
# port = 587

"""


@click.command(
    epilog=examples(
        "pymailcore init /srv/mail --hostname mx.example.org --domain example.org --admin me@example.org",
        "pymailcore init ./try --hostname mx.example.test --domain example.test --loopback",
    )
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--hostname", required=True, metavar="H", help="The name of this server: mx.example.org.")
@click.option("--domain", required=True, metavar="D", help="The first domain whose mail is kept here.")
@click.option(
    "--admin", type=ADDRESS, metavar="A", help="Make this account; it gets postmaster's and abuse's mail."
)
@password_option
@click.option(
    "--encryption-key-file",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Encrypt blobs on disk, with a master key in FILE, which is made unless it is there.",
)
@click.option(
    "--metadata",
    default="",
    metavar="URL",
    help="Keep all rows in this PostgreSQL database , not in a SQLite file; see docs/operate/postgresql.md.",
)
@click.option(
    "--blobs", default="", metavar="PLACE", help="Keep blobs in this folder, or in s3://bucket/prefix."
)
@click.option("--user", default="", metavar="U", help="User that workers become, and who gets the folder.")
@click.option(
    "--loopback", is_flag=True, help="Listen on loopback and unprivileged ports only, to try things out."
)
def init(
    folder: Path,
    hostname: str,
    domain: str,
    admin: Address | None,
    user: str,
    *,
    password_stdin: bool,
    loopback: bool,
    key_file: Path | None,
    metadata: str,
    blobs: str,
) -> None:
    """Make DIR/pymailcore.toml, keys, an empty store and the first domain.

    With --admin also a first account; its password comes from --password-stdin, or is made and printed once.
    """
    path = folder / NAME
    if path.exists():
        raise Failure(f"{path} is there already")
    if normalise_domain(domain) is None or domain.startswith("["):
        raise click.BadParameter(f"{domain!r} is no domain", param_hint="--domain")
    owner = _owner(user)
    password = read_password() if password_stdin else new_password()
    text = first_configuration(
        folder.absolute() / "data", hostname, user=user, loopback=loopback, key_file=key_file,
        metadata=metadata, blobs=blobs,
    )  # fmt: skip
    configuration = read_text(text, folder)
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    configuration.data.mkdir(mode=0o700, exist_ok=True)
    if key_file is not None:
        _make_keys(key_file, owner)
    make_self_signed(configuration.tls_folder, configuration.hostname)
    _fill(dataclasses.replace(configuration, user=""), domain, admin, password)
    if owner is not None:
        _give(configuration.data, owner)
    write_private(path, text.encode())  # last: a folder without it can be begun again
    click.echo(f"made {path}")
    if admin is not None:
        click.echo(f"account {admin}")
        if not password_stdin:
            click.echo(f"password {password}")


def first_configuration(
    data: Path,
    hostname: str,
    *,
    user: str,
    loopback: bool,
    key_file: Path | None = None,
    metadata: str = "",
    blobs: str = "",
) -> str:
    """The text of a first configuration, its listener tables last."""
    text = _TEXT.format(
        hostname=toml_value(hostname),
        data=toml_value(data),
        user="".join(
            f"{key} = {toml_value(value)}\n"
            for key, value in (("metadata", metadata), ("blobs", blobs), ("user", user))
            if value
        ),
    )
    if key_file is not None:
        text += f"[store]\nencryption_key_file = {toml_value(key_file.absolute())}\n\n"
    tables = [
        f'[[listener]]\nprotocol = "{protocol}"\nbind = "{bind}"\ntls = "{tls}"\n'
        + ("plaintext_login = true\n" if tls == "none" else "")
        for protocol, bind, tls in (_LOOPBACK if loopback else _STANDARD)
    ]
    return text + "\n".join(tables)


def _owner(user: str) -> tuple[int, int] | None:
    if not user:
        return None
    try:
        found = find_user(user)
    except LookupError as fault:
        raise Failure(f"--user: {fault}") from None
    if os.geteuid() != 0:
        raise Failure("--user: only root can give a folder to another user")
    return found.uid, found.gid


def _make_keys(path: Path, owner: tuple[int, int] | None) -> None:
    """Make the file of master keys, or look whether the one that is there can be used."""
    if path.exists():
        read_key_file(path)
    else:
        create_key_file(path)
    if owner is not None:
        os.chown(path, *owner)


def _give(folder: Path, owner: tuple[int, int]) -> None:
    os.chown(folder, *owner)
    for path in folder.rglob("*"):
        os.chown(path, *owner)


def _fill(configuration: Configuration, domain: str, admin: Address | None, password: str) -> None:
    """Make the store, with the domain and the first account."""

    async def work() -> None:
        async with open_core_of(configuration) as core:
            with contextlib.suppress(AlreadyExists):  # the next node of a store that is there, or begun again
                await core.directory.domains.add(SYSTEM, domain)
            if admin is not None:
                account = await core.directory.accounts.add(SYSTEM, admin, password)
                await core.directory.roles.grant(SYSTEM, account.id, OPERATOR, INSTALLATION)

    run(work)


COMMAND = init
