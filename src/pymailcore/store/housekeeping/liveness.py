"""Which blobs lie in a pack, by their rows, and which packs a living process writes.

There is no index of blobs by pack: it would cost at every append. A walk through all rows, in slices, each on
a snapshot of its own, finds the blobs of several packs at once. It misses none that was there all the time
and is not being moved, and only the one process that keeps house moves any.
"""

import fcntl
import os
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from pymailcore.store.housekeeping.house import House
from pymailcore.store.packs import Location, pack_path
from pymailcore.store.types import Row, Transaction

SCAN_ROWS: Final = 20_000

_NEXT: Final = "SELECT max(id) FROM (SELECT id FROM blobs WHERE id > ?1 ORDER BY id LIMIT ?2) AS stretch"
_ROWS: Final = (
    "SELECT id, tenant, key, pack, position, stored_octets, size_octets, encoding, crc FROM blobs"
    " WHERE id > ?1 AND id <= ?2 AND pack IN (SELECT value FROM json_each(?3))"
)
_SUMS: Final = (
    "SELECT pack, sum(stored_octets) FROM blobs WHERE id > ?1 AND id <= ?2"
    " AND pack IN (SELECT value FROM json_each(?3)) GROUP BY pack"
)


class LiveBlob(NamedTuple):
    """The row of a blob."""

    id: int
    tenant: int
    key: bytes
    location: Location


class PackFile(NamedTuple):
    """A pack as the file system shows it."""

    pack: int
    octets: int
    written_ms: int


def pack_files(folder: Path) -> list[PackFile]:
    """All pack files, by number; files of other names are nobody's business here."""
    out: list[PackFile] = []
    if not folder.is_dir():  # a store without local packs
        return out
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, _, suffix = entry.name.partition(".")
            if suffix != "pack" or len(stem) != 16:
                continue
            try:
                number, status = int(stem, 16), entry.stat()
            except (ValueError, OSError):
                continue
            written_ms = max(status.st_mtime_ns, status.st_ctime_ns) // 1_000_000
            out.append(PackFile(number, status.st_size, written_ms))
    return sorted(out)


def is_written(folder: Path, pack: int) -> bool:
    """Whether a living process has this pack open for writing (`Files.create` locks it)."""
    try:
        descriptor = os.open(pack_path(folder, pack), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


async def _walk(house: House, sql: str, packs: Collection[int]) -> AsyncIterator[list[Row]]:
    listed = orjson.dumps(sorted(packs)).decode()
    after = -1

    async def work(tx: Transaction) -> tuple[int | None, list[Row]]:
        row = await tx.row(_NEXT, after, SCAN_ROWS)
        if row is None or row[0] is None:
            return None, []
        return row[0], await tx.rows(sql, after, row[0], listed)

    while packs:
        upto, rows = await house.read(work)
        if upto is None:
            return
        after = upto
        yield rows


async def live_blobs(house: House, packs: Collection[int], most: int) -> dict[int, list[LiveBlob]]:
    """The blobs of some packs, by pack, each list by place.

    Args:
        most: once more rows than this are found, packs are left out of the result, the fullest first, as
            long as there are several; what remains is complete unless it is one pack alone.
    """
    found: dict[int, list[LiveBlob]] = {pack: [] for pack in packs}
    count = 0
    async for rows in _walk(house, _ROWS, packs):
        for row in rows:
            if row[3] in found:
                found[row[3]].append(LiveBlob(row[0], row[1], bytes(row[2]), Location(*row[3:])))
                count += 1
        while count > most and len(found) > 1:
            count -= len(found.pop(max(found, key=lambda pack: len(found[pack]))))
    return {
        pack: sorted(blobs, key=lambda blob: blob.location.position) for pack, blobs in sorted(found.items())
    }


async def live_octets(house: House, packs: Collection[int]) -> dict[int, int]:
    """How many octets rows name in some packs; a pack that none names is not in it."""
    sums: dict[int, int] = {}
    async for rows in _walk(house, _SUMS, packs):
        for pack, octets in rows:
            sums[pack] = sums.get(pack, 0) + int(octets)
    return sums
