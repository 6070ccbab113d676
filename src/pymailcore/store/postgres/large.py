"""Large blobs on a node's own disk, where rows are in PostgreSQL and there is no S3: for a single node."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from pymailcore.base.errors import InsufficientStorage, TemporaryFailure
from pymailcore.base.ids import TenantId
from pymailcore.store.blobs import Piece
from pymailcore.store.encoding import Encoder
from pymailcore.store.files import Files
from pymailcore.store.packs import Location, OpenPack
from pymailcore.store.sealing import Sealer
from pymailcore.store.space import is_full


class LocalPacks:
    """Puts blobs into a pack file of this process; for any thread."""

    def __init__(
        self, folder: Path, files: Files, new_pack: Callable[[], int], *, level: int, pack_octets: int
    ) -> None:
        self._folder = folder
        self._files = files
        self._new_pack = new_pack
        self._level = level
        self._pack_octets = pack_octets
        self._lock = threading.Lock()
        self._pack: OpenPack | None = None

    def put(self, tenant: TenantId, pieces: Sequence[Piece], sealer: Sealer | None) -> dict[bytes, Location]:
        """Put blobs on disk and give where they lie; blocks.

        Raises:
            TemporaryFailure: the disk is full, or cannot be written now.
        """
        encoder = Encoder(self._level)
        encoded = []
        for key, octets, start in pieces:
            encoding, stored = encoder.encode(octets, start)
            if sealer is not None:
                encoding, stored = sealer.seal(tenant, key, encoding, stored)
            encoded.append((key, len(octets), encoding, stored))
        with self._lock:
            try:
                if self._pack is None:
                    self._pack = OpenPack(self._folder, self._new_pack(), self._files)
                pack = self._pack
                locations = {
                    key: pack.add(tenant, key, size, encoding, stored)
                    for key, size, encoding, stored in encoded
                }
                pack.sync()
                if pack.end >= self._pack_octets:
                    self._abandon()
            except OSError as error:
                self._abandon()
                kind = InsufficientStorage if is_full(error) else TemporaryFailure
                raise kind(f"the octets cannot be stored now: {error}") from error
        return locations

    def _abandon(self) -> None:
        if self._pack is not None:
            pack, self._pack = self._pack, None
            try:
                pack.close()
            except OSError:
                return

    def close(self) -> None:
        """Never write to this pack again."""
        with self._lock:
            self._abandon()
