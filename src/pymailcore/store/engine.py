"""What the parts of the store share: database, packs, ids, keys, and how blobs and slices are written."""

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId, IdMint, TenantId
from pymailcore.store import reading
from pymailcore.store.backend import Backend
from pymailcore.store.blobs import BlobGone, Piece
from pymailcore.store.data_keys import DataKeys
from pymailcore.store.fulltext.lookup import NoIndex, TextIndex
from pymailcore.store.objects.packs import ObjectPacks
from pymailcore.store.ops import accounts
from pymailcore.store.packs import Location
from pymailcore.store.places import BlobReader
from pymailcore.store.quotas import Quotas
from pymailcore.store.search_lane import SearchLane
from pymailcore.store.settings import StoreSettings
from pymailcore.store.space import Space
from pymailcore.store.types import Database, Reading, Transaction

T = TypeVar("T")


class Engine:
    """The things that an open store is made of.

    Args:
        ids: minted on the loop.
        text_index: None: there is none, and searches look through messages.
    """

    def __init__(
        self,
        database: Database,
        backend: Backend,
        space: Space,
        settings: StoreSettings,
        *,
        data_keys: DataKeys,
        objects: ObjectPacks | None = None,
        ids: IdMint,
        now_ms: Callable[[], int],
        text_index: TextIndex | None = None,
    ) -> None:
        self.database = database
        self.backend = backend
        self.space = space
        self.settings = settings
        self.data_keys = data_keys
        self.sealing = data_keys.sealing
        self.objects = objects
        self.ids = ids
        self.now_ms = now_ms
        self.text_index: TextIndex = text_index or NoIndex()
        self.quotas = Quotas(database, now_ms)
        self.lane = SearchLane(settings.readers, self.tenant_of)
        self._tenant_keys: dict[TenantId, bytes] = {}

    async def tenant_of(self, account: AccountId) -> TenantId:
        """The tenant that an account belongs to.

        Raises:
            NotFound: no such account.
        """
        return await self.look(lambda tx: accounts.tenant_of(tx, account))

    async def look(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading operation that is certain to be short; see `types.Database.look`."""
        return await self.database.look(work)

    async def tenant_key(self, tenant: TenantId) -> bytes:
        """The key under which a tenant's blobs are addressed; kept once read.

        Raises:
            NotFound: no such tenant.
        """
        key = self._tenant_keys.get(tenant)
        if key is None:
            key = await self.database.look(lambda tx: reading.tenant_key(tx, tenant))
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
        sealer = await self.data_keys.sealer(tenant)
        while True:
            try:
                return await self.backend.write_blobs(
                    tenant, pieces, locations, work, sealer=sealer, force=force
                )
            except BlobGone:
                if force:
                    raise TemporaryFailure("a blob that was just written is gone") from None
                force = True

    async def reading(self, plan: Callable[[BlobReader], Reading[T]]) -> T:
        """Run a reading (`store.reading`): operations that read rows, and octets between them.

        On SQLite all of it is one visit to a reading thread. What is damaged is looked for once more, by
        the same reading on new snapshots.

        Raises:
            DamagedBlob: octets are not what was stored.
        """
        return await self.backend.reading(plan)

    async def searching(self, account: AccountId, plan: Callable[[BlobReader], Reading[T]]) -> T:
        """Run a reading that may last, or hold a core, in the lane of searches; see `reading`."""
        async with self.lane.place(account):
            return await self.backend.reading(plan)

    async def read_blob(self, tenant: TenantId, key: bytes) -> bytes:
        """Give the octets of an address.

        Raises:
            NotFound: nothing has it.
            DamagedBlob: they are not what was stored.
        """
        return await self.reading(lambda blobs: reading.blob(blobs, tenant, key))

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
