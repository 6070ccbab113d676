"""`pymailcore account export` and `erase`: what the owner of an account may ask for."""

import json
from pathlib import Path
from typing import Final

import click

from pymailcore.admin.operation import Record
from pymailcore.admin.transfer.exporter import Exported, Exporter, Writer
from pymailcore.admin.transfer.maildir_writer import MaildirWriter
from pymailcore.admin.transfer.mbox_writer import MboxWriter
from pymailcore.base.address import Address
from pymailcore.cli.common import ADDRESS, Failure, config_option, confirm, examples, json_option, yes_option
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import call, do
from pymailcore.cli.transferring import Watcher, account_of, megabytes, tell_failures
from pymailcore.runtime.threads import run_in_thread

_MAIL: Final = "mail"
_RECORD: Final = "account.json"


@click.command(
    epilog=examples(
        "pymailcore account export anna@example.org /backup/anna",
        "pymailcore account export anna@example.org /backup/anna --format mbox",
    )
)
@click.argument("address", type=ADDRESS)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--format",
    "form",
    type=click.Choice(["maildir", "mbox"]),
    default="maildir",
    show_default=True,
    help="How the mail is written.",
)
@config_option
def export(address: Address, folder: Path, form: str, config: Path) -> None:
    """Write everything of an account into FOLDER: its mail, and account.json with all else.

    That is: addresses, identities, filters, shares, rights, forwards, limits, sign-ins, sessions and what the
    audit log has of it; no passwords or keys.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Failure(f"{folder} is not empty; give a folder that is, or a new one")
    watcher = Watcher(quiet=False)

    async def work() -> Exported:
        async with open_installation(config) as core:
            record = await call(core, "account.export", account=str(address))
            account = await account_of(core, address)
            await run_in_thread(_write_record, folder, record)
            return await Exporter(core.store, account.id, _writer(folder / _MAIL, form), watcher).run()

    with watcher:
        summary = run(work)
    click.echo(f"exported {summary.messages} messages, {megabytes(summary.octets)}, and {_RECORD}")
    if summary.failed:
        tell_failures("not exported", summary.failures, summary.failed)
        raise Failure(f"{summary.failed} messages were not exported")


def _writer(place: Path, form: str) -> Writer:
    if form == "mbox":
        return MboxWriter(place.absolute(), single=False, overwrite=False)
    return MaildirWriter(place.absolute())


def _write_record(folder: Path, record: Record) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps(record, ensure_ascii=False, indent=2)
    (folder / _RECORD).write_text(text + "\n", "utf-8")


@click.command(
    epilog=examples(
        "pymailcore account erase anna@example.org",
        "pymailcore account erase anna@example.org --yes --json > report.json",
    )
)
@click.argument("address", type=ADDRESS)
@yes_option
@json_option
@config_option
def erase(address: Address, config: Path, *, yes: bool, as_json: bool) -> None:
    """Remove everything of an account for good, and report what went and what stays.

    What is to be kept is exported first: `pymailcore account export`.
    """
    confirm(f"Erase {address} with all its mail, for good?", "nothing was erased", yes=yes)
    report = do(config, "account.erase", account=str(address))
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
        return
    click.echo(f"erased {report['account']} with {report['messages']} messages")
    tables, stays = report["tables"], report["stays"]
    for one in tables if isinstance(tables, list) else ():
        left = f", {one['left']} left" if one["left"] else ""
        click.echo(f"  {one['table']}: {one['removed']} removed{left}")
    click.echo(f"{report['queue_dropped']} recipients of its mail were dropped from the queue")
    click.echo(f"{report['blobs_released']} references to blobs were released")
    click.echo(f"{report['audit_records']} records of the audit log are about it")
    for text in stays if isinstance(stays, list) else ():
        click.echo(f"stays: {text}")


COMMANDS: Final = (export, erase)
"""The commands of this module."""
