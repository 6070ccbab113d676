"""The two directions of a compressed conversation, without I/O.

Standards: RFC 4978 sections 3 and 4 (raw DEFLATE, RFC 1951).

What we send ends with a sync flush each time, so that the peer can read all of it. What the peer sends is
given out in pieces of a bounded size, however well it was compressed: a bomb costs its sender's octets and
then our time, in small slices, like any other nonsense, and never memory.

Memory of a connection while it compresses: some 67 KiB to send (window of 8 KiB, level of memory 6) and some
40 KiB to receive (a peer may use any window up to 32 KiB), and one read that waits to be taken apart.
"""

import zlib
from typing import Final

LEVEL: Final = 3
"""Fast: most of what there is to gain on lines of protocol, and little time lost on attachments."""

_WINDOW_BITS: Final = 13
_MEMORY_LEVEL: Final = 6
_LARGEST_WINDOW_BITS: Final = 15


class BrokenDeflate(Exception):
    """What the peer sends is not compressed, or damaged."""


class Deflater:
    """Compresses what is sent."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(LEVEL, zlib.DEFLATED, -_WINDOW_BITS, _MEMORY_LEVEL)

    def compress(self, octets: bytes) -> bytes:
        """Give the compressed form, whole: the peer can read all that was sent so far."""
        return self._zlib.compress(octets) + self._zlib.flush(zlib.Z_SYNC_FLUSH)


class Inflater:
    """Takes apart what is received."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(-_LARGEST_WINDOW_BITS)
        self._waiting = b""
        self._more = False

    @property
    def waits(self) -> bool:
        """Whether there may be something to take without any more octets of the peer."""
        return self._more and not self._zlib.eof

    @property
    def rest(self) -> bytes:
        """What the peer has sent behind the end of its compressed octets, if it has ended them."""
        return self._zlib.unused_data

    def feed(self, octets: bytes) -> None:
        """Add what was received; to be taken before more is fed."""
        self._waiting += octets
        self._more = True

    def take(self, most: int) -> bytes:
        """Give the next octets, at most so many; nothing when more must be received first.

        Raises:
            BrokenDeflate: nothing more can be had of this peer.
        """
        try:
            octets = self._zlib.decompress(self._waiting, most)
        except zlib.error as fault:
            raise BrokenDeflate(str(fault)) from None
        self._waiting = self._zlib.unconsumed_tail
        self._more = len(octets) == most or bool(self._waiting)
        return octets
