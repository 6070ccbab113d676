"""What the parts of the store share: database, packs, ids, keys, and how blobs and slices are written."""

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import IdMint, TenantId
from pymailcore.store import reading
from pymailcore.store.blobs import BlobGone, BlobJob, PackWriter, Piece
from pymailcore.store.database import SqliteDatabase
from pymailcore.store.packs import Location
from pymailcore.store.readers import ReadSide
from pymailcore.store.settings import StoreSettings
from pymailcore.store.space import Space
from pymailcore.store.types import Transaction

T = TypeVar("T")


class Engine:
    """The things that an open store is made of.

    Args:
        ids: minted on the loop.
        writer_ids: minted in the writer thread.
    """

    def __init__(
        self,
        database: SqliteDatabase,
        packs: PackWriter,
        space: Space,
        settings: StoreSettings,
        *,
        ids: IdMint,
        writer_ids: IdMint,
        now_ms: Callable[[], int],
    ) -> None:
        self.database = database
        self.packs = packs
        self.space = space
        self.settings = settings
        self.ids = ids
        self.writer_ids = writer_ids
        self.now_ms = now_ms
        self._tenant_keys: dict[TenantId, bytes] = {}

    def tenant_key(self, tenant: TenantId) -> bytes:
        """The key under which a tenant's blobs are addressed; kept once read.

        Raises:
            NotFound: no such tenant.
        """
        key = self._tenant_keys.get(tenant)
        if key is None:
            key = self.database.peek(lambda tx: reading.tenant_key(tx, tenant))
            self._tenant_keys[tenant] = key
        return key

    async def write_blobs(
        self,
        tenant: TenantId,
        pieces: Sequence[Piece],
        locations: dict[bytes, Location],
        work: Callable[[Transaction], Awaitable[T]],
    ) -> T:
        """Put blobs on disk and run an operation that names them, again if one that was known is gone."""
        force = False
        while True:
            try:
                make = functools.partial(
                    BlobJob, work, tenant=tenant, pieces=pieces, locations=locations, force=force
                )
                return cast("T", await self.database.submit(self.packs.put, make))
            except BlobGone:
                if force:
                    raise TemporaryFailure("a blob that was just written is gone") from None
                force = True

    async def read_octets(self, work: Callable[[Transaction, ReadSide], Awaitable[T]]) -> T:
        """Run a reading operation that looks into packs on one snapshot, in a thread."""
        return await self.database.call(lambda side: side.snapshot(lambda tx: work(tx, side)))

    async def slices(
        self,
        uids: Sequence[int],
        operation: Callable[[Sequence[int], Transaction], Awaitable[T]],
        size: int,
    ) -> list[T]:
        """Run an operation on stretches of UIDs, each a transaction of its own."""
        return await self.database.write_each(
            [functools.partial(operation, uids[start : start + size]) for start in range(0, len(uids), size)]
        )
