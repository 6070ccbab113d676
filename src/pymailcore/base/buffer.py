"""Octets that came from a peer and wait to be understood."""


class LineTooLong(Exception):
    """More octets than a line may have arrived without a line end."""


class ReceiveBuffer:
    """Grows at the end, is taken from the front, and searches each octet once.

    The caller bounds it: `take_line` refuses a line beyond its limit, and a driver reads no more while
    the buffer holds what has not been understood.
    """

    def __init__(self) -> None:
        self._octets = bytearray()
        self._searched = 0

    def __len__(self) -> int:
        return len(self._octets)

    def append(self, octets: bytes) -> None:
        """Add what arrived."""
        self._octets += octets

    def take_all(self) -> bytes:
        """Take everything."""
        octets = bytes(self._octets)
        self._octets.clear()
        self._searched = 0
        return octets

    def take(self, count: int) -> bytes:
        """Take at most `count` octets from the front."""
        octets = bytes(self._octets[:count])
        del self._octets[:count]
        self._searched = 0
        return octets

    def put_back(self, octets: bytes) -> None:
        """Give octets back to the front."""
        self._octets[:0] = octets
        self._searched = 0

    def take_line(self, limit: int) -> bytes | None:
        r"""Take one line that ends with CRLF or a lone LF, its end included; None while it is not whole.

        Args:
            limit: octets that a line may have, its end included.

        Raises:
            LineTooLong: the limit is passed; what was read of the line is gone.
        """
        end = self._octets.find(b"\n", self._searched)
        if end < 0:
            if len(self._octets) >= limit:
                self._octets.clear()
                self._searched = 0
                raise LineTooLong
            self._searched = len(self._octets)
            return None
        if end + 1 > limit:
            self.take(end + 1)
            raise LineTooLong
        return self.take(end + 1)
