"""`pymailcore verify`: count everything in the store anew, and read every message back."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from pymailcore.app.core import Core
from pymailcore.base.errors import MailError
from pymailcore.base.ids import AccountId, EmailId
from pymailcore.cli.common import Failure, config_option, examples, json_option, show
from pymailcore.cli.installation import open_installation, run
from pymailcore.store.types import Transaction
from pymailcore.store.verify import verify_counts

_SLICE = 1_000


@click.command(epilog=examples("pymailcore verify", "pymailcore verify --messages"))
@click.option("--messages", is_flag=True, help="Also read every message and compare it with its digest.")
@json_option
@config_option
def verify(config: Path, *, messages: bool, as_json: bool) -> None:
    """Check the store; beside a running server too."""

    async def work() -> list[str]:
        async with open_installation(config) as core:
            faults = await core.store.database.read(verify_counts)
            return faults + (await _unreadable(core) if messages else [])

    faults = run(work)
    show([{"fault": fault} for fault in faults], ("fault",), as_json=as_json)
    if faults:
        raise Failure(f"{len(faults)} faults in the store")
    if not as_json:
        click.echo("no faults")


async def _unreadable(core: Core) -> list[str]:
    """Read every message; gives those that cannot be read."""
    faults: list[str] = []

    async def count(tx: Transaction) -> int:
        row = await tx.row("SELECT count(*) FROM emails")
        return 0 if row is None else int(row[0])

    total = await core.store.database.read(count)
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("messages", total=total)
        last = 0
        while some := await _emails_after(core, last):
            for email, account in some:
                try:
                    await core.store.message(account, email)
                except (MailError, ValueError, OSError) as fault:
                    faults.append(f"Email {email} of account {account}: {fault!r}")
                progress.advance(task)
            last = some[-1][0]
    return faults


async def _emails_after(core: Core, last: int) -> list[tuple[EmailId, AccountId]]:
    async def work(tx: Transaction) -> list[tuple[EmailId, AccountId]]:
        rows = await tx.rows(
            "SELECT id, account FROM emails WHERE id > ?1 ORDER BY id LIMIT ?2", last, _SLICE
        )
        return [(EmailId(email), AccountId(account)) for email, account in rows]

    return await core.store.database.read(work)


COMMAND = verify
