"""Compression of blobs: their octets into what is stored, and back.

The encoding is a number of a blob's row and record. PLAIN: as it is. ZSTD: compressed. ZSTD_HEADERS:
compressed with the dictionary `dictionaries/headers-1.dict`, which knows header fields; for the beginnings of
messages. With SEALED set the result is encrypted (store.sealing). A dictionary is never changed: a better one
gets a number of its own (scripts/dictionary/train.py).
"""

import functools
from importlib import resources
from typing import Final

import zstandard

from pymailcore.store.packs import DamagedBlob

PLAIN: Final = 0
ZSTD: Final = 1
ZSTD_HEADERS: Final = 2
SEALED: Final = 16
"""A bit: what is stored is encrypted."""

_PAYS: Final = 64  # compression must win at least this many octets, and an eighth
_STEP: Final = 512
_DICTIONARY_IS_WORTH: Final = 2  # levels: with it level 1 is quicker and better than 3 without
_HEADERS_MOST: Final = 16 * 1024  # what is longer is mostly no header


@functools.cache
def header_dictionary() -> zstandard.ZstdCompressionDict:
    """The dictionary of ZSTD_HEADERS."""
    file = resources.files("pymailcore.store") / "dictionaries" / "headers-1.dict"
    return zstandard.ZstdCompressionDict(file.read_bytes())


class Encoder:
    """Compresses blobs where that pays; for one thread."""

    def __init__(self, level: int) -> None:
        self._zstd = zstandard.ZstdCompressor(level=level, write_checksum=False)
        self._headers = zstandard.ZstdCompressor(
            level=max(1, level - _DICTIONARY_IS_WORTH),
            write_checksum=False,
            write_dict_id=False,
            dict_data=header_dictionary(),
        )

    def encode(self, octets: bytes, start: int = 0) -> tuple[int, bytes]:
        """Give the stored form and its encoding.

        Args:
            start: so many octets, the header of a message, are compressed as a block of their own, for
                `Decoder.decode_start`.
        """
        encoding, zstd = ZSTD, self._zstd
        if start and len(octets) <= _HEADERS_MOST:
            encoding, zstd = ZSTD_HEADERS, self._headers
        if 0 < start < len(octets):
            writer = zstd.compressobj(size=len(octets))
            packed = writer.compress(octets[:start]) + writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            packed += writer.compress(octets[start:]) + writer.flush()
        else:
            packed = zstd.compress(octets)
        if len(packed) + _PAYS <= len(octets) and len(packed) <= len(octets) * 7 // 8:
            return encoding, packed
        return PLAIN, octets


class Decoder:
    """Decompresses blobs; for one thread."""

    def __init__(self) -> None:
        self._zstd = {
            ZSTD: zstandard.ZstdDecompressor(),
            ZSTD_HEADERS: zstandard.ZstdDecompressor(dict_data=header_dictionary()),
        }

    def decode(self, encoding: int, packed: bytes, size_octets: int) -> bytes:
        """Give the octets of a blob.

        Raises:
            DamagedBlob: they do not come out, or are not as many as they should be.
        """
        if encoding == PLAIN:
            octets = packed
        else:
            try:
                octets = self._of(encoding).decompress(packed, max_output_size=size_octets)
            except zstandard.ZstdError as error:
                raise DamagedBlob(str(error)) from error
        if len(octets) != size_octets:
            raise DamagedBlob(f"{len(octets)} octets, not {size_octets}")
        return octets

    def decode_start(self, encoding: int, packed: bytes, octets: int) -> bytes:
        """Give at least so many octets of the beginning of a blob, as cheaply as its blocks allow.

        Raises:
            DamagedBlob: they do not come out.
        """
        if encoding == PLAIN:
            return packed
        reader = self._of(encoding).decompressobj()
        out = b""
        try:
            for place in range(0, len(packed), _STEP):
                out += reader.decompress(packed[place : place + _STEP])
                if len(out) >= octets:
                    break
        except zstandard.ZstdError as error:
            raise DamagedBlob(str(error)) from error
        return out

    def _of(self, encoding: int) -> zstandard.ZstdDecompressor:
        found = self._zstd.get(encoding)
        if found is None:
            raise DamagedBlob(f"encoding {encoding} is not known")
        return found
