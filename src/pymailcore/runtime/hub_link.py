"""Change notices between the processes of the family: frames over the supervisor's Unix socket.

A frame is two signed 64-bit numbers, network order: channel and value. There is no other message, no
answer and no framing to lose: whoever connects is told all that is known and tells all it knows, then both
sides send news. A side that reads slowly makes nobody wait; only the newest value of each channel is kept
for it.
"""

import os
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import trio

from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.logs import get_logger

_FRAME: Final = struct.Struct("!qq")
_READ_OCTETS: Final = 65_536
_FRAMES_PER_SEND: Final = 4_096
_RECONNECT_SECONDS: Final = 0.2

log = get_logger()


class _Outbox:
    """What one peer has not been sent yet: the newest value of each channel."""

    def __init__(self) -> None:
        self._due: dict[int, int] = {}
        self._news = trio.Event()

    def put(self, channel: int, value: int) -> None:
        self._due[channel] = value
        self._news.set()

    async def send(self, stream: trio.abc.SendStream) -> None:
        """Send what is put in, until the peer is gone."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            while self._due:
                channels = list(self._due)[:_FRAMES_PER_SEND]
                await stream.send_all(b"".join(_FRAME.pack(c, self._due.pop(c)) for c in channels))


class _Inbox:
    """Cuts octets into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def frames(self, octets: bytes) -> Iterator[tuple[int, int]]:
        octets = self._rest + octets
        whole = len(octets) - len(octets) % _FRAME.size
        self._rest = octets[whole:]
        yield from _FRAME.iter_unpack(octets[:whole])


async def _exchange(
    stream: trio.SocketStream, outbox: _Outbox, receive: Callable[[int, int], object]
) -> None:
    """Send the outbox and take frames until the other side ends."""
    inbox = _Inbox()
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(_send_until_broken, stream, outbox)
        try:
            async for octets in stream:
                for channel, value in inbox.frames(bytes(octets)):
                    receive(channel, value)
        except trio.BrokenResourceError:
            pass
        nursery.cancel_scope.cancel()


async def _send_until_broken(stream: trio.SocketStream, outbox: _Outbox) -> None:
    try:
        await outbox.send(stream)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return  # the reading half sees the end too


class HubServer:
    """The supervisor's side: passes each notice on to all other processes.

    With a `hub` of its own (everything in one process) it takes part itself.
    """

    def __init__(self, hub: ChangeHub | None = None) -> None:
        self._hub = ChangeHub() if hub is None else hub
        self._peers: set[_Outbox] = set()
        self._hub.forward_to(self._tell_all)

    def _tell_all(self, channel: int, value: int) -> None:
        for peer in self._peers:
            peer.put(channel, value)

    async def serve(self, listener: trio.SocketListener) -> None:
        """Take connections until cancelled."""
        async with trio.open_nursery() as nursery:
            await trio.serve_listeners(self._serve_one, [listener], handler_nursery=nursery)

    async def _serve_one(self, stream: trio.SocketStream) -> None:
        outbox = _Outbox()
        for channel, value in self._hub.newest().items():
            outbox.put(channel, value)
        self._peers.add(outbox)

        def receive(channel: int, value: int) -> None:
            kept = self._hub.receive(channel, value)
            if kept is not None:
                for peer in self._peers - {outbox}:
                    peer.put(channel, kept)

        try:
            await _exchange(stream, outbox, receive)
        finally:
            self._peers.discard(outbox)


class HubClient:
    """A worker's side: connects its ChangeHub with those of all other processes."""

    def __init__(self, hub: ChangeHub, path: Path) -> None:
        self._hub = hub
        self._path = path

    async def run(self, *, connected: Callable[[], None] = lambda: None) -> None:
        """Stay connected until cancelled; after each loss connect again and announce all that is known.

        Args:
            connected: called after each connect, so that watched accounts can be read again.
        """
        away = False
        while True:
            outbox = _Outbox()
            for channel, value in self._hub.newest().items():
                if channel > 0:
                    outbox.put(channel, value)
            self._hub.forward_to(outbox.put)
            try:
                stream = await _connect(self._path)
            except OSError as fault:
                if not away:
                    log.warning("hub is away", path=str(self._path), fault=str(fault))
                away = True
            else:
                away = False
                connected()
                await _exchange(stream, outbox, self._hub.receive)
            await trio.sleep(_RECONNECT_SECONDS)


async def _connect(path: Path) -> trio.SocketStream:
    with socket_path(path) as short:
        connection = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            await connection.connect(short)
        except BaseException:
            connection.close()
            raise
    return trio.SocketStream(connection)


class socket_path:  # noqa: N801 - used like a function
    """Give a path that fits `sun_path` (107 octets), through the folder's descriptor when it is too long."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = -1

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) <= 100:
            return str(self._path)
        self._folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._folder}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        if self._folder >= 0:
            os.close(self._folder)


def listen_unix(path: Path, *, owner: tuple[int, int] | None = None) -> socket.socket:
    """Listen on a Unix socket that only its owner may use; a stale socket there is replaced.

    The caller holds the lock of the data folder, so a socket that is there already belongs to nobody.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    with socket_path(path) as short:
        listener.bind(short)
    path.chmod(0o600)
    if owner is not None:
        os.chown(path, *owner)
    listener.listen(64)
    return listener


def announce(path: Path, channel: int, value: int, *, seconds: float = 1.0) -> bool:
    """Tell a running server of a change from outside (the command line); blocks for `seconds` at most.

    Returns:
        Whether there was a server to tell.
    """
    if not path.exists():  # no server; thousands of changes need not each find that out by a socket
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            with socket_path(path) as short:
                connection.connect(short)
            connection.sendall(_FRAME.pack(channel, value))
        except OSError:
            return False
    return True
