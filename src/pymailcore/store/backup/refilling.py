"""Restores a whole backup into an open store that is empty: on PostgreSQL, or with blobs in S3.

The store is claimed first, so what was broken off is known as that by everybody, and can be begun anew; a
store that has an account and is not claimed is somebody's and is left alone.
"""

import functools
import secrets
from collections.abc import Iterator
from pathlib import Path

import apsw
import trio

from pymailcore.store.backup.cut import scratch_folder
from pymailcore.store.backup.dump import clear, load
from pymailcore.store.backup.manifest import Manifest, checked
from pymailcore.store.backup.rebuilding import check_schema, rebuild_database
from pymailcore.store.backup.renewal import renew
from pymailcore.store.backup.restoring import Restored, restore_files, restore_packs
from pymailcore.store.backup.tables import Table, schema_tables
from pymailcore.store.backup.target import Target
from pymailcore.store.engine import Engine
from pymailcore.store.transaction import SqliteTransaction, drive
from pymailcore.store.types import Row
from pymailcore.store.unfinished import Filling, claim, let_go
from pymailcore.store.verifying.sweep import Progress

_PAGE = 500
_LAST = "accounts"


async def refill_store(
    engine: Engine, target: Target, manifest: Manifest, progress: Progress, *, scratch: Path
) -> Restored:
    """Fill an empty store from a backup.

    Args:
        scratch: a folder with room for the database.

    Raises:
        AlreadyExists: the store has an account.
        UnfinishedStore: another command was filling it.
        UnfitBackup: the backup is damaged, or of a later version.
    """
    check_schema(manifest)
    await claim(engine.database, Filling.RESTORE)
    with scratch_folder(scratch) as folder:
        await trio.to_thread.run_sync(_put_packs, engine, target, manifest, progress)
        connection = await trio.to_thread.run_sync(
            _rows, folder / "rows.sqlite", engine, target, manifest, progress
        )
        try:
            await _load(engine, connection, progress)
            counts = [
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - constants
                for table in ("accounts", "emails", "queue_messages")
            ]
        finally:
            connection.close(True)
    await trio.to_thread.run_sync(restore_files, engine.settings.data, target, manifest)
    await let_go(engine.database)
    accounts, emails, queued = [int(row[0]) if row is not None else 0 for row in counts]
    return Restored(accounts, emails, queued, sum(pack.octets for pack in manifest.packs))


def _put_packs(engine: Engine, target: Target, manifest: Manifest, progress: Progress) -> None:
    """Packs become objects where the store has them, and files where it has none."""
    objects = engine.objects
    if objects is None:
        restore_packs(engine.settings.pack_folder, target, manifest, progress)
        return
    progress.begin("packs")
    there = {held.pack: held.octets for held in objects.listed()}
    for number, pack in enumerate(manifest.packs):
        if there.get(-abs(pack.pack)) != pack.octets:
            octets = b"".join(checked(piece.file, target.whole(piece.file.name)) for piece in pack.pieces)
            objects.put_pack(-abs(pack.pack), octets)
        progress.at((number + 1) / len(manifest.packs))


def _rows(
    path: Path, engine: Engine, target: Target, manifest: Manifest, progress: Progress
) -> apsw.Connection:
    connection = rebuild_database(path, target, manifest, progress)
    sign = "abs(pack)" if engine.objects is None else "-abs(pack)"
    now_ms, generation = engine.now_ms(), secrets.token_bytes(16)
    with connection:
        connection.execute(f"UPDATE blobs SET pack = {sign} WHERE pack <> 0")  # noqa: S608 - constants
        drive(
            lambda tx: renew(tx, now_ms=now_ms, generation=generation),
            SqliteTransaction(connection),
        )
    return connection


async def _load(engine: Engine, connection: apsw.Connection, progress: Progress) -> None:
    progress.begin("rows into the database")
    tables = sorted(schema_tables(), key=lambda table: table.name == _LAST)
    for number, table in enumerate(tables):
        await engine.database.write(functools.partial(clear, table=table))
        for page in _pages(connection, table):
            await engine.database.write(functools.partial(load, table=table, rows=page))
        progress.at((number + 1) / len(tables))


def _pages(connection: apsw.Connection, table: Table) -> Iterator[list[Row]]:
    cursor = connection.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")  # noqa: S608
    page: list[Row] = []
    for row in cursor:
        page.append(row)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page
