"""HTTP on real connections: deadlines, limits and floods, HTTP/1.1 and HTTP/2."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
import httpx
import pytest
import trio
from tests.support.http_server import http_server
from tests.support.jmap_world import PASSWORD, USING, jmap_world

from pymailcore.jmap.asgi import App, Event, Receive, Scope, Send
from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import TlsContexts
from pymailcore.web.server import build_config
from pymailcore.web.settings import HttpSettings

FAST = HttpSettings(header_seconds=0.15, keep_alive_seconds=0.3, write_seconds=0.3, handshake_seconds=0.3)
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


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


async def half(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin to answer, then break."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("broken")


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


# --- TLS and HTTP/2 -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsContexts:
    """A self-signed certificate."""
    return TlsContexts(load_material(TlsSettings(), tmp_path_factory.mktemp("tls"), "localhost"))


def trusting(*alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


@pytest.mark.parametrize("http2", [True, False])
async def test_the_whole_way_over_tls(tmp_path: Path, tls: TlsContexts, http2: bool) -> None:
    """Sign in by cookie, ask, many at once: the way of a browser."""
    async with jmap_world(tmp_path) as world, http_server(world.app, tls=tls) as port:
        base = f"https://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, verify=trusting(), http2=http2) as client:
            form = {"address": "anna@example.org", "password": PASSWORD}
            answer = await client.post("/login", data=form, headers={"origin": base})
            assert (answer.status_code, answer.http_version) == (303, "HTTP/2" if http2 else "HTTP/1.1")
            assert "__Host-session" in client.cookies
            statuses: list[int] = []

            async def ask() -> None:
                body = {
                    "using": USING,
                    "methodCalls": [["Mailbox/get", {"accountId": world.account_id}, "0"]],
                }
                statuses.append(
                    (await client.post("/jmap/api", json=body, headers={"origin": base})).status_code
                )

            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(ask)
            assert statuses == [200] * 8
            large = await client.post(
                "/jmap/upload/" + world.account_id, content=b"x" * 3_000_000, headers={"origin": base}
            )
            blob = large.json()["blobId"]
            found = await client.get(f"/jmap/download/{world.account_id}/{blob}/x")
            assert found.content == b"x" * 3_000_000


async def test_a_peer_that_never_shakes_hands_is_dropped(tls: TlsContexts) -> None:
    async with http_server(echo, FAST, tls=tls) as port:
        for first in (b"", b"GET / HTTP/1.1\r\n\r\n"):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                if first:
                    await stream.send_all(first)
                await read_all(stream)


async def test_a_new_certificate_reaches_new_connections(tmp_path: Path) -> None:
    contexts = TlsContexts(load_material(TlsSettings(), tmp_path / "a", "localhost"))
    seen = []
    async with http_server(echo, FAST, tls=contexts) as port:
        for folder in ("a", "b"):
            contexts.reload(load_material(TlsSettings(), tmp_path / folder, "localhost"))
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            secure = trio.SSLStream(stream, trusting())
            await secure.do_handshake()
            seen.append(secure.getpeercert(binary_form=True))
            await trio.aclose_forcefully(secure)
    assert seen[0] != seen[1]


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


@asynccontextmanager
async def h2_client(
    app: App, tls: TlsContexts, settings: HttpSettings | None = None
) -> AsyncIterator[H2Client]:
    async with http_server(app, settings or HttpSettings(), tls=tls) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        secure = trio.SSLStream(stream, trusting("h2"), server_hostname="localhost")
        await secure.do_handshake()
        assert secure.selected_alpn_protocol() == "h2"
        client = H2Client(secure)
        await client.begin()
        yield client
        await trio.aclose_forcefully(secure)


def ended(event: h2.events.Event) -> bool:
    return isinstance(event, h2.events.StreamEnded | h2.events.StreamReset)


def goaway(event: h2.events.Event) -> bool:
    return isinstance(event, h2.events.ConnectionTerminated)


async def test_a_streaming_body_that_breaks_does_not_hang(tls: TlsContexts) -> None:
    """Hypercorn leaves the stream open for ever; here the client is told."""
    async with h2_client(half, tls) as client:
        client.get()
        await client.flush()
        event = await client.until(ended)
        assert isinstance(event, h2.events.StreamReset)
        assert event.error_code == h2.errors.ErrorCodes.INTERNAL_ERROR
        client.get()
        await client.flush()
        assert await client.until(ended), "the connection goes on"


async def test_an_early_answer_while_the_body_still_comes(tls: TlsContexts) -> None:
    """Hypercorn raises KeyError on DATA for a stream that it has answered."""
    async with h2_client(refuse, tls) as client:
        stream_id = client.get(end=False)
        client.h2.send_data(stream_id, b"x" * 10_000)
        await client.flush()
        await client.until(lambda event: isinstance(event, h2.events.StreamEnded))
        with pytest.MonkeyPatch.context(), suppress(h2.exceptions.ProtocolError):
            client.h2.send_data(stream_id, b"x" * 10_000)
        await client.flush()
        other = client.get()
        await client.flush()
        event = await client.until(
            lambda event: isinstance(event, h2.events.StreamEnded) and event.stream_id == other
        )
        assert event is not None


async def test_rapid_reset_ends_the_connection(tls: TlsContexts) -> None:
    """CVE-2023-44487."""
    started = 0

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal started
        started += 1
        await trio.sleep_forever()

    settings = replace(HttpSettings(), reset_burst=20, resets_per_second=1)
    async with h2_client(counted, tls, settings) as client:
        for _ in range(200):
            stream_id = client.get()
            client.h2.reset_stream(stream_id)
        await client.flush()
        event = await client.until(goaway)
        assert isinstance(event, h2.events.ConnectionTerminated)
        assert event.error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
        assert started <= 22


@pytest.mark.parametrize("count", [19, 20])
async def test_resets_within_the_budget_do_no_harm(tls: TlsContexts, count: int) -> None:
    settings = replace(HttpSettings(), reset_burst=20, resets_per_second=0.001)
    async with h2_client(echo, tls, settings) as client:
        for _ in range(count):
            client.h2.reset_stream(client.get())
        last = client.get()
        await client.flush()
        event = await client.until(
            lambda event: isinstance(event, h2.events.StreamEnded) and event.stream_id == last
        )
        assert event is not None


@pytest.mark.parametrize("kind", ["ping", "settings"])
async def test_a_flood_of_control_frames_ends_the_connection(tls: TlsContexts, kind: str) -> None:
    """CVE-2019-9512, CVE-2019-9515."""
    async with h2_client(echo, tls, replace(HttpSettings(), control_burst=50)) as client:
        for number in range(500):
            if kind == "ping":
                client.h2.ping(b"%08d" % number)
            else:
                client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 65_535 + number})
        await client.flush()
        event = await client.until(goaway)
        assert isinstance(event, h2.events.ConnectionTerminated)


async def test_priorities_of_streams_that_are_not_cost_nothing(tls: TlsContexts) -> None:
    """Hypercorn's priority tree raises when it holds a thousand."""
    async with h2_client(echo, tls) as client:
        for number in range(3_000):
            client.h2.prioritize(2 * number + 101, weight=7)
        await client.flush()
        last = client.get()
        await client.flush()
        assert await client.until(lambda event: ended(event) and event.stream_id == last)  # type: ignore[attr-defined]


async def test_streams_at_one_time_are_limited(tls: TlsContexts) -> None:
    async with h2_client(echo, tls, replace(HttpSettings(), max_streams=5)) as client:
        await client.until(lambda event: isinstance(event, h2.events.RemoteSettingsChanged))
        assert client.h2.remote_settings.max_concurrent_streams == 5
        client.h2.remote_settings.update({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 100})
        client.h2.remote_settings.acknowledge()
        for _ in range(6):
            client.get(end=False)
        await client.flush()
        assert isinstance(await client.until(goaway), h2.events.ConnectionTerminated)


@pytest.mark.parametrize("path", ["/\xff", "*", "x"])
async def test_a_strange_path_harms_its_own_stream_only(tls: TlsContexts, path: str) -> None:
    async with h2_client(echo, tls) as client:
        client.h2.config.validate_outbound_headers = False
        client.get(path)
        await client.flush()
        await client.until(ended)
        other = client.get()
        await client.flush()
        event = await client.until(lambda event: ended(event) and event.stream_id == other)  # type: ignore[attr-defined]
        assert isinstance(event, h2.events.StreamEnded)


async def test_an_idle_http2_connection_ends(tls: TlsContexts) -> None:
    async with h2_client(echo, tls, FAST) as client:
        assert await client.until(lambda _: False) is None


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
