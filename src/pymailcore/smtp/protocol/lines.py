"""Octets from a peer, taken line by line or all at once.

Standards: RFC 5321 section 2.3.8.
"""


class LineTooLong(Exception):
    """A line has passed its limit; what there is of it is dropped, and the rest will be."""


class LineBuffer:
    """Holds what was read and not understood: at most one read and one unfinished line.

    Unlike `base.buffer.ReceiveBuffer` it drops the whole of a line that is too long, so that the tail of one
    is never taken for a line, and it takes lines from a large read without moving what is behind them.
    """

    __slots__ = ("_at", "_octets", "_skipping")

    def __init__(self) -> None:
        self._octets = b""
        self._at = 0
        self._skipping = False

    def __len__(self) -> int:
        return len(self._octets) - self._at

    def append(self, octets: bytes) -> None:
        """Add what arrived."""
        self._octets = self._octets[self._at :] + octets if self._at < len(self._octets) else octets
        self._at = 0

    def take_all(self) -> bytes:
        """Take everything."""
        octets = self._octets[self._at :]
        self._octets = b""
        self._at = 0
        return octets

    def take_some(self, most: int) -> bytes:
        """Take octets from the front, no more than `most`; b"" when there are none."""
        octets = self._octets[self._at : self._at + most]
        self._at += len(octets)
        return octets

    def put_back(self, octets: bytes) -> None:
        """Give octets back to the front."""
        self._octets = octets + self._octets[self._at :]
        self._at = 0

    def take_line(self, limit: int) -> bytes | None:
        r"""Take one line with the LF that ends it; None while there is none.

        Args:
            limit: octets that a line may have, its end included.

        Raises:
            LineTooLong: once for each line beyond the limit.
        """
        if self._skipping and not self._skip():
            return None
        start = self._at
        end = self._octets.find(b"\n", start, start + limit) + 1
        if end:
            self._at = end
            return self._octets[start:end]
        if len(self._octets) - start < limit:
            return None
        self._skipping = True
        self._skip()
        raise LineTooLong

    def _skip(self) -> bool:
        end = self._octets.find(b"\n", self._at) + 1
        self._skipping = not end
        self._at = end or len(self._octets)
        return bool(end)
