"""Columns of email_data that are compressed: part tree and facts, longer together than many a header.

Theory: both are some hundred octets and much alike from message to message, so each is compressed by itself
with a dictionary that knows their words. That costs 2 to 4 us to write and 1 to 2 us to read, and saves a
third to two thirds of the octets. ENVELOPE and BODYSTRUCTURE stay as they go out on the wire, since clients
ask for those of fifty thousand messages at a time. The first octet is the number of the dictionary; none of
the plain forms begins with one so low, so a value that compression does not make shorter is kept as it is, as
are those from before there was a dictionary. A dictionary is never changed: a better one gets a number of its
own (scripts/dictionary/train_rows.py).
"""

import functools
import threading
from importlib import resources
from typing import Final

import zstandard

from pymailcore.base.errors import TemporaryFailure
from pymailcore.message.prepare import Prepared

_NUMBER: Final = 1  # of the dictionary
_MARK: Final = bytes([_NUMBER])
_PLAIN: Final = 0x10  # what begins with this octet or a greater one is plain
_TYPICAL: Final = 1024


Columns = tuple[bytes, bytes, bytes, bytes]
"""ENVELOPE, BODYSTRUCTURE, part tree and facts as they are kept."""


class DamagedColumn(TemporaryFailure):
    """A column is not what was written there."""


@functools.cache
def row_dictionary() -> zstandard.ZstdCompressionDict:
    """Dictionary number 1."""
    file = resources.files("pymailcore.store") / "dictionaries" / "rows-1.dict"
    return zstandard.ZstdCompressionDict(file.read_bytes())


class _Zstd(threading.local):
    """Compressor and decompressor, which are for one thread, so each thread has its own."""

    def __init__(self) -> None:
        form = zstandard.FORMAT_ZSTD1_MAGICLESS
        parameters = zstandard.ZstdCompressionParameters.from_level(
            1, source_size=_TYPICAL, format=form, write_content_size=True, write_checksum=False,
            write_dict_id=False,
        )  # fmt: skip
        self.compress = zstandard.ZstdCompressor(
            compression_params=parameters, dict_data=row_dictionary()
        ).compress
        self.decompress = zstandard.ZstdDecompressor(dict_data=row_dictionary(), format=form).decompress


_zstd = _Zstd()


def pack_column(value: bytes) -> bytes:
    """Give a value the form in which it is kept."""
    packed = _zstd.compress(value)
    return _MARK + packed if len(packed) + 1 < len(value) else value


def pack_columns(prepared: Prepared) -> Columns:
    """Give what is prepared of a message the form in which it is kept."""
    return (
        prepared.envelope,
        prepared.bodystructure,
        pack_column(prepared.parts),
        pack_column(prepared.facts),
    )


def unpack_column(kept: bytes) -> bytes:
    """Give the value again.

    Raises:
        DamagedColumn: it does not come out.
    """
    if not kept or kept[0] >= _PLAIN:
        return kept
    if kept[0] != _NUMBER:
        raise DamagedColumn(f"a column has dictionary {kept[0]}, which is not known")
    try:
        return _zstd.decompress(kept[1:])
    except (zstandard.ZstdError, MemoryError) as error:  # a damaged head may claim any size
        raise DamagedColumn(str(error)) from error


def unpack_wanted(kept: bytes | None) -> bytes | None:
    """The same for a column that may not have been asked for."""
    return None if kept is None else unpack_column(kept)
