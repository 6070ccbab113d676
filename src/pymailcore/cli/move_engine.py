"""`pymailcore move-engine`: the store to another database engine."""

import dataclasses
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from pymailcore.admin.transfer.moving import Moved, Mover, read_sample
from pymailcore.app.core import Core
from pymailcore.cli.common import Failure, config_option, examples, json_option
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.progress import Bars
from pymailcore.cli.transferring import megabytes
from pymailcore.config.read import read_file, read_text
from pymailcore.config.reference import toml_value
from pymailcore.store.layout import Layout
from pymailcore.store.opening import open_store
from pymailcore.store.settings import StoreSettings
from pymailcore.store.unfinished import is_in_use, require_whole
from pymailcore.store.writer import FROZEN

_TABLE: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)
_STRING: Final = r"(?:\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*')"
_MOVED: Final = "the store was moved to {}: switch the configuration and restart the server"


@click.command(
    "move-engine",
    epilog=examples(
        "pymailcore move-engine --to postgresql://pymailcore@db.example.org/pymailcore --rehearsal",
        "pymailcore move-engine --to postgresql://pymailcore@db.example.org/pymailcore --switch",
        "pymailcore move-engine --to postgresql://db.example.org/mail --blobs s3://bucket/mail --switch",
        "pymailcore move-engine --to /srv/mail/data --switch",
    ),
)
@click.option(
    "--to",
    "place",
    required=True,
    metavar="PLACE",
    help="An empty PostgreSQL database (postgresql://…), or the data folder for a SQLite file.",
)
@click.option("--blobs", metavar="PLACE", help="Also move blobs, to a folder or to s3://BUCKET/PREFIX.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the password for PostgreSQL; it becomes metadata_password_file.",
)
@click.option("--switch", is_flag=True, help="Change the configuration file, which keeps its comments.")
@click.option("--rehearsal", is_flag=True, help="Copy and compare, but go on with the old store afterwards.")
@json_option
@config_option
def move_engine(
    place: str,
    blobs: str | None,
    password_file: Path | None,
    config: Path,
    *,
    switch: bool,
    rehearsal: bool,
    as_json: bool,
) -> None:
    """Move the store to another database engine; the server may run.

    While rows are copied the server answers what only reads; mail that comes in is put off by its senders
    (451), and other changes are refused for now. When all is copied and compared, the old store refuses
    changes for good: restart the server with the changed configuration.
    """
    path = config.absolute()
    configuration = read_file(path)
    settings, values = _target(configuration.store, place, blobs, password_file)
    text = switched(configuration.text, values)
    read_text(text, path.parent)  # before anything is done
    descriptor = os.open(path, os.O_WRONLY) if switch and not rehearsal else -1
    begun = time.monotonic()
    frozen = 0.0

    async def work() -> tuple[Moved, int]:
        nonlocal frozen
        async with open_installation(path, any_state=True) as core:
            again = await _moved_before(core, place)
            _make_room(core, settings)
            async with open_store(
                settings, notify=_nobody, ids=core.ids, maintain=False, any_state=True
            ) as target:
                if again and await is_in_use(target.database):
                    return Moved(), await read_sample(target)  # all but the configuration was done
                with Bars() as bars:
                    mover = Mover(core.store, target, bars)
                    await mover.claim()
                    await mover.copy_packs()
                    async with core.store.database.freeze() as retire:
                        stopped = time.monotonic()
                        await mover.copy_packs()
                        await mover.copy_rows()
                        await mover.check()
                        read = await _sample(core, settings)
                        _copy_keys(core.configuration.data, settings.data)
                        if not rehearsal:
                            await retire(_MOVED.format(shown(place)))
                            await mover.finish()
                        frozen = time.monotonic() - stopped
            return mover.moved, read

    moved, read = run(work)
    if descriptor >= 0:
        _write(descriptor, text)
    _tell(moved, read, time.monotonic() - begun, frozen, as_json=as_json)
    if rehearsal:
        click.echo("a rehearsal: the old store is still in use; the move makes the copy anew", err=True)
    elif switch:
        click.echo(f"changed {path}; restart the server now", err=True)
    else:
        click.echo(f"now change {path}, and restart the server:", err=True)
        for key, value in values.items():
            click.echo(f"  {key} = {toml_value(value)}" if value else f"  without {key}", err=True)


COMMAND = move_engine


async def _moved_before(core: Core, place: str) -> bool:
    """Whether the store was moved to this place already, by a command that may not have come to its end.

    Raises:
        UnfinishedStore: it is no whole store.
        Failure: it was moved to another place.
    """
    await require_whole(core.store.database)
    retired = await core.store.database.retired()
    if retired and retired != _MOVED.format(shown(place)):
        raise Failure(retired)
    return bool(retired)


def _nobody(*_: int) -> None:
    """Nobody listens to a store that nobody uses yet."""


def _target(
    store: StoreSettings, place: str, blobs: str | None, password_file: Path | None
) -> tuple[StoreSettings, dict[str, str]]:
    """Settings of the new store, and the keys of the configuration that lead to it; "" takes a key away."""
    values: dict[str, str] = {}
    if blobs is not None and "://" not in place:
        raise click.UsageError("--blobs is for PostgreSQL; beside SQLite they are in the data folder.")
    if blobs is not None:
        values["blobs"] = blobs if "://" in blobs else str(Path(blobs).absolute())
    if "://" in place:
        values["metadata"] = place
        if password_file is not None:
            values["store.metadata_password_file"] = str(password_file.absolute())
        data = store.data
    else:
        data = Path(place).absolute()
        values |= {"data": str(data), "metadata": ""}
        if store.blobs:
            values["blobs"] = ""
    metadata = values["metadata"]
    if metadata == store.metadata and values.get("blobs", store.blobs) == store.blobs and data == store.data:
        raise Failure(f"the store is in {shown(place)} already")
    try:
        return dataclasses.replace(
            store,
            data=data,
            metadata=metadata,
            blobs=values.get("blobs", store.blobs),
            metadata_password_file=password_file if password_file else None,
        ), values
    except ValueError as fault:
        raise Failure(str(fault)) from None


def shown(place: str) -> str:
    """A place without its password."""
    if "://" not in place:
        return place
    parts = urlsplit(place)
    query = re.sub(r"(?i)(^|&)(password|passfile|sslpassword)=[^&]*", "", parts.query).lstrip("&")
    return parts._replace(netloc=re.sub(r":[^@]*@", "@", parts.netloc), query=query).geturl()


def _make_room(core: Core, settings: StoreSettings) -> None:
    """Put a SQLite file that was moved away from before out of the way of the new one."""
    if settings.metadata or not core.configuration.store.metadata:
        return
    layout = Layout(settings.data)
    mark = layout.locks / FROZEN
    if mark.exists() and mark.stat().st_size:
        ending = f"-moved-{int(time.time())}"
        for path in settings.data.glob(layout.database.name + "*"):
            if "-moved-" not in path.name:
                path.rename(path.with_name(path.name + ending))
        os.truncate(mark, 0)


def _copy_keys(data: Path, new: Path) -> None:
    """Another data folder needs the keys and the certificate of this one."""
    if new != data:
        for name in ("keys", "tls"):
            if (data / name).is_dir():
                shutil.copytree(data / name, new / name, dirs_exist_ok=True)


async def _sample(core: Core, settings: StoreSettings) -> int:
    """Open the new store once more, as the server will, and read some messages."""
    async with open_store(settings, notify=_nobody, ids=core.ids, maintain=False, any_state=True) as opened:
        return await read_sample(opened)


def _tell(moved: Moved, read: int, seconds: float, frozen: float, *, as_json: bool) -> None:
    if as_json:
        record = {
            **dataclasses.asdict(moved),
            "messages_read": read,
            "seconds": round(seconds, 3),
            "frozen_seconds": round(frozen, 3),
        }
        click.echo(json.dumps(record, indent=2))
        return
    if moved.rows:
        click.echo(f"copied {moved.rows} rows, {megabytes(moved.octets)}, and compared them")
    else:
        click.echo("the rows were copied before")
    if moved.packs:
        click.echo(f"copied {moved.packs} packs, {megabytes(moved.pack_octets)}")
    click.echo(f"read {read} messages there; {seconds:.1f} s, changes were refused for {frozen:.1f} s")


def switched(text: str, values: Mapping[str, str]) -> str:
    """Change keys of a configuration file and leave everything else in it as it is.

    Args:
        values: key to text; "" takes the key away; `store.KEY` is in the table [store].
    """
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        text = _in_table(text, table, name, value) if table else _at_top(text, name, value)
    return text


def _at_top(text: str, key: str, value: str) -> str:
    match = _TABLE.search(text)
    end = match.start() if match else len(text)
    return _changed(text[:end], key, value) + text[end:]


def _in_table(text: str, table: str, key: str, value: str) -> str:
    head = re.search(rf"^[ \t]*\[{table}\][^\n]*\n", text, re.MULTILINE)
    if head is None:
        lists = re.search(r"^[ \t]*\[\[", text, re.MULTILINE)
        place = lists.start() if lists else len(text)
        return f"{text[:place]}[{table}]\n{key} = {toml_value(value)}\n\n{text[place:]}"
    after = _TABLE.search(text, head.end())
    end = after.start() if after else len(text)
    return text[: head.end()] + _changed(text[head.end() : end], key, value) + text[end:]


def _changed(lines: str, key: str, value: str) -> str:
    """Change a key in the lines of one table."""
    line = re.search(rf"^([ \t]*{key}[ \t]*=[ \t]*){_STRING}([^\n]*)$", lines, re.MULTILINE)
    if line is not None:
        fresh = f"{line[1]}{toml_value(value)}{line[2]}" if value else f"# {line[0]}"
        return lines[: line.start()] + fresh + lines[line.end() :]
    if not value:
        return lines
    data = re.search(r"^[ \t]*data[ \t]*=[^\n]*\n", lines, re.MULTILINE)
    place = data.end() if data else 0
    return f"{lines[:place]}{key} = {toml_value(value)}\n{lines[place:]}"


def _write(descriptor: int, text: str) -> None:
    """Write the configuration anew through a descriptor of the time when we may have been root."""
    octets = text.encode()
    os.pwrite(descriptor, octets, 0)
    os.ftruncate(descriptor, len(octets))
    os.fsync(descriptor)
    os.close(descriptor)
