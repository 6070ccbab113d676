"""The HTTP server on a real port, as the accept loop of the product runs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from pymailcore.jmap.asgi import App
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.serve import Connection
from pymailcore.web.server import Contexts, HttpServer
from pymailcore.web.settings import HttpSettings


@asynccontextmanager
async def http_server(
    app: App,
    settings: HttpSettings | None = None,
    *,
    tls: Contexts | None = None,
    draining: trio.Event | None = None,
) -> AsyncIterator[int]:
    """Serve an application on a port of this machine; gives the port."""
    server = HttpServer(app, settings or HttpSettings(), tls=tls)
    stop = trio.Event() if draining is None else draining
    handle_connection = server.handler(implicit_tls=tls is not None)

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            address = stream.socket.getpeername()
            await handle_connection(
                Connection(
                    stream=stream,
                    peer=address[0],
                    peer_port=address[1],
                    local="127.0.0.1",
                    local_port=80,
                    id="test",
                    log=get_logger(),
                    draining=stop,
                )
            )

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield int(listeners[0].socket.getsockname()[1])
        nursery.cancel_scope.cancel()
