"""The accept loop: connections in, one task each, no more than there is room for.

Theory of operation. All front workers accept on the same inherited sockets, so whoever is free takes the
next connection. This module is the only place that catches `Exception`: a fault in one conversation is logged
with the connection's id and ends that conversation, never its siblings. Shutdown: `draining` is set;
accepting stops at once; handlers, who can watch `Connection.draining`, get `drain_seconds` to finish what
they promised, then they are cancelled.
"""

import contextlib
import errno
import itertools
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
import trio

from pymailcore.runtime.caps import ConnectionCaps, plain_address
from pymailcore.runtime.logs import Logger, get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.settings import ServeSettings

_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_NO_ROOM_SECONDS: Final = 0.1

log = get_logger()


@dataclass(slots=True, eq=False)
class Connection:
    """One connection as its handler gets it; the accept loop closes the stream after the handler.

    Attributes:
        stream: the socket; TCP_NODELAY is set, TLS is the handler's.
        peer: the peer's address as text, IPv4 also where it came through an IPv6 socket.
        local: our own address on this connection.
        id: names the connection in every log line; unique among the workers.
        draining: set when the server is shutting down: end when nothing is promised any more.
    """

    stream: trio.SocketStream
    peer: str
    peer_port: int
    local: str
    local_port: int
    id: str
    log: Logger
    draining: trio.Event = field(default_factory=trio.Event)


Handler = Callable[[Connection], Awaitable[None]]


class Acceptor:
    """What the listeners of one process share: caps, metrics, connection ids, the end."""

    def __init__(
        self, settings: ServeSettings, metrics: Metrics, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.caps = ConnectionCaps(settings, clock)
        self.draining = trio.Event()
        prefix = secrets.token_hex(3)
        self._ids = (f"{prefix}{number:x}" for number in itertools.count(16))

    def reload(self, settings: ServeSettings) -> None:
        """Use other caps for connections that come from now on."""
        self.settings = settings
        self.caps.reload(settings)

    def next_id(self) -> str:
        """Give a new connection id."""
        return next(self._ids)


async def serve_sockets(
    handler: Handler,
    sockets: Sequence[trio.socket.SocketType],
    acceptor: Acceptor,
    *,
    name: str,
    refusal: bytes = b"",
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept on listening sockets until the acceptor drains; return when the last connection has ended.

    Args:
        handler: drives one connection; runs in a task of its own.
        sockets: listening and non-blocking; they are closed as soon as draining begins.
        name: of the listener, in logs and metrics.
        refusal: what a peer without room is told, in clear, before it is closed ("421 …").
    """
    listener = _Listener(handler, acceptor, name, refusal)
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as accepting:
            for listening in sockets:
                accepting.start_soon(listener.accept, listening, nursery)
            task_status.started()
            await acceptor.draining.wait()
            accepting.cancel_scope.cancel()
        for listening in sockets:
            listening.close()
        nursery.cancel_scope.deadline = trio.current_time() + acceptor.settings.drain_seconds


class _Listener:
    def __init__(self, handler: Handler, acceptor: Acceptor, name: str, refusal: bytes) -> None:
        self._handler = handler
        self._acceptor = acceptor
        self._name = name
        self._refusal = refusal
        metrics = acceptor.metrics
        self._taken = metrics.connections.labels(name)
        self._open = metrics.connections_open.labels(name)
        self._faults = metrics.faults.labels(name)

    async def accept(self, listening: trio.socket.SocketType, nursery: trio.Nursery) -> None:
        """Accept on one socket for ever."""
        while True:
            try:
                accepted, address = await listening.accept()
            except OSError as fault:
                if fault.errno in _NO_ROOM:
                    log.error("no room for a connection", listener=self._name, fault=fault.strerror)
                    await trio.sleep(_NO_ROOM_SECONDS)
                elif fault.errno == errno.EBADF:
                    raise
                continue  # the peer was gone before we took it: ECONNABORTED and friends
            peer = plain_address(address[0])
            reason = self._acceptor.caps.admit(peer)
            if reason is not None:
                self._refuse(accepted, peer, reason)
                continue
            nursery.start_soon(self._serve, accepted, peer, address[1])

    def _refuse(self, accepted: trio.socket.SocketType, peer: str, reason: str) -> None:
        """Turn a peer away without spending anything on it."""
        self._acceptor.metrics.connections_refused.labels(self._name, reason).inc()
        log.info("connection refused", listener=self._name, peer=peer, reason=reason)
        with accepted:
            if self._refusal:
                with contextlib.suppress(OSError):
                    os.write(accepted.fileno(), self._refusal)  # non-blocking: never waits

    async def _serve(self, accepted: trio.socket.SocketType, peer: str, peer_port: int) -> None:
        """Run the handler; the one place that catches `Exception`."""
        acceptor = self._acceptor
        self._taken.inc()
        self._open.inc()
        connection_id = acceptor.next_id()
        structlog.contextvars.bind_contextvars(connection=connection_id, listener=self._name, peer=peer)
        try:
            local = accepted.getsockname()
            stream = trio.SocketStream(accepted)
            connection = Connection(
                stream=stream,
                peer=peer,
                peer_port=peer_port,
                local=plain_address(local[0]),
                local_port=local[1],
                id=connection_id,
                log=log,
                draining=acceptor.draining,
            )
            await self._handler(connection)
        except (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionError) as fault:
            log.debug("peer vanished", fault=repr(fault))
        except Exception:
            self._faults.inc()
            log.exception("fault in a connection")
        finally:
            accepted.close()
            self._open.dec()
            acceptor.caps.release(peer)
