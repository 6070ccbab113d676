"""`pymailcore restore --from`: backups, checked, put back whole, or one account's mail of them."""

import json
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import click

from pymailcore.base.address import Address
from pymailcore.cli.backups import octets_text, target_of
from pymailcore.cli.common import Failure
from pymailcore.cli.installation import open_core_of, open_installation, run
from pymailcore.cli.progress import Bars
from pymailcore.cli.transferring import account_of
from pymailcore.config.configuration import Configuration
from pymailcore.config.read import read_file
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.lock import FolderLock, LockHeld
from pymailcore.runtime.privileges import drop_privileges, find_user
from pymailcore.store.backup.mail import Returned, restore_mail
from pymailcore.store.backup.manifest import Manifest, choose
from pymailcore.store.backup.refilling import refill_store
from pymailcore.store.backup.restoring import Restored, restore_store
from pymailcore.store.backup.target import Target
from pymailcore.store.backup.verification import verify_backup


class Source(NamedTuple):
    """Where the backup is, as the operator says."""

    place: str
    generation: str | None
    scratch: Path | None
    endpoint: str | None
    region: str | None
    credentials: Path | None

    def target(self, configuration: Configuration | None) -> Target:
        """Open it."""
        return target_of(self.place, configuration, self.endpoint, self.region, self.credentials)


def verify_source(config: Path | None, source: Source, *, as_json: bool) -> None:
    """Check a backup without restoring it, on any machine."""
    configuration = read_file(config) if config is not None else None
    target = source.target(configuration)
    manifest = choose(target, source.generation)
    scratch = source.scratch or target.folder or Path(tempfile.gettempdir())
    with Bars() as bars:
        faults = verify_backup(target, manifest, scratch, bars)
    if as_json:
        click.echo(json.dumps({"backup": manifest.name, "faults": faults}, indent=2))
    else:
        for fault in faults:
            click.echo(fault)
    if faults:
        raise Failure(
            f"the backup {manifest.name} has {len(faults)} faults; take a new one without --incremental"
        )
    if not as_json:
        click.echo(f"the backup {manifest.name} is whole: {octets_text(manifest.octets)}")


def whole_store(config: Path, source: Source, *, as_json: bool) -> None:
    """Make a data folder again."""
    configuration = read_file(config)
    data = configuration.data
    _become(configuration)
    (data / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        lock = FolderLock(data)
    except LockHeld as held:
        raise Failure(f"the server runs (process {held}); stop it first") from None
    try:
        target = source.target(configuration)
        manifest = choose(target, source.generation)
        if configuration.store.metadata:
            restored = run(lambda: _refill(configuration, source, target, manifest))
        else:
            with Bars() as bars:
                restored = restore_store(data, target, manifest, bars, now_ms=now_ms())
    finally:
        lock.close()
    _tell(restored, manifest.name, data, as_json=as_json)


async def _refill(
    configuration: Configuration, source: Source, target: Target, manifest: Manifest
) -> Restored:
    async with open_core_of(configuration, any_state=True) as core:
        scratch = source.scratch or configuration.data / "run" / "restore"
        with Bars() as bars:
            return await refill_store(core.store.engine, target, manifest, bars, scratch=scratch)


def _become(configuration: Configuration) -> None:
    """Make the data folder and go on as the user who is to have it."""
    data = configuration.data
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if configuration.user and os.geteuid() == 0:
        user = find_user(configuration.user)
        os.chown(data, user.uid, user.gid)
        drop_privileges(configuration.user)


def _tell(restored: Restored, name: str, data: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"backup": name, **restored._asdict()}, indent=2))
        return
    click.echo(
        f"restored {name} to {data}: {restored.accounts} accounts, {restored.emails} Emails,"
        f" {octets_text(restored.octets)} of packs"
    )
    if restored.queued:
        click.echo(
            f"{restored.queued} messages wait in the outbound queue as of the backup; most of them were sent"
            " since. Look before you start: pymailcore queue list; pymailcore queue drop"
        )
    click.echo("Everybody has to sign in again, and mail clients fetch their Mailboxes anew.")


def return_mail(
    config: Path, source: Source, account: Address, mailbox: str | None, message: str | None, *, as_json: bool
) -> None:
    """Add mail of a backup to a store that is there."""

    async def work() -> Returned:
        async with open_installation(config) as core:
            target = source.target(core.configuration)
            found = await account_of(core, account)
            with Bars() as bars:
                return await restore_mail(
                    core.store,
                    target,
                    choose(target, source.generation),
                    account=found.name,
                    mailbox=mailbox,
                    message=message,
                    scratch=source.scratch or core.configuration.data / "run" / "restore",
                    progress=bars,
                )

    returned = run(work)
    if as_json:
        click.echo(json.dumps(returned._asdict(), indent=2))
    else:
        click.echo(f"{returned.restored} messages came back, {returned.there} were there already")
        for damage in returned.damaged:
            click.echo(f"not whole in the backup: {damage}")
    if returned.damaged:
        raise Failure(f"{len(returned.damaged)} messages are not whole in the backup; try an older one")
