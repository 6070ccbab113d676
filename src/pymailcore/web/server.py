"""HTTP connections: hypercorn's protocols on our own streams, with a deadline for all that a peer can delay.

Standards: RFC 9112, RFC 9113, RFC 7301 (ALPN).

Theory of operation. `runtime.serve` accepts, counts connections by prefix and gives each a task; TLS contexts
are asked for at each handshake, so a reload reaches new connections; HTTP/2 is chosen by ALPN. hypercorn's
protocol objects do the rest; this driver stands where its `TCPServer` stood, because that one waits for ever
for a peer that stops reading, and gives a slow head as long as an idle connection.

Deadlines: the first octet of a request within `keep_alive_seconds` (of the first request: `header_seconds`),
its head within `header_seconds` of that octet; each piece written within `write_seconds`. The pace of bodies
is the business of who reads them (`HttpRequest.body`, Quart's BODY_TIMEOUT).
"""

import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState

from pymailcore.jmap.asgi import App
from pymailcore.runtime.claims import Claims
from pymailcore.runtime.serve import Connection
from pymailcore.web.h2 import PIECE_OCTETS, Bucket, GuardedH2, GuardedH11, now
from pymailcore.web.settings import HttpSettings

READ_OCTETS: Final = 65_536
ALPN: Final = ("h2", "http/1.1")
_LINGER_SECONDS: Final = 1.0
_LINGER_OCTETS: Final = 1_048_576


class Contexts(Protocol):
    """Where TLS contexts come from; `runtime.tls.TlsContexts` is one."""

    def server_for(self, *alpn: str) -> Any:  # noqa: ANN401 - ssl.SSLContext, which this module does not make
        """The server context in force."""
        ...


def build_config(settings: HttpSettings) -> Config:
    """Hypercorn's configuration: its own limits at ours, nothing logged by it, no banner."""
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = settings.max_head_octets
    config.h2_max_header_list_size = settings.max_head_octets
    config.h2_max_concurrent_streams = settings.max_streams
    config.keep_alive_max_requests = settings.max_requests
    config.ssl_handshake_timeout = settings.handshake_seconds
    config.keep_alive_timeout = settings.keep_alive_seconds
    config.websocket_max_message_size = 0
    return config


class HttpServer:
    """Serves an ASGI application on connections that `runtime.serve` accepts.

    Args:
        app: must not raise.
        tls: for listeners with implicit TLS.
    """

    def __init__(self, app: App, settings: HttpSettings, *, tls: Contexts | None = None) -> None:
        self._app = ASGIWrapper(cast(ASGIFramework, app))
        self._settings = settings
        self._config = build_config(settings)
        self._tls = tls
        self._claims = Claims()

    def handler(
        self, *, implicit_tls: bool, plaintext_login: bool = False
    ) -> Callable[[Connection], Awaitable[None]]:
        """Give the handler of one listener, for `serve_sockets`.

        Args:
            plaintext_login: whether passwords are taken over plain HTTP from other machines too.
        """

        async def handle(connection: Connection) -> None:
            await self.serve_connection(
                connection, implicit_tls=implicit_tls, plaintext_login=plaintext_login
            )

        return handle

    async def serve_connection(
        self, connection: Connection, *, implicit_tls: bool, plaintext_login: bool = False
    ) -> None:
        """Drive one connection to its end. Safe to cancel: open answers are cut, which their length tells."""
        stream: trio.SocketStream | trio.SSLStream[trio.SocketStream] = connection.stream
        protocol = ""
        if implicit_tls:
            if self._tls is None:
                raise ValueError("a listener with TLS, and no certificate")
            stream = trio.SSLStream(
                connection.stream, self._tls.server_for(*ALPN), server_side=True, https_compatible=True
            )
            try:
                with trio.fail_after(self._settings.handshake_seconds):
                    await stream.do_handshake()
            except (trio.BrokenResourceError, trio.TooSlowError):
                return
            protocol = stream.selected_alpn_protocol() or ""
        driver = _Driver(
            self._app,
            self._config,
            self._settings,
            connection,
            stream,
            tls=implicit_tls,
            claims=self._claims,
            state={"plaintext_login": plaintext_login},
        )
        await driver.run(http2=protocol == "h2")


class _Driver:
    """One connection."""

    def __init__(
        self,
        app: ASGIWrapper,
        config: Config,
        settings: HttpSettings,
        connection: Connection,
        stream: trio.SocketStream | trio.SSLStream[trio.SocketStream],
        *,
        tls: bool,
        claims: Claims,
        state: Mapping[str, object],
    ) -> None:
        self._app = app
        self._config = config
        self._settings = settings
        self._connection = connection
        self._stream = stream
        self._tls = tls
        self._claims = claims
        self._state = state
        self._context = WorkerContext(None)
        self._send_lock = trio.Lock()
        self._idle_since: float | None = None  # None while a request is being served
        self._head_since: float | None = None  # when the head that now arrives began
        self._idle_changed = trio.Event()
        self._closed = False
        self._read_ended = trio.Event()
        self._protocol: GuardedH11 | GuardedH2

    async def run(self, *, http2: bool) -> None:
        """Serve until either side ends the connection."""
        try:
            async with TaskGroup() as group:
                nursery = cast(trio.Nursery, group._nursery)  # noqa: SLF001 - made by its __aenter__
                self._protocol = self._make(group, http2=http2)
                self._head_since = trio.current_time()  # the first head is due from the start
                self._idle_since = self._head_since
                nursery.start_soon(self._watch_idle)
                nursery.start_soon(self._watch_drain)
                await self._protocol.initiate()
                await self._read()
                # The peer has closed its side: nobody waits for what is still being made.
                self._closed = True
                self._read_ended.set()
                await self._protocol.handle(Closed())
                nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(self._connection.stream)

    def _make(self, group: TaskGroup, *, http2: bool) -> GuardedH11 | GuardedH2:
        kind = GuardedH2 if http2 else GuardedH11
        made = kind(
            self._app,
            self._config,
            self._context,
            group,
            ConnectionState(dict(self._state)),
            self._tls,
            (self._connection.peer, self._connection.peer_port),
            (self._connection.local, self._connection.local_port),
            self._take,
        )
        if isinstance(made, GuardedH2):
            settings = self._settings
            made.guard(
                Bucket(settings.reset_burst, settings.resets_per_second, now),
                Bucket(settings.control_burst, settings.controls_per_second, now),
                settings.write_seconds,
            )
        return made

    async def _read(self) -> None:
        left, first = _LINGER_OCTETS, True
        while left > 0:
            try:
                octets = bytes(await self._stream.receive_some(READ_OCTETS))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            if not octets:
                return
            if first:
                self._claims.look(self._connection.peer, "http", octets)
                first = False
            if self._closed:
                left -= len(octets)
                continue
            if self._idle_since is not None and self._head_since is None:
                self._head_since = trio.current_time()
                self._idle_changed.set()
            await self._protocol.handle(RawData(data=octets))

    async def _take(self, event: Event) -> None:
        """What the protocol wants done."""
        if isinstance(event, RawData):
            await self._send(event.data)
        elif isinstance(event, Closed):
            self._closed = True
            await self._close()
        elif isinstance(event, Updated):
            self._idle_since = trio.current_time() if event.idle else None
            self._head_since = None
            self._idle_changed.set()

    async def _send(self, octets: bytes) -> None:
        async with self._send_lock:
            if self._closed:
                return
            try:
                # Shielded, so that an answer is not cut by the end of its own task; the deadline holds.
                with trio.CancelScope(shield=True):
                    # Each piece has a deadline of its own: a slow reader of much is not one that stopped.
                    for start in range(0, len(octets), PIECE_OCTETS):
                        with trio.fail_after(self._settings.write_seconds):
                            await self._stream.send_all(octets[start : start + PIECE_OCTETS])
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
                self._closed = True
                await trio.aclose_forcefully(self._stream)
                await self._protocol.handle(Closed())

    async def _watch_idle(self) -> None:
        """End the connection when a head is late or nothing comes at all."""
        while True:
            self._idle_changed = trio.Event()
            with trio.move_on_at(self._idle_deadline()):
                await self._idle_changed.wait()
                continue
            self._closed = True
            await self._protocol.handle(Closed())
            await self._close()
            return

    def _idle_deadline(self) -> float:
        if self._head_since is not None:
            return self._head_since + self._settings.header_seconds
        if self._idle_since is not None:
            return self._idle_since + self._settings.keep_alive_seconds
        return float("inf")

    async def _watch_drain(self) -> None:
        """When the server stops: end now if nothing is being served, else after the answer."""
        await self._connection.draining.wait()
        await self._context.terminated.set()
        if self._idle_since is not None:
            self._closed = True
            await self._protocol.handle(Closed())
            await self._close()

    async def _close(self) -> None:
        """Close so that a peer which still sends sees the answer and no reset (RFC 9112 section 9.6)."""
        transport = self._connection.stream
        with trio.move_on_after(_LINGER_SECONDS):
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await transport.send_eof()
                await self._read_ended.wait()
        await trio.aclose_forcefully(transport)


def inherited_socket(number: int) -> trio.socket.SocketType:
    """Take over a listening socket that the supervisor has bound and passed on."""
    inherited = socket.socket(fileno=number)
    inherited.setblocking(False)
    return trio.socket.from_stdlib_socket(inherited)
