"""`pymailcore keys`: the keys that blobs are encrypted with on disk."""

from datetime import UTC, datetime
from pathlib import Path

import click

from pymailcore.cli.common import Failure, config_option, examples, json_option, show
from pymailcore.cli.installation import open_installation, run
from pymailcore.config.read import read_file
from pymailcore.runtime.clock import now_ms
from pymailcore.store.data_keys import add_data_key, forget_master, rotate_master
from pymailcore.store.keyfile import create_key_file, read_key_file
from pymailcore.store.ops import sealing_keys


@click.group()
def keys() -> None:
    """Make, list and change the keys that blobs are encrypted with.

    Each tenant has data keys, which encrypt its blobs; they lie in the database, wrapped by a master key.
    Master keys lie in the file that `encryption_key_file` in [store] names. Keep a copy of that file:
    without it nobody can read the mail again.
    """


@keys.command(epilog=examples("pymailcore keys create /etc/pymailcore/keys/master.keys"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def create(file: Path) -> None:
    """Make FILE with a fresh master key; the server's user must be able to read it."""
    click.echo(f"made {file} with the master key {create_key_file(file).id}")
    click.echo("keep a copy of it, apart from the data and from its backups")


@keys.command("list", epilog=examples("pymailcore keys list", "pymailcore keys list --json"))
@json_option
@config_option
def list_(config: Path, *, as_json: bool) -> None:
    """List master keys and data keys, and which are in use; none without `encryption_key_file`."""
    path = read_file(config).store.encryption_key_file

    async def work() -> list[dict[str, object]]:
        if path is None:
            return []
        async with open_installation(config) as core:
            current = await core.store.database.read(sealing_keys.current_master)
            rows = await core.store.database.read(sealing_keys.all_keys)
        wraps = [master for _, _, master, _ in rows]
        newest = {tenant: number for tenant, number, _, _ in rows}
        shown: list[dict[str, object]] = [
            {
                "kind": "master",
                "key": master.id,
                "in_use": master.id == current,
                "wraps": wraps.count(master.id),
                "made": None,
            }
            for master in read_key_file(path)
        ]
        return shown + [
            {
                "kind": "data",
                "key": f"{tenant}/{number}",
                "in_use": newest[tenant] == number,
                "wraps": None,
                "made": datetime.fromtimestamp(made_ms / 1000, UTC).isoformat(timespec="seconds"),
            }
            for tenant, number, _, made_ms in rows
        ]

    show(run(work), ("kind", "key", "in_use", "wraps", "made"), as_json=as_json)


@keys.command(epilog=examples("pymailcore keys rotate", "pymailcore keys rotate --prepare"))
@click.option(
    "--prepare",
    is_flag=True,
    help="Write it into the file only, so that the file can be copied to all nodes.",
)
@config_option
def rotate(config: Path, *, prepare: bool) -> None:
    """Take a new master key into use, and wrap all data keys by it.

    Servers that run go on. The old master key stays in the file, because backups need it: see `keys forget`.
    A rotation that was cut short is ended by the next. Where several nodes serve one store: `--prepare`, copy
    the file to all of them, then once more without.
    """
    path = _key_file(config)

    async def work() -> str:
        async with open_installation(config) as core:
            return (await rotate_master(core.store.database, path, prepare=prepare)).id

    where = "is in the file and not in use yet" if prepare else "is in use"
    click.echo(f"the master key {run(work)} {where}; keep a copy of {path}")


@keys.command(epilog=examples("pymailcore keys renew", "pymailcore keys renew --tenant 1"))
@click.option("--tenant", type=int, metavar="N", help="Of this tenant only.")
@config_option
def renew(config: Path, tenant: int | None) -> None:
    """Give tenants a new data key, which encrypts new blobs within a minute.

    Blobs of the old key stay readable, and are encrypted anew when housekeeping rewrites their pack.
    """
    _key_file(config)

    async def work() -> list[str]:
        async with open_installation(config) as core:
            database = core.store.database
            rows = await database.read(sealing_keys.all_keys)
            tenants = sorted({row[0] for row in rows})
            if tenant is not None and tenant not in tenants:
                raise Failure(f"tenant {tenant} has no data key")
            sealing = core.store.data_keys.sealing
            made = [
                await add_data_key(database, sealing, one, now_ms())
                for one in tenants
                if tenant in (None, one)
            ]
            return [f"{one.tenant}/{one.number}" for one in made]

    for key in run(work):
        click.echo(f"made data key {key}")


@keys.command(epilog=examples("pymailcore keys forget 5f0c1d2e3a4b5c6d"))
@click.argument("key")
@config_option
def forget(config: Path, key: str) -> None:
    """Take a master key that is no longer in use out of the file.

    Backups from before its rotation cannot be read without it.
    """
    path = _key_file(config)

    async def work() -> None:
        async with open_installation(config) as core:
            await forget_master(core.store.database, path, key)

    run(work)
    click.echo(f"{path} has no master key {key} any more")


def _key_file(config: Path) -> Path:
    path = read_file(config).store.encryption_key_file
    if path is None:
        raise Failure("nothing is encrypted: encryption_key_file in [store] is not set")
    return path


COMMAND = keys
