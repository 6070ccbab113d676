"""HTTP on real connections: deadlines, limits and floods, HTTP/1.1 and HTTP/2."""

import gc
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing
from tests.support.http_peers import echo, half, raw, read_all, refuse
from tests.support.http_server import http_server
from tests.support.jmap_world import jmap_world
from tests.support.stores import a_message

from pymailcore.jmap.asgi import Event, Receive, Scope, Send
from pymailcore.jmap.settings import JmapSettings
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.serve import Connection
from pymailcore.web.server import HttpServer, build_config
from pymailcore.web.settings import HttpSettings

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


async def test_a_head_that_drips_ends_the_connection() -> None:
    """Slowloris: more octets win no time."""
    async with raw(echo) as stream:
        began = trio.current_time()
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n")

        async def drip() -> None:
            try:
                while True:
                    await stream.send_all(b"X-Drip: 1\r\n")
                    await trio.sleep(0.02)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip)
            assert await read_all(stream) == b""
            nursery.cancel_scope.cancel()
        assert trio.current_time() - began < 2


async def test_a_connection_that_says_nothing_ends() -> None:
    async with raw(echo) as stream:
        assert await read_all(stream) == b""


async def test_a_connection_is_kept_and_then_ends() -> None:
    async with raw(echo) as stream:
        for _ in range(3):
            await stream.send_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
            answer = bytes(await stream.receive_some(1000))
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.endswith(b"\r\n\r\nab"), "head and body of a small answer come in one segment"
        assert await read_all(stream) == b""


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_a_large_head_is_refused(octets: bytes) -> None:
    async with raw(echo, HttpSettings()) as stream:
        await stream.send_all(octets)
        assert (await read_all(stream)).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "octets",
    [
        b"\x16\x03\x01\x00\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 70_000,
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(octets: bytes) -> None:
    """Security notes, J9: request smuggling begins with what two servers read in two ways."""
    async with raw(echo) as stream:
        await stream.send_all(octets + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await read_all(stream)
        assert answer == b"" or answer[9:10] in {b"4", b"5"}, answer
        assert answer.count(b"HTTP/1.1 ") <= 1


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = b"POST / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        *(LENGTH + b"Content-Length: " + value + b"\r\n\r\nab" for value in (
            b"0x2", b"2,2,3", b"2;", b"2 2", b"\x0b2", b"2\x0b", b"1e1", b"", b"2_0", b"\xb2", b"9" * 30,
        )),
        *(LENGTH + b"Transfer-Encoding: " + value + b"\r\n\r\n0\r\n\r\n" for value in (
            b"identity", b"chunked, gzip", b"xchunked", b"chunked;q=1", b"\x0bchunked", b"chunked\x0b", b"",
            b'"chunked"',
            b"chunked\r\nTransfer-Encoding: identity", b"chunked\r\nTransfer-Encoding: chunked",
        )),
        *(CHUNKED + body for body in (
            b"0x1\r\na\r\n0\r\n\r\n", b"+1\r\na\r\n0\r\n\r\n", b"-1\r\na\r\n", b"1 1\r\na\r\n", b"1_0\r\n",
            b"f" * 30 + b"\r\n", b"\r\n", b"1\ra\r\n0\r\n\r\n", b"1\r\nab\r\n0\r\n\r\n",
            b"1;a\nb\r\na\r\n0\r\n\r\n", b"1\na\r\n0\r\n\r\n",
        )),
        *(b"GET / HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n\r\n" for line in (
            b"X\x00: y", b"X Y: z", b"X\t: y", b": y", b"no colon", b"X: a\rb", b"X\x7f: y", b"\xe9: y",
            b"Content-Length : 5", b"Content-Length\x0b: 5", b"Transfer-Encoding : chunked",
        )),
        b" GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n X: folded first\r\nHost: x\r\n\r\n",
        b"GET /\tx HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
        b"GET / http/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.10\r\nHost: x\r\n\r\n",
        b"GET / HTTP/2\r\nHost: x\r\n\r\n",
        b"GET /\r\nHost: x\r\n\r\n",
        b"GE\x00T / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\rHost: x\r\r",
    ],
)  # fmt: skip
async def test_what_could_be_read_in_two_ways_is_never_two_requests(octets: bytes) -> None:
    """Security notes, J9: what stands behind a doubtful request is not taken for the next one."""
    asked: list[str] = []

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(str(scope["path"]))
        await echo(scope, receive, send)

    async with raw(note) as stream:
        await stream.send_all(octets + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await read_all(stream)
    assert "/smuggled" not in asked
    assert answer == b"" or answer[9:10] == b"4" or answer[9:12] == b"501" or answer[9:12] == b"505", answer


@pytest.mark.parametrize(("fields", "status"), [(98, b"200"), (99, b"200"), (100, b"431"), (5_000, b"431")])
async def test_header_fields_are_counted(tmp_path: Path, fields: int, status: bytes) -> None:
    """A hundred with Host, by the dispatcher; more octets than a head may have, by hypercorn."""
    async with jmap_world(tmp_path) as world, raw(world.app, HttpSettings()) as stream:
        lines = b"".join(b"X-%d: y\r\n" % number for number in range(fields))
        await stream.send_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
        assert bytes(await stream.receive_some(1_000))[9:12] == status


class SlowLine(trio.abc.Stream):
    """A line that takes twenty seconds for each 64 KiB; what it has taken is in `taken`."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.taken = bytearray()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002
        if not self._request:
            await trio.sleep_forever()
        request, self._request = self._request, b""
        return request

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        for start in range(0, len(data), 65_536):
            await trio.sleep(20)  # of the clock that jumps
            self.taken += data[start : start + 65_536]

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_slow_reader_of_much_gets_it_all(autojump_clock: trio.testing.MockClock) -> None:
    """Found here: a large answer had the time of one piece, so a slow line never got it whole."""
    body = b"x" * 600_000

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    line = SlowLine(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    server = HttpServer(large, HttpSettings(write_seconds=30.0))
    connection = Connection(
        stream=line,  # type: ignore[arg-type]
        peer="127.0.0.1",
        peer_port=1,
        local="127.0.0.1",
        local_port=80,
        id="test",
        log=get_logger(),
        draining=trio.Event(),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(server.serve_connection, connection, implicit_tls=False))
        await trio.sleep(600)
        nursery.cancel_scope.cancel()
    assert line.taken.endswith(b"\r\n\r\n" + body)


async def test_two_hundred_idle_event_sources_are_small(tmp_path: Path) -> None:
    """Both ends of each connection are in this process, and all of it is counted."""
    settings = JmapSettings(max_event_sources=200)
    async with jmap_world(tmp_path, settings=settings) as world, http_server(world.app) as port:
        head = (
            b"GET /jmap/eventsource?types=*&closeafter=no&ping=0 HTTP/1.1\r\nHost: x\r\n"
            b"Authorization: Basic YW5uYUBleGFtcGxlLm9yZzpjb3JyZWN0IGhvcnNl\r\n\r\n"
        )
        async with AsyncExitStack() as stack:
            streams = []
            before = _resident_kib()
            for number in range(200):
                stream = await trio.open_tcp_stream("127.0.0.1", port)
                streams.append(await stack.enter_async_context(stream))
                await stream.send_all(head)
                assert bytes(await stream.receive_some(4_096)).startswith(b"HTTP/1.1 200")
                if number == 19:  # what the first ones bring with them is not per connection
                    before = _resident_kib()
            assert (_resident_kib() - before) / 180 < 96
            await world.deliver(a_message())
            for stream in streams:
                with trio.fail_after(5):
                    assert b"event: state" in bytes(await stream.receive_some(4_096))


def _resident_kib() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4


async def test_a_length_and_chunks_together_are_not_two_requests() -> None:
    """RFC 9112 section 6.3: Transfer-Encoding overrides Content-Length."""
    async with raw(echo) as stream:
        await stream.send_all(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n0\r\n\r\n"
        )
        answer = await read_all(stream)
        assert answer.count(b"HTTP/1.1 ") == 1
        assert answer.startswith(b"HTTP/1.1 400") or answer.endswith(b"abc")


async def test_an_early_answer_reaches_a_client_that_still_sends() -> None:
    async with raw(refuse, HttpSettings()) as stream:
        await stream.send_all(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + b"x" * 400_000
        )
        answer = await read_all(stream)
        assert answer.startswith(b"HTTP/1.1 413")
        assert answer.endswith(b"no!")


async def test_a_body_that_stops_is_a_408(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymailcore.jmap.asgi._BODY_START_SECONDS", 0.1)
    async with jmap_world(tmp_path) as world, raw(world.app) as stream:
        await stream.send_all(
            b"POST /jmap/api HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Basic YW5uYUBleGFtcGxlLm9yZzpjb3JyZWN0IGhvcnNl\r\nContent-Length: 50\r\n\r\n{"
        )
        assert (await read_all(stream)).startswith(b"HTTP/1.1 408")


async def test_a_reader_that_stops_is_dropped() -> None:
    ended = trio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(10_000):
                await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        finally:
            ended.set()

    async with raw(endless) as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with trio.fail_after(5):
            await ended.wait()


async def test_an_answer_that_breaks_over_http1_is_cut() -> None:
    async with raw(half) as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await read_all(stream)
        assert b"half" in answer
        assert not answer.endswith(b"0\r\n\r\n"), "the client can tell that it is not whole"


async def test_the_server_drains() -> None:
    """Idle connections end at once, a running answer is finished."""
    go_on = trio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await echo(scope, receive, send)

    draining = trio.Event()
    async with http_server(slow, HttpSettings(), draining=draining) as port:
        idle = await trio.open_tcp_stream("127.0.0.1", port)
        busy = await trio.open_tcp_stream("127.0.0.1", port)
        await busy.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await trio.sleep(0.05)
        draining.set()
        assert await read_all(idle) == b""
        go_on.set()
        assert (await read_all(busy)).startswith(b"HTTP/1.1 200")
        await idle.aclose()
        await busy.aclose()


def test_the_configuration_of_hypercorn_is_ours() -> None:
    config = build_config(HttpSettings())
    assert config.h11_max_incomplete_size == config.h2_max_header_list_size == 65_536
    assert config.include_server_header is False
    assert config.h2_max_concurrent_streams == 100


async def test_no_event_is_lost_between_app_and_wire() -> None:
    """A long answer in small pieces comes whole and in order."""

    async def pieces(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(500):
            event: Event = {"type": "http.response.body", "body": b"%06d" % number, "more_body": True}
            await send(event)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with http_server(pieces) as port, httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/")
        assert answer.content == b"".join(b"%06d" % number for number in range(500))
