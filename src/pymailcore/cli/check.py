"""`pymailcore check`: what would go wrong at the next start, and what goes wrong now."""

import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from pymailcore.app.plugins import UnfitPlugin, hooks_of
from pymailcore.base.errors import MailError, TemporaryFailure
from pymailcore.cli.common import Failure, config_option, examples, json_option, show
from pymailcore.cli.installation import open_core_of, run
from pymailcore.config.configuration import Configuration
from pymailcore.config.read import read_file
from pymailcore.runtime.certificates import BadCertificate, load_material
from pymailcore.runtime.clock import now
from pymailcore.runtime.lock import FolderLock, LockHeld
from pymailcore.runtime.privileges import drop_privileges, find_user
from pymailcore.runtime.self_signed import end_of
from pymailcore.runtime.settings import parse_bind
from pymailcore.runtime.sockets import CannotBind, bind_listener
from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.glance import glance
from pymailcore.store.keyfile import UnfitKeyFile, read_key_file
from pymailcore.store.objects.packs import open_objects
from pymailcore.store.objects.settings import UnfitCredentials

_SOON: Final = datetime.timedelta(days=14)
_NOTES: Final = (alarms.RESERVE, alarms.LOG, alarms.JOB, alarms.INDEX, alarms.SENDING)

Finding = tuple[str, str, str]  # what was looked at; ok, note or fault; why


def findings(configuration: Configuration) -> Iterator[Finding]:
    """Look at everything that a start needs, without changing anything that matters."""
    yield "configuration", "ok", ""
    yield from _user(configuration)
    running = False
    for finding in _data(configuration):
        running = running or finding[1] == "note"
        yield finding
    yield from _certificate(configuration)
    yield from _plugins(configuration)
    if running:
        yield "ports", "note", "not tried: the server that runs has them"
    else:
        yield from _ports(configuration)
    yield from _store(configuration, running=running)


def _user(configuration: Configuration) -> Iterator[Finding]:
    if configuration.user:
        try:
            find_user(configuration.user)
        except LookupError as fault:
            yield "user", "fault", str(fault)
        else:
            yield "user", "ok", configuration.user


def _data(configuration: Configuration) -> Iterator[Finding]:
    data = configuration.data
    if not data.is_dir():
        yield "data", "fault", f"{data} is no folder; `pymailcore init` makes one"
        return
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield "data", "fault", f"{data} cannot be written"
        return
    try:
        FolderLock(data).close()
    except LockHeld as held:
        yield "data", "note", f"a server runs on {data} (process {held})"
    except OSError as fault:
        yield "data", "fault", f"{data}: {fault.strerror}"
    else:
        yield "data", "ok", str(data)


def _plugins(configuration: Configuration) -> Iterator[Finding]:
    """Load each plug-in that is on; those that come with the server are told where they are asked."""
    protocols = {listener.protocol for listener in configuration.listeners}
    for table in configuration.plugins:
        name, where = f"plug-in {table.name}", protocols.intersection(table.common.listeners)
        if not table.common.enabled or (table.own is not None and not where):
            continue
        try:
            hooks = [] if table.own is not None else hooks_of(table, configuration)
        except UnfitPlugin as unfit:
            yield name, "fault", str(unfit)
            continue
        at = f", at {', '.join(hooks)}" if hooks else ""
        if where:
            yield name, "ok", f"for {', '.join(sorted(where))}{at}"
        else:
            yield name, "note", f"there is no listener for {', '.join(table.common.listeners)}"


def _certificate(configuration: Configuration) -> Iterator[Finding]:
    if not configuration.data.is_dir():
        return
    try:
        material = load_material(configuration.tls, configuration.tls_folder, configuration.hostname)
    except BadCertificate as fault:
        yield "certificate", "fault", str(fault)
        return
    end = end_of(material)
    if end < now():
        yield "certificate", "fault", f"ended on {end:%Y-%m-%d}"
    elif end - now() < _SOON:
        yield "certificate", "note", f"ends on {end:%Y-%m-%d}"
    elif material.self_signed:
        yield "certificate", "note", "self-signed; clients will warn"
    else:
        yield "certificate", "ok", f"until {end:%Y-%m-%d}"


def _ports(configuration: Configuration) -> Iterator[Finding]:
    binds = []
    for entry in configuration.listeners:
        name = f"{entry.protocol} {entry.bind}"
        if entry.path is None:
            binds.append((name, entry.address))
        elif not os.access(entry.path.parent, os.W_OK | os.X_OK):
            yield name, "fault", f"{entry.path.parent} is no folder that can be written"
        else:
            yield name, "ok", ""
    if configuration.metrics.bind:
        binds.append((f"metrics {configuration.metrics.bind}", parse_bind(configuration.metrics.bind)))
    for name, address in binds:
        try:
            bind_listener(*address).close()
        except CannotBind as fault:
            yield name, "note" if name.startswith("metrics") else "fault", str(fault)
        else:
            yield name, "ok", ""


def _rows(configuration: Configuration) -> list[alarms.Alarm]:
    """The alarms that are rows on PostgreSQL; where a server runs, the schema is that of its version."""

    async def work() -> list[alarms.Alarm]:
        async with open_core_of(configuration) as core:
            return await core.store.database.read(alarms.read)

    return run(work)


def _store(configuration: Configuration, *, running: bool) -> Iterator[Finding]:
    """What the store says of itself; the last, because it takes the server's user for good."""
    if not configuration.data.is_dir():
        return
    if configuration.user and os.geteuid() == 0:
        try:
            drop_privileges(configuration.user)
        except LookupError:
            return  # said already
    yield from _key_file(configuration)
    yield from _bucket(configuration)
    try:
        found = glance(configuration.store, running=running)
        if configuration.store.metadata and running:
            found += _rows(configuration)
    except MailError as fault:
        yield "store", "fault", str(fault)
        return
    for alarm in found:
        name = f"{alarm.kind} {alarm.subject}".strip()
        yield name, "note" if alarm.kind in _NOTES else "fault", alarm.detail
    if not found:
        yield "store", "ok", ""


def _key_file(configuration: Configuration) -> Iterator[Finding]:
    path = configuration.store.encryption_key_file
    if path is None:
        return
    try:
        keys = read_key_file(path)
    except UnfitKeyFile as fault:
        yield "key file", "fault", str(fault)
    else:
        yield "key file", "ok", f"{path}: {len(keys)} master keys"


def _bucket(configuration: Configuration) -> Iterator[Finding]:
    settings = configuration.store.objects
    if settings is None:
        return
    try:
        next(open_objects(settings, lambda: 0, cache_octets=0).listed(), None)
    except (TemporaryFailure, UnfitCredentials) as fault:
        yield "bucket", "fault", str(fault)
    else:
        yield "bucket", "ok", configuration.store.blobs


@click.command(epilog=examples("pymailcore check --config /srv/mail/pymailcore.toml"))
@json_option
@config_option
def check(config: Path, *, as_json: bool) -> None:
    """Check the configuration, the data folder, the certificate, the ports, and the store's alarms.

    Beside a running server it tells what that server has found: a disk that is nearly full, damaged blobs,
    wrong counters, housekeeping that fails. Ends with 1 when there is a fault.
    """
    found = list(findings(read_file(config)))
    rows = [{"check": what, "state": state, "detail": detail} for what, state, detail in found]
    show(rows, ("state", "check", "detail"), as_json=as_json)
    faults = [f"{what}: {detail}" for what, state, detail in found if state == "fault"]
    if faults:
        raise Failure("; ".join(faults))


COMMAND = check
