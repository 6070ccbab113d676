"""`pymailcore migrate`: bring the database to the schema of this version, or try it on a copy."""

from pathlib import Path

import click

from pymailcore.cli.common import Failure, config_option, examples
from pymailcore.cli.installation import open_installation, run
from pymailcore.config.read import read_file
from pymailcore.store.migrate import VERSION
from pymailcore.store.opening import dry_run


@click.command(epilog=examples("pymailcore migrate --dry-run", "pymailcore migrate"))
@click.option(
    "--dry-run",
    "dry",
    is_flag=True,
    help="Run the migrations on a copy that is thrown away, and say which they are. SQLite: the copy lies in "
    "the data folder and takes as much room as the database. PostgreSQL: a transaction that is taken back; "
    "writers wait for it.",
)
@config_option
def migrate(config: Path, *, dry: bool) -> None:
    """Bring the database to the schema of this version.

    `serve` does the same when it starts; a database that a newer version has changed in a way that this one
    cannot follow is left alone. Make a backup before.
    """
    configuration = read_file(config)
    if not configuration.data.is_dir():
        raise Failure(f"data: {configuration.data} is no folder; `pymailcore init` makes one")

    async def work() -> list[int]:
        missing = await dry_run(configuration.store)
        if missing and not dry:
            async with open_installation(config):
                pass
        return missing

    missing = run(work)
    if not missing:
        click.echo(f"nothing to do: the database has schema {VERSION}")
        return
    listed = ", ".join(map(str, missing))
    click.echo(f"{'would run' if dry else 'ran'} migration {listed}: schema {VERSION}")


COMMAND = migrate
