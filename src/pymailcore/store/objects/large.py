"""Large blobs on their way in where blobs are kept in S3.

They are there before the transaction begins. While S3 is away they go into the database instead, as small
ones always do, up to a limit: what is acknowledged never lies on one node only. `objects.packing` moves
them on.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from pymailcore.base.errors import InsufficientStorage
from pymailcore.base.ids import TenantId
from pymailcore.store.blobs import Piece
from pymailcore.store.encoding import Encoder
from pymailcore.store.objects.packs import ObjectPacks, Stored
from pymailcore.store.objects.settings import ObjectsAway
from pymailcore.store.packs import Location, in_row
from pymailcore.store.sealing import Sealer

_FRESH_SECONDS: Final = 5.0


class ObjectPlace:
    """Puts large blobs into S3; for any thread.

    Args:
        waiting: gives how many octets wait in the database to be moved; blocks.
        most_waiting: no more than so many octets may wait, as this process counts.
    """

    def __init__(
        self, objects: ObjectPacks, waiting: Callable[[], int], *, level: int, most_waiting: int
    ) -> None:
        self._objects = objects
        self._waiting = waiting
        self._level = level
        self._most_waiting = most_waiting
        self._lock = threading.Lock()
        self._counted = 0
        self._counted_at = float("-inf")

    def put(self, tenant: TenantId, pieces: Sequence[Piece], sealer: Sealer | None) -> dict[bytes, Location]:
        """Put blobs where they can be read from other nodes and give where they lie; blocks.

        Those that lie in the database have their octets in the location, for the row.

        Raises:
            InsufficientStorage: S3 is away, and enough waits in the database already.
            TemporaryFailure: the database cannot be asked now.
        """
        encoder = Encoder(self._level)
        blobs = []
        for key, octets, start in pieces:
            encoding, stored = encoder.encode(octets, start)
            if sealer is not None:
                encoding, stored = sealer.seal(tenant, key, encoding, stored)
            blobs.append(Stored(tenant, key, len(octets), encoding, stored))
        try:
            locations = self._objects.write(blobs)
        except ObjectsAway as away:
            self._reserve(sum(len(blob.octets) for blob in blobs), away)
            locations = [in_row(blob.size_octets, blob.encoding, blob.octets) for blob in blobs]
        return {blob.key: location for blob, location in zip(blobs, locations, strict=True)}

    def _reserve(self, octets: int, away: ObjectsAway) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._counted_at >= _FRESH_SECONDS:
                self._counted = self._waiting()
                self._counted_at = now
            if self._counted + octets > self._most_waiting:
                raise InsufficientStorage(
                    f"S3 is away, and {self._counted} octets wait for it already"
                ) from away
            self._counted += octets

    def close(self) -> None:
        """Nothing is open."""
