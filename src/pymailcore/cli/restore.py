"""`pymailcore restore`: mail and whole stores, from backups and from what was expunged lately."""

from pathlib import Path

import click

from pymailcore.app.core import Core
from pymailcore.base.address import Address
from pymailcore.cli.backups import place_config_option, place_options
from pymailcore.cli.common import ADDRESS, examples, json_option, show
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.restore_backup import Source, return_mail, verify_source, whole_store
from pymailcore.cli.restore_undelete import COLUMNS, undelete


@click.command(
    epilog=examples(
        "pymailcore restore --from /mnt/backup/mail",
        "pymailcore restore --from /mnt/backup/mail --verify",
        "pymailcore restore --from s3://bucket/mail --account anna@example.org --mailbox Archive",
        "pymailcore restore --account anna@example.org --at 3h",
        "pymailcore restore --account anna@example.org --mailbox INBOX --at 2026-11-20T10:00:00Z --dry-run",
    )
)
@click.option("--from", "source", metavar="BACKUP", help="A folder or s3://bucket/prefix with backups.")
@click.option("--generation", metavar="NAME", help="Which backup there; by default the newest.")
@click.option("--verify", is_flag=True, help="Only check the backup: every file, record, row and count.")
@click.option(
    "--account", type=ADDRESS, metavar="ADDRESS", help="Only this account's mail; the server may run."
)
@click.option("--mailbox", metavar="PATH", help="Only what was in this Mailbox.")
@click.option(
    "--message", metavar="ID", help="Only this message: an Email id, or <Message-ID> from a backup."
)
@click.option(
    "--at",
    metavar="TIME",
    help="Without a backup: bring back what was expunged, as of a time (3h, 2d, 2026-11-20T10:00:00Z).",
)
@click.option("--only-deleted", is_flag=True, help="With --at: leave alone what is in another Mailbox now.")
@click.option("--dry-run", is_flag=True, help="With --at: only tell what would come back.")
@place_options
@json_option
@place_config_option
def restore(
    config: Path | None,
    source: str | None,
    generation: str | None,
    *,
    verify: bool,
    account: Address | None,
    mailbox: str | None,
    message: str | None,
    at: str | None,
    only_deleted: bool,
    dry_run: bool,
    scratch: Path | None,
    s3_endpoint: str | None,
    s3_region: str | None,
    s3_credentials: Path | None,
    as_json: bool,
) -> None:
    """Bring mail back: from a backup, or what was expunged in the last days from the store itself.

    With --from alone a whole store is made, in an empty data folder, with the server down. With --account
    mail is added to a store that is there: what a Mailbox has already is left out, so the command may be
    repeated.
    """
    if source is not None:
        if at is not None or only_deleted or dry_run:
            raise click.UsageError("--at, --only-deleted and --dry-run go without --from.")
        if account is None and (mailbox is not None or message is not None):
            raise click.UsageError("Whose Mailbox or message? Give --account.")
        chosen = Source(source, generation, scratch, s3_endpoint, s3_region, s3_credentials)
        if verify:
            verify_source(config, chosen, as_json=as_json)
        elif account is None:
            whole_store(_needed(config), chosen, as_json=as_json)
        else:
            return_mail(_needed(config), chosen, account, mailbox, message, as_json=as_json)
        return
    if account is None:
        raise click.UsageError("From where? Give --from BACKUP, or --account and --at TIME.")
    if verify or generation is not None:
        raise click.UsageError("--verify and --generation are of backups: give --from BACKUP.")

    path = _needed(config)

    async def work() -> list[dict[str, object]]:
        async with open_installation(path) as core:
            return await _undelete(core)

    async def _undelete(core: Core) -> list[dict[str, object]]:
        return await undelete(
            core,
            account=str(account),
            at=at,
            mailbox=mailbox,
            message=message,
            only_deleted=only_deleted,
            dry_run=dry_run,
        )

    _show(run(work), as_json=as_json)


def _show(restored: list[dict[str, object]], *, as_json: bool) -> None:
    if not restored and not as_json:
        click.echo("there is nothing to restore")
    show(restored, COLUMNS, as_json=as_json)


def _needed(config: Path | None) -> Path:
    """The configuration, without which only a backup can be checked."""
    if config is None:
        raise click.UsageError("Where is the configuration? Give --config FILE, or set PYMAILCORE_CONFIG.")
    return config


COMMAND = restore
