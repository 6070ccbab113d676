"""`pymailcore queue`: outbound mail that waits."""

from pathlib import Path

import click

from pymailcore.admin.operation import Record
from pymailcore.cli.common import Some, config_option, examples, json_option
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import call, write_list


@click.group()
def queue() -> None:
    """See and move outbound mail that waits."""


@queue.command("list", epilog=examples("pymailcore queue list --json"))
@json_option
@config_option
def list_(config: Path, *, as_json: bool) -> None:
    """List recipients that wait, with the last reply and the next try."""
    columns = ("id", "sender", "recipient", "state", "tries", "next_try", "size_octets", "last_reply")
    write_list(config, "queue.list", columns, Some(), as_json=as_json)


def _chosen(id_: str | None, domain: str | None, *, everything: bool) -> None:
    if (id_ is not None) + (domain is not None) + everything != 1:
        raise click.UsageError("Give one of ID, --domain D and --all.")


@queue.command(
    epilog=examples("pymailcore queue retry q1d2c5v0", "pymailcore queue retry --domain example.net")
)
@click.argument("id_", metavar="ID", required=False)
@click.option("--domain", metavar="D", help="Everything for this domain.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@config_option
def retry(id_: str | None, domain: str | None, config: Path, *, everything: bool) -> None:
    """Try again now."""
    _chosen(id_, domain, everything=everything)

    async def work() -> Record:
        async with open_installation(config) as core:
            return await call(core, "queue.retry", message=id_, domain=domain)

    click.echo(f"{run(work)['count']} to be tried now")


@queue.command(epilog=examples("pymailcore queue drop q1d2c5v0"))
@click.argument("id_", metavar="ID", required=False)
@click.option("--domain", metavar="D", help="Everything for this domain.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@config_option
def drop(id_: str | None, domain: str | None, config: Path, *, everything: bool) -> None:
    """Forget mail without telling its sender."""
    _chosen(id_, domain, everything=everything)

    async def work() -> Record:
        async with open_installation(config) as core:
            return await call(core, "queue.drop", message=id_, domain=domain)

    click.echo(f"{run(work)['count']} dropped")


COMMAND = queue
