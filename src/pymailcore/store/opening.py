"""Opens a store: folder, migrations, threads."""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import apsw
import trio

from pymailcore.base.ids import DEFAULT_TENANT, AccountId, IdMint
from pymailcore.store.blobs import Appender, PackWriter, stage_with
from pymailcore.store.connection import open_connection
from pymailcore.store.database import SqliteDatabase
from pymailcore.store.engine import Engine
from pymailcore.store.files import Files
from pymailcore.store.layout import Layout
from pymailcore.store.maintenance import Maintenance
from pymailcore.store.migrate import alone, migrate
from pymailcore.store.ops.accounts import ensure_tenant
from pymailcore.store.packs import PackReader
from pymailcore.store.readers import Readers, ReadSide
from pymailcore.store.settings import StoreSettings
from pymailcore.store.space import Space
from pymailcore.store.store import Store
from pymailcore.store.writer import Writer


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def open_store(
    settings: StoreSettings,
    *,
    notify: Callable[[AccountId, int], None],
    ids: IdMint,
    maintain: bool,
    files: Files | None = None,
) -> AsyncIterator[Store]:
    """Open the store, making it where there is none; on leaving, what was begun is finished first.

    Args:
        notify: told on the loop, after the commit, that an account is at a modseq.
        ids: of this process; used on the loop only.
        maintain: this process does the checkpoints; one of a family.
        files: how packs are written, for tests.

    Raises:
        UnfitFileSystem: the folder is on a network file system.
        NewerDatabase: a newer version has changed the database.
        TemporaryFailure: it cannot be opened now, or not durably.
    """
    layout = Layout(settings.data)

    def connect(*, read_only: bool = False) -> apsw.Connection:
        return open_connection(layout.database, cache_octets=settings.cache_octets, read_only=read_only)

    def read_side() -> ReadSide:
        return ReadSide(connect(read_only=True), PackReader(layout.packs))

    def prepare_folder() -> None:
        layout.make()
        with alone(layout.locks / "migrate"):
            connection = connect()
            try:
                migrate(connection)
            finally:
                connection.close()

    await trio.to_thread.run_sync(prepare_folder)
    space = Space(
        layout.data,
        layout.reserve,
        reserve_octets=settings.reserve_octets,
        watermark_octets=settings.watermark_octets,
    )
    writer_ids = IdMint(_now_ms, secrets.randbits)
    database = SqliteDatabase(notify, read_side())
    written = files or Files()
    small, large = (
        Appender(
            layout.packs,
            written,
            IdMint(_now_ms, secrets.randbits).new,
            level=settings.compression_level,
            pack_octets=settings.pack_octets,
        )
        for _ in range(2)
    )
    writer = Writer(connect, layout.locks / "write", space, database.deliver, stage_with(small))
    database.begin(writer, Readers(read_side, database.deliver, settings.readers))
    pack_writer = PackWriter(
        lambda: connect(read_only=True), large, forward=writer.put, deliver=database.deliver
    )
    engine = Engine(database, pack_writer, space, settings, ids=ids, writer_ids=writer_ids, now_ms=_now_ms)
    store = Store(engine)
    maintenance = None
    if maintain:
        maintenance = Maintenance(connect, layout, space, settings)
    try:
        await database.write(lambda tx: ensure_tenant(tx, DEFAULT_TENANT))
        yield store
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(_close, maintenance, pack_writer, database, small)


def _close(
    maintenance: Maintenance | None, pack_writer: PackWriter, database: SqliteDatabase, small: Appender
) -> None:
    if maintenance is not None:
        maintenance.close()
    pack_writer.close()
    database.close()
    small.abandon()
