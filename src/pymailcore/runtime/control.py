"""What the supervisor and a worker tell each other, over a socket pair that the worker inherits.

A message is its length (32 bits, network order) and msgpack. The end of the stream is a message too: to the
worker it means that its supervisor is gone, to the supervisor that the worker is.
"""

import socket
import struct
from typing import Final

import msgspec
import trio

_LENGTH: Final = struct.Struct("!I")
_MAX_OCTETS: Final = 64 * 1_048_576


class Settings(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to worker: a configuration and certificate; the first message, and again after a reload.

    Carries secrets, so its `repr` shows nothing.
    """

    text: str  # the configuration file
    folder: str  # where relative paths in it begin
    certificate: bytes
    key: bytes
    self_signed: bool
    client_authorities: bytes = b""

    def __repr__(self) -> str:
        return "Settings(...)"


class Start(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to worker: who it is, and the descriptors of its sockets, one for each listener."""

    name: str
    workers: int
    sockets: tuple[int, ...]
    metrics_socket: int = -1
    counters: int = -1  # of the memory in which the family counts failed sign-ins


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to worker: finish what was promised and exit."""


class Report(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to worker: send your metrics."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Worker to supervisor: it serves."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Worker to supervisor: it cannot start, and why, in one line."""

    text: str


class Gather(msgspec.Struct, frozen=True, tag=True):
    """Worker to supervisor: send me the metrics of all others."""


class Snapshot(msgspec.Struct, frozen=True, tag=True):
    """Metrics of one worker: to the supervisor, and from there to who gathers; empty: there are no more."""

    octets: bytes


Message = Settings | Start | Stop | Report | Ready | Failed | Gather | Snapshot
_decoder: Final[msgspec.msgpack.Decoder[Message]] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """Give a message its form on the socket."""
    octets = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(octets)) + octets


class ControlChannel:
    """One end of the channel, in a trio loop."""

    def __init__(self, pair: socket.socket) -> None:
        pair.setblocking(False)
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(pair))
        self._lock = trio.Lock()
        self._buffer = bytearray()

    async def send(self, message: Message) -> None:
        """Send one message; nothing happens when the other side is gone, which `receive` tells."""
        async with self._lock:
            try:
                await self._stream.send_all(encode(message))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    async def receive(self) -> Message | None:
        """Wait for a message; None when the other side is gone."""
        while True:
            message = self._take()
            if message is not None:
                return message
            try:
                octets = await self._stream.receive_some()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return None
            if not octets:
                return None
            self._buffer += octets

    def _take(self) -> Message | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        end = _LENGTH.size + length
        if length > _MAX_OCTETS or len(self._buffer) < end:
            return None
        message = _decoder.decode(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return message

    async def aclose(self) -> None:
        """Close this end."""
        await self._stream.aclose()
