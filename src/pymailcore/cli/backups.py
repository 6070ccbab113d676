"""What the commands of backups share: the place, S3 options, choosing a generation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pymailcore.cli.common import chosen_config, config_with
from pymailcore.config.configuration import Configuration
from pymailcore.store.backup.target import Target, open_target
from pymailcore.store.objects.settings import ObjectSettings

F = TypeVar("F", bound=Callable[..., Any])

_TIMEOUT_SECONDS = 60.0


def s3_options(command: F) -> F:
    """Give a command the options of a place in S3."""
    for option in (
        click.option(
            "--s3-credentials",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="File with access_key_id and secret_access_key, for s3://; by default those of the store, or"
            " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        ),
        click.option(
            "--s3-region", metavar="REGION", help="Region, for s3://; by default that of the store."
        ),
        click.option(
            "--s3-endpoint", metavar="URL", help="Where S3 is spoken; by default as the store has it, or AWS."
        ),
    ):
        command = option(command)
    return command


def place_options(command: F) -> F:
    """Give a command the options of a place in S3 and of scratch files."""
    return click.option(
        "--scratch",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Folder for a copy of the database meanwhile; by default with the backup or the data.",
    )(s3_options(command))


def place_config_option(command: F) -> F:
    """Give a command `--config FILE` that it can do without: it has the S3 settings of the store."""
    return config_with(chosen_config)(command)


def target_of(
    place: str,
    configuration: Configuration | None,
    endpoint: str | None,
    region: str | None,
    credentials: Path | None,
) -> Target:
    """Open the place that an operator names."""
    own = configuration.store.objects if configuration is not None else None
    base = own or ObjectSettings(
        bucket="",
        prefix="",
        endpoint="",
        region="us-east-1",
        credentials_file=None,
        timeout_seconds=_TIMEOUT_SECONDS,
    )
    return open_target(
        place,
        base._replace(
            endpoint=base.endpoint if endpoint is None else endpoint,
            region=base.region if region is None else region,
            credentials_file=base.credentials_file if credentials is None else credentials,
        ),
    )


def octets_text(octets: int) -> str:
    """A size for people."""
    size = float(octets)
    for unit in ("octets", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "octets" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
