"""Opens a store: folder, migrations, threads."""

import importlib
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

import apsw
import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId, IdMint
from pymailcore.store.backend import LocalBackend
from pymailcore.store.blobs import Appender, PackWriter, stage_with
from pymailcore.store.connection import BUSY_MS, ENVIRONMENT, open_connection
from pymailcore.store.data_keys import DataKeys
from pymailcore.store.database import SqliteDatabase
from pymailcore.store.engine import Engine
from pymailcore.store.files import Files
from pymailcore.store.fulltext.index_file import IndexFolder
from pymailcore.store.fulltext.reader import IndexReader
from pymailcore.store.fulltext.sqlite_lookup import SqliteIndex
from pymailcore.store.layout import Layout
from pymailcore.store.maintenance import Maintenance
from pymailcore.store.migrate import alone, migrate
from pymailcore.store.ops.accounts import ensure_first_tenant
from pymailcore.store.ops.sealing_keys import KEYS_OF_TENANT
from pymailcore.store.packs import PackReader
from pymailcore.store.places import BlobReader
from pymailcore.store.readers import Readers, ReadSide
from pymailcore.store.sealing import Sealing, WrappedKey
from pymailcore.store.settings import StoreSettings
from pymailcore.store.space import Space
from pymailcore.store.store import Store
from pymailcore.store.unfinished import require_usable, require_whole_folder
from pymailcore.store.writer import Writer

COPY_PAGES: Final = 10_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _postgres() -> ModuleType:
    """The other engine; loaded only where it is used, since its driver costs each process 5 MB."""
    return importlib.import_module("pymailcore.store.postgres.opening")


@asynccontextmanager
async def open_store(
    settings: StoreSettings,
    *,
    notify: Callable[[AccountId, int], None],
    ids: IdMint,
    maintain: bool,
    files: Files | None = None,
    heard: Callable[[int, int], object] | None = None,
    missed: Callable[[], None] | None = None,
    any_state: bool = False,
) -> AsyncIterator[Store]:
    """Open the store, making it where there is none; on leaving, what was begun is finished first.

    Args:
        notify: told on the loop, after the commit, that an account is at a modseq.
        ids: of this process; used on the loop only.
        maintain: this process does the checkpoints; one of a family.
        files: how packs are written, for tests.
        heard: told on the loop what `Database.tell` and the commits of other nodes have told; where this is
            None, `notify` is told of accounts.
        missed: told on the loop that notices of other nodes may have been missed.
        any_state: also one that is not whole yet, or was moved away: for who fills and moves stores.

    Raises:
        UnfinishedStore: a restore or a move into it has not ended; with what to do about it.
        UnfitFileSystem: the folder is on a network file system.
        NewerDatabase: a newer version has changed the database.
        UnfitKeyFile: the key file is not the one of this store.
        NotDurable, UnfitServer: the database server is not fit for mail; with what to do about it.
        TemporaryFailure: it cannot be opened now, or not durably.
    """
    if settings.metadata:

        def heard_account(channel: int, value: int) -> None:
            if channel > 0:
                notify(AccountId(channel), value)

        async with _postgres().open_postgres(
            settings, notify=notify, heard=heard or heard_account, missed=missed or _nothing, ids=ids,
            maintain=maintain, files=files, any_state=any_state,
        ) as store:  # fmt: skip
            yield store
    else:
        async with _open_sqlite(
            settings, notify=notify, ids=ids, maintain=maintain, files=files, any_state=any_state
        ) as store:
            yield store


async def dry_run(settings: StoreSettings) -> list[int]:
    """Run the migrations that a store lacks on a copy of its rows, which is thrown away; gives their numbers.

    On PostgreSQL the copy is a transaction that is taken back; it keeps writers waiting while it lasts.

    Raises:
        NewerDatabase: a newer version has changed the database.
        UnfinishedStore: a restore into the folder has not ended.
        TemporaryFailure: there is no room for the copy, or the database cannot be reached now.
    """
    if settings.metadata:
        numbers: list[int] = await _postgres().dry_run_postgres(settings)
        return numbers
    return await trio.to_thread.run_sync(_dry_run_sqlite, settings)


def _dry_run_sqlite(settings: StoreSettings) -> list[int]:
    layout = Layout(settings.data)
    require_whole_folder(layout.data)
    with tempfile.TemporaryDirectory(prefix="migrate", dir=layout.data) as folder:
        copy = apsw.Connection(str(Path(folder) / "copy.sqlite"))
        try:
            if layout.database.exists():
                source = apsw.Connection(str(layout.database), flags=apsw.SQLITE_OPEN_READONLY)
                try:
                    source.set_busy_timeout(BUSY_MS)
                    with copy.backup("main", source, "main") as backup:
                        while not backup.done:
                            backup.step(COPY_PAGES)
                finally:
                    source.close()
            return migrate(copy)
        except ENVIRONMENT as error:
            raise TemporaryFailure(f"the database cannot be copied now: {error}") from error
        finally:
            copy.close()


def _nothing() -> None:
    """Nobody wants to know."""


@asynccontextmanager
async def _open_sqlite(
    settings: StoreSettings,
    *,
    notify: Callable[[AccountId, int], None],
    ids: IdMint,
    maintain: bool,
    files: Files | None,
    any_state: bool,
) -> AsyncIterator[Store]:
    layout = Layout(settings.data)

    def connect(*, read_only: bool = False) -> apsw.Connection:
        octets = settings.reader_cache_octets if read_only else settings.cache_octets
        return open_connection(layout.database, cache_octets=octets, read_only=read_only)

    def read_side() -> ReadSide:
        return ReadSide(
            connect(read_only=True),
            BlobReader(PackReader(layout.packs), sealing),
            IndexReader(IndexFolder(layout.index)),
        )

    def load_keys(tenant: int) -> list[WrappedKey]:
        connection = connect(read_only=True)
        try:
            return [WrappedKey(*row) for row in connection.execute(KEYS_OF_TENANT, (tenant,))]
        finally:
            connection.close()

    sealing = Sealing(settings.encryption_key_file, load_keys)

    def prepare_folder() -> None:
        require_whole_folder(layout.data)
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
    database = SqliteDatabase(notify, read_side(), layout.locks)
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
    data_keys = DataKeys(database, sealing, _now_ms)
    engine = Engine(
        database, LocalBackend(database, pack_writer), space, settings,
        data_keys=data_keys, ids=ids, now_ms=_now_ms, text_index=SqliteIndex(),
    )  # fmt: skip
    store = Store(engine)
    maintenance = None
    if maintain:
        maintenance = Maintenance(connect, layout, space, settings)
    try:
        if not any_state:
            await require_usable(database)
        await data_keys.prepare()
        await ensure_first_tenant(database)
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
