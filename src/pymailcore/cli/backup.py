"""`pymailcore backup`: copy the whole store elsewhere while it serves; list and prune the copies."""

from pathlib import Path

import click

from pymailcore.cli.backups import (
    octets_text,
    place_config_option,
    place_options,
    s3_options,
    target_of,
)
from pymailcore.cli.common import Failure, config_option, examples, json_option, show
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.progress import Bars
from pymailcore.config.read import read_file
from pymailcore.store.backup.manifest import Manifest, UnfitBackup, generations, read_manifest
from pymailcore.store.backup.restoring import kept_files
from pymailcore.store.backup.taking import Taken, prune, take_backup

_COLUMNS = ("backup", "needs", "new", "emails", "state")


class _Group(click.Group):
    """A group whose first command needs no name: `backup TARGET` is `backup take TARGET`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name in where there is none."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["take", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Group,
    epilog=examples(
        "pymailcore backup /mnt/backup/mail --incremental",
        "pymailcore backup s3://bucket/mail --incremental --s3-region eu-central-1",
        "pymailcore backup list /mnt/backup/mail",
        "pymailcore backup prune /mnt/backup/mail --keep 14",
    ),
)
def backup() -> None:
    """Copy the whole store to TARGET, a folder or s3://bucket/prefix, beside the server that runs.

    `pymailcore backup TARGET` is short for `pymailcore backup take TARGET`.
    """


@backup.command(
    epilog=examples(
        "pymailcore backup take /mnt/backup/mail --incremental",
        "pymailcore backup s3://bucket/mail --incremental",
    )
)
@click.argument("target")
@click.option(
    "--incremental",
    is_flag=True,
    help="Share what an earlier backup there has of the packs, and copy only what came since. Rows are always"
    " copied whole, compressed.",
)
@place_options
@json_option
@config_option
def take(
    config: Path,
    target: str,
    *,
    incremental: bool,
    scratch: Path | None,
    s3_endpoint: str | None,
    s3_region: str | None,
    s3_credentials: Path | None,
    as_json: bool,
) -> None:
    """Take a backup: everything as of one moment, with the keys and certificates of the data folder.

    The master key of encrypted blobs is left out: keep it elsewhere.
    """

    async def work() -> Taken:
        async with open_installation(config) as core:
            configuration = core.configuration
            place = target_of(target, configuration, s3_endpoint, s3_region, s3_credentials)
            files = kept_files(
                configuration.data, configuration.text, configuration.store.encryption_key_file
            )
            with Bars() as bars:
                return await take_backup(
                    core.store.engine,
                    place,
                    incremental=incremental,
                    files=files,
                    scratch=scratch,
                    progress=bars,
                )

    taken = run(work)
    show([_row(taken.manifest, taken.new_octets)], _COLUMNS, as_json=as_json)
    if taken.manifest.damage:
        raise Failure(
            f"{len(taken.manifest.damage)} places of the store are damaged and were copied as they are, the"
            f" first: {taken.manifest.damage[0]}; see `pymailcore verify --messages`"
        )


def _row(manifest: Manifest, new: int | None) -> dict[str, object]:
    emails = manifest.table("emails")
    return {
        "backup": manifest.name,
        "needs": octets_text(manifest.octets),
        "new": "" if new is None else octets_text(new),
        "emails": emails.rows if emails is not None else 0,
        "state": "damaged" if manifest.damage else "whole",
        "octets": manifest.octets,
        "new_octets": new,
        "previous": manifest.previous,
        "version": manifest.version,
        "damage": list(manifest.damage),
    }


@backup.command("list", epilog=examples("pymailcore backup list /mnt/backup/mail"))
@click.argument("target")
@s3_options
@json_option
@place_config_option
def list_(
    config: Path | None,
    target: str,
    *,
    s3_endpoint: str | None,
    s3_region: str | None,
    s3_credentials: Path | None,
    as_json: bool,
) -> None:
    """List the backups of a place, the oldest first."""
    configuration = read_file(config) if config is not None else None
    place = target_of(target, configuration, s3_endpoint, s3_region, s3_credentials)
    rows = []
    seen: set[str] = set()
    faults = []
    for name in generations(place):
        try:
            manifest = read_manifest(place, name)
        except UnfitBackup as fault:
            faults.append(str(fault))
            continue
        files = {file.name: file.octets for file in manifest.all_files()}
        rows.append(_row(manifest, sum(octets for file, octets in files.items() if file not in seen)))
        seen |= files.keys()
    show(rows, _COLUMNS, as_json=as_json)
    if faults:
        raise Failure("; ".join(faults))


@backup.command("prune", epilog=examples("pymailcore backup prune /mnt/backup/mail --keep 14"))
@click.argument("target")
@click.option("--keep", type=click.IntRange(min=1), required=True, metavar="N", help="So many newest stay.")
@s3_options
@json_option
@place_config_option
def prune_(
    config: Path | None,
    target: str,
    *,
    keep: int,
    s3_endpoint: str | None,
    s3_region: str | None,
    s3_credentials: Path | None,
    as_json: bool,
) -> None:
    """Remove all but the newest backups, and the files that no other one needs."""
    configuration = read_file(config) if config is not None else None
    place = target_of(target, configuration, s3_endpoint, s3_region, s3_credentials)
    pruned = prune(place, keep)
    rows = [{"removed": name} for name in pruned.generations]
    show(rows, ("removed",), as_json=as_json)
    if not as_json:
        click.echo(f"{len(pruned.generations)} backups and {octets_text(pruned.octets)} removed")


COMMAND = backup
