"""A flood of connections from one network, beside one honest client (S11)."""

import functools
import time

import pytest
import trio
from tests.support.said import Say

from pymailcore.runtime.metrics import Metrics, page
from pymailcore.runtime.serve import Acceptor, Connection, serve_sockets
from pymailcore.runtime.settings import ServeSettings

REFUSAL = b"421 4.7.0 Too many connections, come again later\r\n"


async def echo(connection: Connection) -> None:
    async for octets in connection.stream:
        await connection.stream.send_all(octets)


async def connect(port: int, source: str) -> trio.SocketStream:
    """Connect from an address of our own choice on loopback."""
    client = trio.socket.socket()
    await client.bind((source, 0))
    await client.connect(("127.0.0.1", port))
    return trio.SocketStream(client)


@pytest.mark.parametrize("flood", [2_000, pytest.param(10_000, marks=pytest.mark.long)])
async def test_a_network_that_floods_shuts_out_itself_only(
    nursery: trio.Nursery, say: Say, flood: int
) -> None:
    """Connections from a /21: 30 of an address, 90 of a /26, 270 of the /21 are held; 421 for the rest.

    The refused cost neither TLS nor a task, so an honest client elsewhere is served at once.
    """
    listening = trio.socket.socket()
    await listening.bind(("127.0.0.1", 0))
    listening.listen(1_024)
    port = int(listening.getsockname()[1])
    settings = ServeSettings(trusted_networks=(), new_per_minute_count=1_000_000)
    acceptor = Acceptor(settings, Metrics())
    await nursery.start(
        functools.partial(serve_sockets, echo, [listening], acceptor, name="mx", refusal=REFUSAL)
    )
    held: list[trio.SocketStream] = []
    waits: list[float] = []
    for number in range(flood):
        # 8 networks of /24 with 250 addresses, in turn: of the first 2,000 each address comes once
        stream = await connect(port, f"127.0.{number // 250 % 8}.{number % 250 + 1}")
        held.append(stream)
        if number % 100 == 99:
            began = time.monotonic()
            async with await connect(port, "127.200.0.1") as honest:
                await honest.send_all(b"x")
                assert await honest.receive_some() == b"x"
            waits.append(time.monotonic() - began)
    with trio.move_on_after(5):
        while acceptor.caps.count > 270:  # until the honest one's end was seen
            await trio.lowlevel.checkpoint()
    assert acceptor.caps.count == 270
    assert f'refused_total{{listener="mx",reason="prefix"}} {flood - 270}.0' in page(
        [acceptor.metrics.snapshot()]
    )
    assert await held[-1].receive_some() == REFUSAL
    say(f"S11: {flood} connections, the honest client waited {max(waits):.3f} s at most")
    assert max(waits) < 2
    nursery.cancel_scope.cancel()
    listening.close()
    for stream in held:
        stream.socket.close()
