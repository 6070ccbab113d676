"""Opens a store whose rows are in PostgreSQL."""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import trio

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId, IdMint
from pymailcore.store.data_keys import DataKeys
from pymailcore.store.engine import Engine
from pymailcore.store.files import Files
from pymailcore.store.layout import Layout
from pymailcore.store.objects.large import ObjectPlace
from pymailcore.store.objects.packing import waiting_octets
from pymailcore.store.objects.packs import ObjectPacks, open_objects
from pymailcore.store.ops.accounts import ensure_first_tenant
from pymailcore.store.ops.sealing_keys import KEYS_OF_TENANT
from pymailcore.store.packs import PackReader
from pymailcore.store.places import BlobReader
from pymailcore.store.postgres.backend import LargePlace, PostgresBackend
from pymailcore.store.postgres.database import PostgresDatabase
from pymailcore.store.postgres.large import LocalPacks
from pymailcore.store.postgres.text_index import PostgresIndex
from pymailcore.store.sealing import Sealing, WrappedKey
from pymailcore.store.settings import StoreSettings
from pymailcore.store.space import Space
from pymailcore.store.store import Store
from pymailcore.store.unfinished import require_usable

OBJECT_THREADS: Final = 16
"""At least so many where blobs are in S3: they wait for the network most of the time."""


def _random_number() -> int:
    """A number for an object: S3 overwrites without a word, and so many bits are never drawn twice."""
    return 1 + secrets.randbits(62)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def address(settings: StoreSettings) -> str:
    """The address of the database, with the password of `metadata_password_file`.

    Raises:
        TemporaryFailure: the file cannot be read.
    """
    if settings.metadata_password_file is None:
        return settings.metadata
    try:
        password = settings.metadata_password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TemporaryFailure(f"metadata_password_file cannot be read: {error}") from error
    parts = urlsplit(settings.metadata)
    user, at, host = parts.netloc.rpartition("@")
    user = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}{at or '@'}{host}"))


async def dry_run_postgres(settings: StoreSettings) -> list[int]:
    """Run the migrations that the database lacks and take them back; see `opening.dry_run`."""

    def nothing(*_: object) -> None:
        """Nobody listens."""

    database = PostgresDatabase(address(settings), settings, notify=nothing, heard=nothing, missed=nothing)
    try:
        return await database.prepare(dry=True)
    finally:
        await database.close()


@asynccontextmanager
async def open_postgres(
    settings: StoreSettings,
    *,
    notify: Callable[[AccountId, int], None],
    heard: Callable[[int, int], object],
    missed: Callable[[], None],
    ids: IdMint,
    maintain: bool,
    files: Files | None = None,
    any_state: bool = False,
) -> AsyncIterator[Store]:
    """Open the store, making its tables where there are none; see `opening.open_store`.

    Raises:
        NotDurable, UnfitServer: the server is not fit for mail; with what to do about it.
    """
    layout = Layout(settings.data)
    packs = settings.pack_folder

    def prepare_folder() -> None:
        layout.make()
        packs.mkdir(mode=0o700, parents=True, exist_ok=True)

    await trio.to_thread.run_sync(prepare_folder)
    space = Space(
        packs, layout.reserve, reserve_octets=settings.reserve_octets,
        watermark_octets=settings.watermark_octets,
    )  # fmt: skip
    token = trio.lowlevel.current_trio_token()
    database = PostgresDatabase(address(settings), settings, notify=notify, heard=heard, missed=missed)

    def load_keys(tenant: int) -> list[WrappedKey]:
        rows = trio.from_thread.run(
            database.read, lambda tx: tx.rows(KEYS_OF_TENANT, tenant), trio_token=token
        )
        return [WrappedKey(*row) for row in rows]

    def waiting() -> int:
        return trio.from_thread.run(database.read, waiting_octets, trio_token=token)

    new_pack = IdMint(_now_ms, secrets.randbits).new
    objects: ObjectPacks | None = None
    large: LargePlace
    if settings.objects is not None:
        objects = open_objects(settings.objects, _random_number, cache_octets=settings.s3_cache_octets)
        large = ObjectPlace(
            objects, waiting, level=settings.compression_level, most_waiting=settings.s3_waiting_octets
        )
    else:
        large = LocalPacks(
            packs, files or Files(), new_pack,
            level=settings.compression_level, pack_octets=settings.pack_octets,
        )  # fmt: skip
    backend: PostgresBackend | None = None
    try:
        await database.prepare()
        await database.start()
        sealing = Sealing(settings.encryption_key_file, load_keys)
        backend = PostgresBackend(
            database, lambda: BlobReader(PackReader(packs), sealing, objects), large,
            level=settings.compression_level,
            threads=settings.readers if objects is None else max(settings.readers, OBJECT_THREADS),
        )  # fmt: skip
        data_keys = DataKeys(database, sealing, _now_ms)
        engine = Engine(
            database, backend, space, settings,
            data_keys=data_keys, objects=objects, ids=ids, now_ms=_now_ms, text_index=PostgresIndex(),
        )  # fmt: skip
        if not any_state:
            await require_usable(database)
        await data_keys.prepare()
        await ensure_first_tenant(database)
        if maintain:
            await database.keep_house(space.make_reserve)
        yield Store(engine)
    finally:
        await database.close()
        if backend is not None:
            backend.close()
        large.close()
