"""Applications and clients for tests of HTTP connections, lawful or not."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import h2.config
import h2.connection
import h2.events
import trio
from tests.support.http_server import http_server

from pymailcore.jmap.asgi import App, Receive, Scope, Send
from pymailcore.web.settings import HttpSettings

FAST = HttpSettings(header_seconds=0.15, keep_alive_seconds=0.3, write_seconds=0.3, handshake_seconds=0.3)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and give it back."""
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return
        body += event.get("body", b"")  # type: ignore[arg-type]
        if not event.get("more_body"):
            break
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(body), "more_body": False})


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without reading."""
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"no!", "more_body": False})


async def read_all(stream: trio.abc.ReceiveStream, seconds: float = 3) -> bytes:
    """What comes until the end."""
    octets = bytearray()
    with trio.fail_after(seconds):
        try:
            async for piece in stream:
                octets += piece
        except trio.BrokenResourceError:
            pass
    return bytes(octets)


@asynccontextmanager
async def raw(app: App, settings: HttpSettings = FAST) -> AsyncIterator[trio.SocketStream]:
    """A connection to a server of an application."""
    async with http_server(app, settings) as port, await trio.open_tcp_stream("127.0.0.1", port) as stream:
        yield stream


async def half(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin to answer, then break."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("broken")


def trusting(*alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class H2Client:
    """An HTTP/2 client that does what it is told, lawful or not."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self.stream = stream
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.events: list[h2.events.Event] = []

    async def flush(self) -> None:
        await self.stream.send_all(self.h2.data_to_send())

    async def begin(self) -> None:
        self.h2.initiate_connection()
        await self.flush()

    def get(self, path: str = "/", *, end: bool = True) -> int:
        stream_id = self.h2.get_next_available_stream_id()
        headers = [(":method", "POST"), (":path", path), (":scheme", "https"), (":authority", "x")]
        self.h2.send_headers(stream_id, headers, end_stream=end)
        return stream_id

    async def until(
        self, done: Callable[[h2.events.Event], bool], seconds: float = 5
    ) -> h2.events.Event | None:
        """Read until an event; None when the server has closed."""
        with trio.fail_after(seconds):
            while True:
                try:
                    octets = bytes(await self.stream.receive_some(65_536))
                except trio.BrokenResourceError:
                    return None
                if not octets:
                    return None
                for event in self.h2.receive_data(octets):
                    self.events.append(event)
                    if isinstance(event, h2.events.DataReceived):
                        self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
                    if done(event):
                        return event
                await self.flush()
