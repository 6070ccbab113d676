"""A proxy before PostgreSQL that cuts connections where a test wants it."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final
from urllib.parse import unquote, urlsplit

import trio
from tests.support.postgres import ROLE

PASS: Final = "pass"
DROP: Final = "drop"
"""Cut, without passing these octets on."""
SEND_AND_CUT: Final = "send and cut"
"""Pass them on and cut before the server's answer."""
CUT_AND_SEND_LATER: Final = "cut and send later"
"""Cut the client off at once; the server gets the octets when `later` is set, and then its end, too."""


class Proxy:
    """Listens on a loopback port.

    Attributes:
        watch: decides about octets from the client.
        closed: new connections are refused.
        later: see CUT_AND_SEND_LATER.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._socket = unquote(parts.query.removeprefix("host=")) + "/.s.PGSQL.5432"
        self._name = parts.path
        self.port = 0
        self.watch: Callable[[bytes], str] = lambda _: PASS
        self.closed = False
        self.later = trio.Event()
        self.connections = 0
        self._scopes: set[trio.CancelScope] = set()

    @property
    def url(self) -> str:
        """The database by this way."""
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}{self._name}?sslmode=disable"

    def cut(self) -> None:
        """Cut all connections."""
        for scope in list(self._scopes):
            scope.cancel()

    async def serve(self, client: trio.SocketStream) -> None:
        """Carry one connection."""
        if self.closed:
            await client.aclose()
            return
        self.connections += 1
        server = await trio.open_unix_socket(self._socket)
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            async with client, server, trio.open_nursery() as nursery:
                nursery.start_soon(self._back, server, client, scope)
                await self._forth(client, server)
                scope.cancel()
        self._scopes.discard(scope)

    async def _back(
        self, server: trio.SocketStream, client: trio.SocketStream, scope: trio.CancelScope
    ) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for octets in server:
                await client.send_all(octets)
        scope.cancel()

    async def _forth(self, client: trio.SocketStream, server: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for octets in client:
                verdict = self.watch(bytes(octets))
                if verdict == DROP:
                    return
                if verdict == CUT_AND_SEND_LATER:
                    await client.aclose()
                    with trio.CancelScope(shield=True), trio.move_on_after(10):
                        await self.later.wait()
                        await server.send_all(octets)
                        await trio.sleep(0.05)  # the server has to have read it before it reads the end
                    return
                await server.send_all(octets)
                if verdict == SEND_AND_CUT:
                    return


@contextlib.asynccontextmanager
async def proxying(target: str) -> AsyncIterator[Proxy]:
    """Run a proxy before a database of `tests.support.postgres`."""
    proxy = Proxy(target)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        proxy.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, proxy.serve, listeners)
        yield proxy
        nursery.cancel_scope.cancel()
