"""The accept loop: connections in, one task each, no more than there is room for.

Theory of operation. All front workers accept on the same inherited sockets, so whoever is free takes the
next connection. This module is the only place that catches `Exception`: a fault in one conversation is logged
with the connection's id and ends that conversation, never its siblings. Shutdown: `draining` is set;
accepting stops at once; handlers, who can watch `Connection.draining`, get `drain_seconds` to finish what
they promised, then they are cancelled.
"""

import contextlib
import errno
import ipaddress
import itertools
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
import trio

from pymailcore.runtime.caps import ConnectionCaps, plain_address
from pymailcore.runtime.logs import Logger, get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.proxy_protocol import BadProxyHeader, ProxyHeader
from pymailcore.runtime.settings import ServeSettings

_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_NO_ROOM_SECONDS: Final = 0.1
_PROXY_SECONDS: Final = 5.0
LOCAL_PEER: Final = "127.0.0.1"
"""What a peer that came through a Unix socket counts as."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

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
    balancers: Sequence[Network] | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept on listening sockets until the acceptor drains; return when the last connection has ended.

    Args:
        handler: drives one connection; runs in a task of its own.
        sockets: listening and non-blocking; they are closed as soon as draining begins.
        name: of the listener, in logs and metrics.
        refusal: what a peer without room is told, in clear, before it is closed ("421 …").
        balancers: networks of load balancers, whose connections begin with the PROXY protocol; all others are
            closed. None where nobody speaks it.
    """
    listener = _Listener(handler, acceptor, name, refusal, balancers)
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
    def __init__(
        self,
        handler: Handler,
        acceptor: Acceptor,
        name: str,
        refusal: bytes,
        balancers: Sequence[Network] | None,
    ) -> None:
        self._balancers = balancers
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
            # Who speaks through a Unix socket is on this machine; such a peer has no address.
            host, port = address[:2] if address else (LOCAL_PEER, 0)
            peer = plain_address(host)
            reason = self._acceptor.caps.admit(peer)
            if reason is not None:
                self._refuse(accepted, peer, reason)
                continue
            nursery.start_soon(self._serve, accepted, peer, port)

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
        behind = ""
        try:
            local = accepted.getsockname() if accepted.family != socket.AF_UNIX else (LOCAL_PEER, 0)
            if self._balancers is not None:
                behind, peer_port = await self._read_proxy_header(accepted, peer, peer_port)
                if not behind:
                    return
            stream = trio.SocketStream(accepted)
            connection = Connection(
                stream=stream,
                peer=behind or peer,
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
            if behind and behind != peer:
                acceptor.caps.release(behind)

    async def _read_proxy_header(
        self, accepted: trio.socket.SocketType, peer: str, peer_port: int
    ) -> tuple[str, int]:
        """Give the client that a load balancer speaks for, counted; "" when the connection is to end."""
        address = ipaddress.ip_address(peer)
        if not any(address in network for network in self._balancers or ()):
            log.warning("no load balancer of ours", listener=self._name)
            return "", 0
        header = ProxyHeader()
        try:
            with trio.fail_after(_PROXY_SECONDS):
                while header.wanted_octets:
                    header.receive(await accepted.recv(header.wanted_octets))
        except (BadProxyHeader, trio.TooSlowError) as fault:
            log.warning("no PROXY header", listener=self._name, fault=str(fault))
            return "", 0
        if header.client is None:
            return peer, peer_port
        behind = plain_address(header.client[0])
        structlog.contextvars.bind_contextvars(peer=behind, balancer=peer)
        if behind != peer and (reason := self._acceptor.caps.admit(behind)) is not None:
            self._acceptor.metrics.connections_refused.labels(self._name, reason).inc()
            log.info("connection refused", listener=self._name, peer=behind, reason=reason)
            return "", 0
        return behind, header.client[1]
