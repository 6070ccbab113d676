"""HTTP over TLS on real connections: deadlines, limits and floods of HTTP/2."""

from collections.abc import AsyncIterator
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
from tests.support.http_peers import FAST, H2Client, echo, half, read_all, refuse, trusting
from tests.support.http_server import http_server
from tests.support.jmap_world import PASSWORD, USING, jmap_world

from pymailcore.jmap.asgi import App, Receive, Scope, Send
from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import TlsContexts
from pymailcore.web.settings import HttpSettings

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsContexts:
    """A self-signed certificate."""
    return TlsContexts(load_material(TlsSettings(), tmp_path_factory.mktemp("tls"), "localhost"))


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


@pytest.mark.parametrize("octets", [100, 1_000_000])
async def test_a_peer_that_opens_no_window_is_not_waited_for(tls: TlsContexts, octets: int) -> None:
    """Slow read (CVE-2016-1546, CVE-2019-9511): found here, the answer was held for ever."""
    ended_app = trio.Event()

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x" * octets, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        ended_app.set()

    settings = replace(HttpSettings(), write_seconds=0.05)
    async with h2_client(large, tls, settings) as client:
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        client.get()
        await client.flush()
        event = await client.until(ended)
        assert isinstance(event, h2.events.StreamReset)
        with trio.fail_after(5):
            await ended_app.wait()
        # Only that stream ends, and one that opens its window has its answer.
        other = client.get()
        client.h2.increment_flow_control_window(octets * 3, other)
        client.h2.increment_flow_control_window(octets * 3)
        await client.flush()
        event = await client.until(lambda event: ended(event) and event.stream_id == other)  # type: ignore[attr-defined]
        assert isinstance(event, h2.events.StreamEnded)


async def test_a_flood_of_continuations_ends_the_connection(tls: TlsContexts) -> None:
    """CVE-2024-27316: a header block that never ends."""
    async with h2_client(echo, tls) as client:
        block = client.h2.encoder.encode([(":method", "GET"), (":path", "/"), (":scheme", "https")])
        await client.stream.send_all(_frame(1, 0, 1, block))
        with suppress(trio.BrokenResourceError):
            for _ in range(300):
                await client.stream.send_all(_frame(9, 0, 1, b"\x00\x01a\x01b" * 100))
        assert await client.until(lambda _: False) is None


async def test_a_header_bomb_is_not_unpacked(tls: TlsContexts) -> None:
    """HPACK: one octet refers to a large field of the table; a thousand of them are megabytes."""
    async with h2_client(echo, tls) as client:
        large = [("x-large", "y" * 3_000)]
        fields = [(":method", "GET"), (":path", "/"), (":scheme", "https"), (":authority", "x")]
        client.h2.config.validate_outbound_headers = False
        stream_id = client.h2.get_next_available_stream_id()
        client.h2.send_headers(stream_id, fields + large * 1_000, end_stream=True)
        await client.flush()
        event = await client.until(lambda event: ended(event) or goaway(event))
        assert event is None or not isinstance(event, h2.events.StreamEnded)


def _frame(kind: int, flags: int, stream_id: int, octets: bytes) -> bytes:
    return len(octets).to_bytes(3, "big") + bytes([kind, flags]) + stream_id.to_bytes(4, "big") + octets
