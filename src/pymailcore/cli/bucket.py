"""`pymailcore bucket`: whose the bucket is that `blobs` names."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from pymailcore.cli.common import Failure, config_option, examples, json_option, show
from pymailcore.cli.installation import open_installation, run
from pymailcore.runtime.clock import now_ms
from pymailcore.store.housekeeping.ownership import Marker, Ownership

T = TypeVar("T")


@click.group()
def bucket() -> None:
    """See whose the S3 bucket of this store is, and make it this store's.

    Only the owner removes objects from it. Where two stores use one place, as after a copy of the database
    was started somewhere, one of them is told so by an alarm, and reads and writes go on.
    """


@bucket.command(epilog=examples("pymailcore bucket owner", "pymailcore bucket owner --json"))
@json_option
@config_option
def owner(config: Path, *, as_json: bool) -> None:
    """Show the owner: which database, when it last looked, and whether a copy of it has been there, too."""

    async def look(ownership: Ownership) -> Marker | None:
        try:
            return await ownership.found()
        except msgspec.MsgspecError:
            raise Failure("the bucket's owner.json cannot be read; `pymailcore bucket take-over`") from None

    found = _with_bucket(config, look)
    rows: list[dict[str, object]] = []
    if found is not None:
        looked = datetime.fromtimestamp(found.looked_ms / 1000, UTC).isoformat(timespec="seconds")
        rows.append({"database": found.database, "looked": looked, "contested": found.contested})
    show(rows, ("database", "looked", "contested"), as_json=as_json)


@bucket.command("take-over", epilog=examples("pymailcore bucket take-over"))
@config_option
def take_over(config: Path) -> None:
    """Make the bucket this store's, whoever's it was.

    Objects that this store does not name are removed from a day later on. So first make sure that no other
    store needs them: stop it for good, or give it a bucket or a prefix of its own.
    """
    _with_bucket(config, Ownership.take_over)
    click.echo("the bucket is this store's; what it does not need goes from tomorrow on")


def _with_bucket(config: Path, work: Callable[[Ownership], Awaitable[T]]) -> T:
    async def with_store() -> T:
        async with open_installation(config) as core:
            objects = core.store.engine.objects
            if objects is None:
                raise Failure("blobs are in no bucket: `blobs` does not begin with s3://")
            return await work(Ownership(core.store.database, objects, now_ms))

    return run(with_store)


COMMAND = bucket
