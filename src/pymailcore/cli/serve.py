"""`pymailcore serve`: become the supervisor, or the one process that does everything."""

import os
import sys
from pathlib import Path

import click

from pymailcore.cli.common import config_option, examples
from pymailcore.config.read import read_file


@click.command(
    epilog=examples(
        "pymailcore serve --config /srv/mail/pymailcore.toml",
        "pymailcore serve --config pymailcore.toml --processes 1",
    )
)
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Front workers; 1: a single process does everything. Goes before `processes` of the configuration.",
)
@config_option
def serve(config: Path, processes: int | None) -> None:
    """Run the server until SIGTERM; SIGHUP reloads configuration and certificate.

    It is ready when a line that begins with "ready" is on standard output, and tells systemd so.
    """
    wanted = processes or read_file(config).processes or len(os.sched_getaffinity(0))
    module = "pymailcore.worker.single" if wanted == 1 else "pymailcore.supervisor"
    arguments = [sys.executable, "-P", "-m", module, str(config), str(wanted)]
    sys.stdout.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 - a fresh process without the command line's memory


COMMAND = serve
