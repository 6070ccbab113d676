"""`pymailcore queue`: outbound mail that waits."""

from pathlib import Path

import click

from pymailcore.base.ids import decode_id, encode_id
from pymailcore.cli.common import config_option, examples, json_option, show
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.moments import moment

_KIND = "q"


class QueueIdType(click.ParamType[int]):
    """The id of a queued message as `list` shows it."""

    name = "id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read an id, or end with wrong usage."""
        if isinstance(value, int):
            return value
        number = decode_id(_KIND, str(value))
        if number is None:
            self.fail(f"{value!r} is no id of the queue", param, ctx)
        return number


@click.group()
def queue() -> None:
    """See and move outbound mail that waits."""


@queue.command("list", epilog=examples("pymailcore queue list --json"))
@json_option
@config_option
def list_(config: Path, *, as_json: bool) -> None:
    """List recipients that wait, with the last reply and the next try."""

    async def work() -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        after = (0, "")
        async with open_installation(config) as core:
            while entries := await core.queue.entries(after=after):
                after = (entries[-1].id, entries[-1].recipient)
                rows += [
                    {
                        "id": encode_id(_KIND, entry.id),
                        "from": entry.sender,
                        "to": entry.recipient,
                        "state": entry.state,
                        "tries": entry.tries,
                        "next": moment(entry.next_try_ms),
                        "octets": entry.size_octets,
                        "reply": entry.last_reply,
                    }
                    for entry in entries
                ]
        return rows

    show(run(work), ("id", "from", "to", "state", "tries", "next", "octets", "reply"), as_json=as_json)


def _chosen(id_: int | None, domain: str | None, *, everything: bool) -> None:
    if (id_ is not None) + (domain is not None) + everything != 1:
        raise click.UsageError("Give one of ID, --domain D and --all.")


@queue.command(
    epilog=examples("pymailcore queue retry q1d2c5v0", "pymailcore queue retry --domain example.net")
)
@click.argument("id_", metavar="ID", type=QueueIdType(), required=False)
@click.option("--domain", metavar="D", help="Everything for this domain.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@config_option
def retry(id_: int | None, domain: str | None, config: Path, *, everything: bool) -> None:
    """Try again now."""
    _chosen(id_, domain, everything=everything)

    async def work() -> int:
        async with open_installation(config) as core:
            return await core.queue.retry(message=id_, domain=domain)

    click.echo(f"{run(work)} to be tried now")


@queue.command(epilog=examples("pymailcore queue drop q1d2c5v0"))
@click.argument("id_", metavar="ID", type=QueueIdType(), required=False)
@click.option("--domain", metavar="D", help="Everything for this domain.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@config_option
def drop(id_: int | None, domain: str | None, config: Path, *, everything: bool) -> None:
    """Forget mail without telling its sender."""
    _chosen(id_, domain, everything=everything)

    async def work() -> int:
        async with open_installation(config) as core:
            return await core.queue.drop(message=id_, domain=domain)

    click.echo(f"{run(work)} dropped")


COMMAND = queue
