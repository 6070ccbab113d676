"""What rows name of each object of a bucket, and what the bucket has: in a scratch file, not in memory.

A bucket may have millions of objects, for each large blob is one. The rows are summed up first and the list
of the bucket then comes by a page at a time, so memory holds one of either. An object whose row is there at
the first is in the list that is made behind it.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

import apsw

from pymailcore.store.objects.packs import Held
from pymailcore.store.packs import HEAD, RECORD_OCTETS
from pymailcore.store.types import Row

_SCRATCH: Final = (
    "PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA cache_size = -8192;"
    "CREATE TABLE living (pack INTEGER PRIMARY KEY, octets INTEGER NOT NULL, last INTEGER NOT NULL);"
    "CREATE TABLE held (pack INTEGER PRIMARY KEY, octets INTEGER NOT NULL, modified_ms INTEGER NOT NULL)"
)
_ADD: Final = (
    "INSERT INTO living (pack, octets, last) VALUES (?1, ?2, ?3) ON CONFLICT (pack) DO UPDATE SET"
    " octets = octets + excluded.octets, last = max(last, excluded.last)"
)
_HOLD: Final = "INSERT OR REPLACE INTO held (pack, octets, modified_ms) VALUES (?, ?, ?)"
_KNOWS: Final = (
    "SELECT EXISTS (SELECT 1 FROM held WHERE pack = ?1) OR EXISTS (SELECT 1 FROM living WHERE pack = ?1)"
)
_LACKS: Final = (
    "SELECT l.pack, l.last FROM living l LEFT JOIN held h ON h.pack = l.pack"
    " WHERE h.pack IS NULL OR h.octets < l.last ORDER BY l.pack DESC LIMIT ?"
)
_POOR: Final = (
    "SELECT h.pack FROM held h JOIN living l ON l.pack = h.pack WHERE h.modified_ms <= ?1"
    " AND (l.octets + ?2) * 100 < h.octets * ?3 ORDER BY l.octets - h.octets, h.pack DESC LIMIT ?4"
)
_SMALL: Final = (
    "SELECT h.pack FROM held h JOIN living l ON l.pack = h.pack WHERE h.modified_ms <= ?1"
    " AND h.octets < ?2 ORDER BY h.pack DESC LIMIT ?3"
)


class Lack(NamedTuple):
    """An object that rows name and the bucket does not have up to the `end` of its last blob."""

    pack: int
    end: int


class Inventory:
    """Of one bucket, at one time; blocks, for one thread at a time. `with` removes the scratch file."""

    def __init__(self) -> None:
        self._scratch = apsw.Connection("")
        self._scratch.execute(_SCRATCH).fetchall()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the scratch file go."""
        self._scratch.close()

    def name(self, rows: Sequence[Row]) -> None:
        """Take in what a stretch of rows names: pack, number of blobs, their octets, the end of the last."""
        with self._scratch:
            self._scratch.executemany(
                _ADD,
                [(pack, int(octets) + count * RECORD_OCTETS, end) for pack, count, octets, end in rows],
            )

    def hold(self, page: Sequence[Held]) -> dict[int, int]:
        """Take in a page of the bucket's list; gives what rows name of each, with the heads of records."""
        with self._scratch:
            self._scratch.executemany(_HOLD, page)
        living: dict[int, int] = {}
        for one in page:
            row = self._scratch.execute("SELECT octets FROM living WHERE pack = ?", (one.pack,)).fetchone()
            living[one.pack] = 0 if row is None else int(row[0]) + len(HEAD)
        return living

    def knows(self, pack: int) -> bool:
        """Whether the bucket has an object, or a row names it."""
        row = self._scratch.execute(_KNOWS, (pack,)).fetchone()
        return row is not None and bool(row[0])

    def lacks(self, most: int) -> list[Lack]:
        """Objects that rows name and that are missing, or too short."""
        return [Lack(*row) for row in self._scratch.execute(_LACKS, (most,))]

    def poor(self, *, rested_ms: int, percent: float, most: int) -> list[int]:
        """Objects with less than this share alive, the worst first."""
        rows = self._scratch.execute(_POOR, (rested_ms, len(HEAD), percent, most))
        return [row[0] for row in rows]

    def small(self, *, rested_ms: int, octets: int, most: int) -> list[int]:
        """Objects of fewer octets that rows name."""
        return [row[0] for row in self._scratch.execute(_SMALL, (rested_ms, octets, most))]
