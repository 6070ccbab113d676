"""`pymailcore reindex`: build the full-text index anew."""

from pathlib import Path

import click

from pymailcore.cli.common import config_option, examples
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.progress import Bars
from pymailcore.extract.extractor import open_extractor
from pymailcore.store.fulltext.job import reindex as build


@click.command(epilog=examples("pymailcore reindex"))
@config_option
def reindex(config: Path) -> None:
    """Build the full-text index anew; beside a running server too.

    The index in use answers until the new one is whole, which then takes its place at once. Texts of
    attachments are read anew. Nobody needs this in daily life: a damaged index, one of another version, and
    one of a store that was restored are made anew by the server itself.
    """

    async def work() -> None:
        async with open_installation(config) as core:
            with Bars() as bars:
                bars.begin("reindex")
                async with open_extractor(core.configuration.attachments, core.metrics) as extractor:
                    await build(core.store.engine, extractor, bars.at)

    run(work)
    click.echo("the full-text index is built anew")


COMMAND = reindex
