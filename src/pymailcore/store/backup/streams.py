"""Rows of tables as files: pages of rows, each msgpack in a zstd frame with a checksum, behind its length."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import zstandard

from pymailcore.store.backup.manifest import File, Manifest, TableFiles, UnfitBackup, checked, file_of
from pymailcore.store.backup.tables import Table
from pymailcore.store.backup.target import Target
from pymailcore.store.types import Row

PART_OCTETS: Final = 32 * 1024 * 1024
"""A file is closed when it is as long as this."""

_LENGTH: Final = struct.Struct("<I")
_LEVEL: Final = 3
_MOST_PAGE: Final = 512 * 1024 * 1024


class TableWriter:
    """A `dump.Sink` that writes tables to a target.

    Attributes:
        tables: what was written.
        pack_ends: the end of the last blob in each pack that a row names.
    """

    def __init__(self, target: Target, prefix: str) -> None:
        self._target = target
        self._prefix = prefix
        self._zstd = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._encoder = msgspec.msgpack.Encoder()
        self.tables: list[TableFiles] = []
        self.pack_ends: dict[int, int] = {}
        self._pages: list[bytes] = []
        self._octets = 0
        self._parts: list[File] = []
        self._rows = 0

    def begin(self, table: Table, rows: int) -> None:
        """A table follows."""
        self._table = table
        self._rows = rows
        self._parts = []
        columns = table.columns
        self._where = (
            tuple([columns.index(name) for name in ("pack", "position", "stored_octets")])
            if table.name == "blobs"
            else None
        )

    def rows(self, rows: Sequence[Row]) -> None:
        """Take a page."""
        if self._where is not None:
            pack_at, position_at, octets_at = self._where
            ends = self.pack_ends
            for row in rows:
                end = row[position_at] + row[octets_at]
                if end > ends.get(row[pack_at], -1):
                    ends[row[pack_at]] = end
        page = self._zstd.compress(self._encoder.encode(rows))
        self._pages += [_LENGTH.pack(len(page)), page]
        self._octets += len(page) + _LENGTH.size
        if self._octets >= PART_OCTETS:
            self._close_part()

    def end(self) -> None:
        """It was the last page of the table."""
        if self._pages:
            self._close_part()
        self.tables.append(
            TableFiles(
                table=self._table.name,
                columns=self._table.columns,
                rows=self._rows,
                parts=tuple(self._parts),
            )
        )

    def _close_part(self) -> None:
        octets = b"".join(self._pages)
        file = file_of(f"{self._prefix}{self._table.name}.{len(self._parts):04}", octets)
        self._target.put(file.name, octets)
        self._parts.append(file)
        self._pages = []
        self._octets = 0


def read_rows(target: Target, table: TableFiles) -> Iterator[list[tuple[Any, ...]]]:
    """Give the rows of a table, in pages.

    Raises:
        UnfitBackup: a file is damaged, or rows are missing.
        NotFound: a file is missing.
    """
    decoder = msgspec.msgpack.Decoder(list[tuple[Any, ...]])
    zstd = zstandard.ZstdDecompressor()
    width = len(table.columns)
    number = 0
    for part in table.parts:
        octets = checked(part, target.whole(part.name))
        place = 0
        while place < len(octets):
            (length,) = _LENGTH.unpack_from(octets, place)
            place += _LENGTH.size
            try:
                page = zstd.decompress(octets[place : place + length], max_output_size=_MOST_PAGE)
                rows = decoder.decode(page)
            except (zstandard.ZstdError, msgspec.MsgspecError) as error:
                raise UnfitBackup(f"{part.name} is damaged: {error}") from error
            if any(len(row) != width for row in rows):
                raise UnfitBackup(f"{part.name} has rows of another width")
            number += len(rows)
            place += length
            yield rows
    if number != table.rows:
        raise UnfitBackup(f"the table {table.table} has {number} rows, not {table.rows}")


def read_table(target: Target, manifest: Manifest, name: str) -> Iterator[list[tuple[Any, ...]]]:
    """Give the rows of a table by name; none when the backup is older than the table."""
    table = manifest.table(name)
    if table is not None:
        yield from read_rows(target, table)
