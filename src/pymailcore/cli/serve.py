"""`pymailcore serve`: become the supervisor, or the one process that does everything."""

import os
import sys
from pathlib import Path

import click

from pymailcore.cli.common import config_option, examples
from pymailcore.config.read import read_file
from pymailcore.store.unfinished import require_whole_folder


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
    configuration = read_file(config)
    require_whole_folder(configuration.data)  # before anything is begun: one line, no workers
    wanted = processes or configuration.processes or len(os.sched_getaffinity(0))
    module = "pymailcore.worker.single" if wanted == 1 else "pymailcore.supervisor"
    arguments = [sys.executable, "-P", "-m", module, str(config), str(wanted)]
    sys.stdout.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 - a fresh process without the command line's memory


COMMAND = serve
