"""`pymailcore export`: an account's mail as files."""

from dataclasses import dataclass
from pathlib import Path

import click

from pymailcore.admin.transfer.exporter import Exported, Exporter, Writer
from pymailcore.admin.transfer.maildir_writer import MaildirWriter
from pymailcore.admin.transfer.mbox_writer import MboxWriter
from pymailcore.base.address import Address
from pymailcore.cli.common import ADDRESS, Failure, config_option, examples, json_option
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.transferring import (
    Watcher,
    account_of,
    keep_config,
    megabytes,
    named,
    tell_counts,
    tell_failures,
)


@dataclass(frozen=True, slots=True)
class _Job:
    account: Address | None
    mailboxes: tuple[str, ...]
    as_json: bool


@click.group(
    epilog=examples(
        "pymailcore export --account anna@example.org maildir /backup/anna",
        "pymailcore export --account anna@example.org --mailbox INBOX mbox inbox.mbox",
    )
)
@click.option("--account", type=ADDRESS, help="Whose mail; always needed.")
@click.option(
    "--mailbox", "mailboxes", multiple=True, metavar="PATH", help="Only this Mailbox; may be repeated."
)
@json_option
@keep_config
@click.pass_context
def export(
    context: click.Context, account: Address | None, mailboxes: tuple[str, ...], *, as_json: bool
) -> None:
    """Write an account's mail as files, with the server up or down.

    Octets, dates, flags and folders are kept, so that an import gives the same mail again. Mail that cannot
    be read is listed at the end, and the exit status is 1 then.
    """
    context.obj = _Job(account, mailboxes, as_json)


@export.command(epilog=examples("pymailcore export --account anna@example.org maildir /backup/anna"))
@click.argument("place", metavar="PATH", type=click.Path(path_type=Path, file_okay=False))
@config_option
@click.pass_obj
def maildir(job: _Job, place: Path, config: Path) -> None:
    """Write a Maildir with folders as Dovecot has them (Maildir++).

    Run it again to add what is new and to follow flags; nothing is ever removed from it.
    """
    _write(job, config, MaildirWriter(place.absolute()))


@export.command(
    epilog=examples(
        "pymailcore export --account anna@example.org mbox /backup/anna-mbox",
        "pymailcore export --account anna@example.org --mailbox INBOX mbox inbox.mbox",
    )
)
@click.argument("place", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@config_option
@click.pass_obj
def mbox(job: _Job, place: Path, config: Path, *, overwrite: bool) -> None:
    """Write mbox files (mboxrd): PATH/a/b.mbox for a/b, or the file PATH for one --mailbox."""
    single = len(job.mailboxes) == 1 and not place.is_dir()
    _write(job, config, MboxWriter(place.absolute(), single=single, overwrite=overwrite))


def _write(job: _Job, config: Path, writer: Writer) -> None:
    address = named(job.account)
    watcher = Watcher(quiet=job.as_json)

    async def work() -> Exported:
        async with open_installation(config) as core:
            account = await account_of(core, address)
            return await Exporter(core.store, account.id, writer, watcher).run(job.mailboxes)

    with watcher:
        summary = run(work)
    if job.as_json:
        watcher.tell_json(summary)
    else:
        click.echo(
            f"exported {summary.messages} messages, {megabytes(summary.octets)}, {summary.folders} Mailboxes"
        )
        tell_counts(
            (summary.known, "were there already"),
            (summary.changed, "have lone line ends that mbox cannot keep"),
            (summary.keywords_left, "keywords had no letter left in their folder (Maildir has 26)"),
        )
        tell_failures("not exported", summary.failures, summary.failed)
    if summary.failed:
        raise Failure(f"{summary.failed} messages were not exported")


COMMAND = export
