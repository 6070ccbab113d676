"""`pymailcore queue`: outbound mail that waits."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from pymailcore.admin.operation import Record
from pymailcore.cli.common import Some, config_option, examples, json_option
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import call, write_list

Command = TypeVar("Command", bound=Callable[..., object])


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


def _choosing(command: Command) -> Command:
    """The arguments that say which recipients."""
    command = click.option("--all", "everything", is_flag=True, help="Everything.")(command)
    command = click.option("--account", metavar="ADDRESS", help="Everything that this account has sent.")(
        command
    )
    command = click.option("--domain", metavar="D", help="Everything for this domain.")(command)
    return click.argument("id_", metavar="ID", required=False)(command)


def _count(
    config: Path,
    operation: str,
    id_: str | None,
    domain: str | None,
    account: str | None,
    *,
    everything: bool,
) -> object:
    """Do something to the recipients that were chosen; gives how many they are."""
    if (id_ is not None) + (domain is not None) + (account is not None) + everything != 1:
        raise click.UsageError("Give one of ID, --domain D, --account ADDRESS and --all.")

    async def work() -> Record:
        async with open_installation(config) as core:
            return await call(core, operation, message=id_, domain=domain, account=account)

    return run(work)["count"]


@queue.command(
    epilog=examples("pymailcore queue retry q1d2c5v0", "pymailcore queue retry --domain example.net")
)
@_choosing
@config_option
def retry(
    id_: str | None, domain: str | None, account: str | None, config: Path, *, everything: bool
) -> None:
    """Try again now; what is held stays held."""
    click.echo(
        f"{_count(config, 'queue.retry', id_, domain, account, everything=everything)} to be tried now"
    )


@queue.command(
    epilog=examples(
        "pymailcore queue release q1d2c5v0", "pymailcore queue release --account anna@example.org"
    )
)
@_choosing
@config_option
def release(
    id_: str | None, domain: str | None, account: str | None, config: Path, *, everything: bool
) -> None:
    """Let mail go out that is held because its account may not send; the account stays blocked."""
    click.echo(f"{_count(config, 'queue.release', id_, domain, account, everything=everything)} released")


@queue.command(
    epilog=examples("pymailcore queue drop q1d2c5v0", "pymailcore queue drop --account anna@example.org")
)
@_choosing
@config_option
def drop(id_: str | None, domain: str | None, account: str | None, config: Path, *, everything: bool) -> None:
    """Forget mail without telling its sender."""
    click.echo(f"{_count(config, 'queue.drop', id_, domain, account, everything=everything)} dropped")


COMMAND = queue
