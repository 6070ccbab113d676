"""A stream whose two directions are compressed.

Standards: RFC 4978 section 3 (compression comes first, then TLS).
"""

import trio

from pymailcore.imap.protocol.deflate import BrokenDeflate, Deflater, Inflater


class DeflateStream(trio.abc.Stream):
    """Compresses what goes to a stream and takes apart what comes from it."""

    def __init__(self, inner: trio.abc.Stream) -> None:
        self.inner = inner
        self._deflater = Deflater()
        self._inflater = Inflater()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send octets so that the peer can read all of them.

        Raises:
            trio.BrokenResourceError: the connection broke.
        """
        await self.inner.send_all(self._deflater.compress(bytes(data)))

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the stream below has room."""
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive octets, at most so many; nothing at the end of the stream.

        Raises:
            trio.BrokenResourceError: the connection broke, or what comes is not compressed.
        """
        most = max_bytes or 65_536
        inflater = self._inflater
        while True:
            if inflater.waits:
                await trio.lowlevel.checkpoint()
            elif inflater.rest:
                raise trio.BrokenResourceError("octets behind the end of what is compressed")
            else:
                octets = bytes(await self.inner.receive_some(most))
                if not octets:
                    return b""
                inflater.feed(octets)
            try:
                found = inflater.take(most)
            except BrokenDeflate as fault:
                raise trio.BrokenResourceError(f"not compressed: {fault}") from None
            if found:
                return found

    def rest(self) -> bytes:
        """What came behind the end of the peer's compressed octets, when it has ended them."""
        return self._inflater.rest

    async def aclose(self) -> None:
        """Close the stream below."""
        await self.inner.aclose()
