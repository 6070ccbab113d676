"""The accept loop on real loopback sockets."""

import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import structlog
import trio

from pymailcore.runtime.metrics import Metrics, page
from pymailcore.runtime.serve import Acceptor, Connection, serve_sockets
from pymailcore.runtime.settings import ServeSettings


async def listening() -> trio.socket.SocketType:
    sock = trio.socket.socket()
    await sock.bind(("127.0.0.1", 0))
    sock.listen(64)
    return sock


class Running:
    """An accept loop under test."""

    def __init__(self, sock: trio.socket.SocketType, acceptor: Acceptor) -> None:
        self.acceptor = acceptor
        self.port: int = sock.getsockname()[1]
        self.ended = trio.Event()
        self.sock = sock
        self.streams: list[trio.SocketStream] = []

    async def connect(self) -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        self.streams.append(stream)
        return stream

    def close(self) -> None:
        for stream in self.streams:
            stream.socket.close()
        self.sock.close()


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start(nursery: trio.Nursery) -> AsyncIterator[Start]:
    made: list[Running] = []

    async def begin(
        handler: Callable[[Connection], Awaitable[None]],
        settings: ServeSettings | None = None,
        sock: trio.socket.SocketType | None = None,
    ) -> Running:
        sock = sock or await listening()
        running = Running(sock, Acceptor(settings or ServeSettings(), Metrics()))
        made.append(running)

        async def run(task_status: trio.TaskStatus[None]) -> None:
            await serve_sockets(
                handler,
                [sock],
                running.acceptor,
                name="test",
                refusal=b"421 no room\r\n",
                task_status=task_status,
            )
            running.ended.set()

        await nursery.start(run)
        return running

    yield begin
    nursery.cancel_scope.cancel()
    for running in made:
        running.close()


async def echo(connection: Connection) -> None:
    async for octets in connection.stream:
        await connection.stream.send_all(octets)


async def read_all(stream: trio.SocketStream) -> bytes:
    octets = b""
    try:
        async for piece in stream:
            octets += piece
    except trio.BrokenResourceError:
        pass
    return octets


async def test_a_connection_knows_both_its_ends(start: Start) -> None:
    seen: list[Connection] = []

    async def handler(connection: Connection) -> None:
        seen.append(connection)
        assert connection.stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert structlog.contextvars.get_contextvars()["connection"] == connection.id

    running = await start(handler)
    for _ in range(2):
        async with await running.connect() as stream:
            assert await read_all(stream) == b""
    assert {(c.peer, c.local, c.local_port) for c in seen} == {("127.0.0.1", "127.0.0.1", running.port)}
    assert seen[0].id != seen[1].id


async def test_a_fault_ends_its_own_connection_only(start: Start) -> None:
    async def handler(connection: Connection) -> None:
        async for octets in connection.stream:
            if octets == b"fault":
                raise ZeroDivisionError
            await connection.stream.send_all(octets)

    running = await start(handler)
    healthy, faulty = await running.connect(), await running.connect()
    await faulty.send_all(b"fault")
    assert await read_all(faulty) == b""
    await healthy.send_all(b"still here")
    assert await healthy.receive_some() == b"still here"
    assert 'pymailcore_faults_total{listener="test"} 1.0' in page([running.acceptor.metrics.snapshot()])


async def test_a_vanishing_peer_is_no_fault(start: Start) -> None:
    gone = trio.Event()

    async def handler(connection: Connection) -> None:
        try:
            raise trio.BrokenResourceError
        finally:
            gone.set()

    running = await start(handler)
    async with await running.connect() as stream:
        assert await read_all(stream) == b""
    await gone.wait()
    assert 'faults_total{listener="test"} 0.0' in page([running.acceptor.metrics.snapshot()])


async def test_caps_at_n_minus_1_n_and_n_plus_1(start: Start) -> None:
    running = await start(echo, ServeSettings(connections_per_prefix_count=3, trusted_networks=()))
    streams = []
    for number in range(3):
        streams.append(await running.connect())
        await streams[-1].send_all(b"%d" % number)
        assert await streams[-1].receive_some() == b"%d" % number
    assert await read_all(await running.connect()) == b"421 no room\r\n"
    await streams[0].send_eof()
    assert await read_all(streams[0]) == b""
    while running.acceptor.caps.count == 3:
        await trio.lowlevel.checkpoint()
    again = await running.connect()
    await again.send_all(b"x")
    assert await again.receive_some() == b"x"
    assert 'refused_total{listener="test",reason="prefix"} 1.0' in page([running.acceptor.metrics.snapshot()])


class FullTable:
    """A listening socket of a process that has no file descriptor left, once."""

    def __init__(self, inner: trio.socket.SocketType, code: int) -> None:
        self.inner = inner
        self.code = code
        self.calls = 0

    def getsockname(self) -> object:
        return self.inner.getsockname()

    def close(self) -> None:
        self.inner.close()

    async def accept(self) -> tuple[trio.socket.SocketType, object]:
        self.calls += 1
        if self.calls == 1:
            raise OSError(self.code, "no luck")
        return await self.inner.accept()


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ECONNABORTED])
async def test_accepting_goes_on_after_trouble(start: Start, code: int) -> None:
    running = await start(echo, sock=FullTable(await listening(), code))
    before = trio.current_time()
    async with await running.connect() as stream:
        await stream.send_all(b"x")
        assert await stream.receive_some() == b"x"
    if code != errno.ECONNABORTED:
        assert trio.current_time() - before >= 0.09, "it backs off instead of spinning"


async def test_draining_stops_accepting_and_waits_for_what_was_promised(start: Start) -> None:
    finish = trio.Event()

    async def handler(connection: Connection) -> None:
        await connection.stream.send_all(b"hello")
        await connection.draining.wait()
        await finish.wait()
        await connection.stream.send_all(b"done")

    running = await start(handler)
    stream = await running.connect()
    assert await stream.receive_some() == b"hello"
    running.acceptor.draining.set()
    await trio.testing.wait_all_tasks_blocked()
    assert not running.ended.is_set()
    finish.set()
    assert await read_all(stream) == b"done"
    await running.ended.wait()


async def test_draining_has_an_end(start: Start) -> None:
    async def handler(connection: Connection) -> None:
        await trio.sleep_forever()

    running = await start(handler, ServeSettings(drain_seconds=0.0))
    stream = await running.connect()
    while not running.acceptor.caps.count:
        await trio.lowlevel.checkpoint()
    running.acceptor.draining.set()
    await running.ended.wait()
    assert await read_all(stream) == b""
    assert running.acceptor.caps.count == 0
