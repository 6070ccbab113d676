"""HTTP behind the accept loop of the product: connections from one address."""

import trio
import trio.testing
from tests.support.http_peers import FAST, echo

from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.serve import Acceptor, serve_sockets
from pymailcore.runtime.settings import ServeSettings
from pymailcore.web.server import HttpServer

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"


async def test_an_address_has_so_many_http_connections_and_no_more() -> None:
    """J9 of the threat list: at the cap all are served, one more is turned away, and room comes back."""
    caps = ServeSettings(trusted_networks=(), connections_per_prefix_count=3, drain_seconds=0)
    acceptor = Acceptor(caps, Metrics())
    handler = HttpServer(echo, FAST).handler(implicit_tls=False)
    listening = trio.socket.socket()
    await listening.bind(("127.0.0.1", 0))
    listening.listen(16)
    port = int(listening.getsockname()[1])

    async def answer_on(stream: trio.SocketStream) -> bytes:
        with trio.fail_after(5):
            try:
                await stream.send_all(REQUEST)
                return bytes(await stream.receive_some(1000))
            except trio.BrokenResourceError:
                return b""

    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: serve_sockets(
            handler, [listening], acceptor, name="http", refusal=b"", task_status=task_status
        ))  # fmt: skip
        held = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(3)]
        for stream in held:
            assert (await answer_on(stream)).startswith(b"HTTP/1.1 200")
        async with await trio.open_tcp_stream("127.0.0.1", port) as fourth:
            assert await answer_on(fourth) == b""
        for stream in held:
            await stream.aclose()
        while acceptor.caps.count:
            await trio.testing.wait_all_tasks_blocked(0.01)
        async with await trio.open_tcp_stream("127.0.0.1", port) as again:
            assert (await answer_on(again)).startswith(b"HTTP/1.1 200")
        acceptor.draining.set()
