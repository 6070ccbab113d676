"""RFC 8620 section 7.3: the event source."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
import trio
import trio.testing
from tests.support.directories import address
from tests.support.jmap_world import HOST, JmapWorld, basic
from tests.support.stores import a_message

from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.directory.accounts import Changed
from pymailcore.directory.actors import Actor
from pymailcore.directory.types import Principal
from pymailcore.jmap.asgi import Event, HttpRequest
from pymailcore.jmap.eventsource import CHECK_SECONDS, EventStream, Wishes
from pymailcore.jmap.settings import JmapSettings
from pymailcore.runtime.hub import ChangeHub
from pymailcore.store.types import States


class Listener:
    """An open event source, read frame by frame."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.leave = trio.Event()
        self.ended = trio.Event()
        self._frames_in, self._frames = trio.open_memory_channel[bytes](100)

    async def receive(self) -> Event:
        """The body is empty; then nothing until the client leaves."""
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: Event) -> None:
        """Keep what the server sends."""
        await trio.lowlevel.checkpoint()
        if event["type"] == "http.response.start":
            self.status = int(event["status"])  # type: ignore[call-overload]
            self.headers = dict(event["headers"])  # type: ignore[call-overload]
        else:
            body: Any = event.get("body", b"")
            if body:
                self._frames_in.send_nowait(body)
            if not event.get("more_body"):
                self._frames_in.close()

    async def frame(self) -> tuple[str, Any, str]:
        """The next event: name, data, id."""
        with trio.fail_after(5):
            lines = (await self._frames.receive()).decode().strip().split("\n")
        fields = dict(line.split(": ", 1) for line in lines)
        return fields["event"], orjson.loads(fields["data"]), fields.get("id", "")

    async def end(self) -> None:
        """Wait until the server has ended the stream."""
        with trio.fail_after(5):
            async for _ in self._frames:
                pass


@asynccontextmanager
async def listening(
    world: JmapWorld, query: str = "types=*&closeafter=no&ping=0", **headers: str
) -> AsyncIterator[Listener]:
    """Open an event source as Anna."""
    listener = Listener()
    given = {"host": HOST, **(headers or basic(world.anna.name))}
    scope = {
        "type": "http", "method": "GET", "path": "/jmap/eventsource", "query_string": query.encode(),
        "scheme": "http", "client": ("127.0.0.1", 1), "state": {},
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.app, scope, listener.receive, listener.send)
        await trio.testing.wait_all_tasks_blocked(0.02)
        yield listener
        listener.leave.set()


async def test_a_change_is_told_with_its_states(world: JmapWorld) -> None:
    async with listening(world) as listener:
        assert listener.status == 200
        assert listener.headers[b"content-type"].startswith(b"text/event-stream")
        await world.deliver(a_message())
        name, data, event_id = await listener.frame()
        assert (name, data["@type"]) == ("state", "StateChange")
        changed = data["changed"][world.account_id]
        assert set(changed) == {"Email", "Mailbox", "Thread"}
        assert changed["Email"] == (await world.call("Email/get", ids=[]))["state"]
        assert event_id.count(".") == 4


async def test_only_the_types_asked_for(world: JmapWorld) -> None:
    async with listening(world, "types=Mailbox,None&closeafter=no&ping=0") as listener:
        await world.deliver(a_message())
        _, data, _ = await listener.frame()
        assert set(data["changed"][world.account_id]) == {"Mailbox"}


async def test_nobody_is_told_of_the_mail_of_another(world: JmapWorld) -> None:
    async with listening(world) as listener:
        await world.deliver(a_message(), account=world.ben)
        await world.deliver(a_message())
        _, data, _ = await listener.frame()
        assert list(data["changed"]) == [world.account_id]


async def test_it_closes_after_a_state_when_asked(world: JmapWorld) -> None:
    async with listening(world, "types=*&closeafter=state&ping=0") as listener:
        await world.deliver(a_message())
        await listener.frame()
        await listener.end()


async def test_it_ends_when_the_server_drains(world: JmapWorld) -> None:
    async with listening(world) as listener:
        world.draining.set()
        await listener.end()


async def test_it_ends_when_the_account_may_not_stay_signed_in(world: JmapWorld) -> None:
    """Its sign-in is not asked for again: that would count as an attempt that failed."""
    async with listening(world) as listener:
        assert len(world.directory.presence) == 1
        await world.directory.accounts.set(
            Actor.operator("root"), address(world.anna.name), Changed(state="suspended")
        )
        assert await world.directory.presence.review() == 1
        with trio.fail_after(CHECK_SECONDS / 2):
            await listener.end()
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert len(world.directory.presence) == 0


async def test_what_was_missed_is_told_at_once(world: JmapWorld) -> None:
    """Last-Event-ID of the event stream format."""
    async with listening(world) as listener:
        await world.deliver(a_message())
        _, _, event_id = await listener.frame()
    headers = {**basic(world.anna.name), "last_event_id": event_id}
    async with listening(world, **headers) as listener:
        await world.deliver(a_message())
        await listener.frame()
    async with listening(world, **headers) as listener:
        _, data, _ = await listener.frame()
        assert "Email" in data["changed"][world.account_id]


async def test_it_ends_with_the_session(world: JmapWorld) -> None:
    token = await world.directory.create_session(world.anna.id, user_agent="", peer="")
    async with listening(world, cookie=f"session={token}") as listener:
        assert listener.status == 200
        await world.directory.end_session(token)
        await world.deliver(a_message())
        await listener.end()


@pytest.mark.parametrize(
    "query",
    ["", "types=*", "types=*&closeafter=no", "types=*&closeafter=x&ping=0", "types=*&closeafter=no&ping=-1",
     "types=&closeafter=no&ping=1", "types=*&closeafter=no&ping=x", "&".join(["a=b"] * 50)],
)  # fmt: skip
async def test_wrong_wishes(world: JmapWorld, query: str) -> None:
    answer = await world.request("GET", "/jmap/eventsource", query=query)
    assert answer.status == 400


async def test_streams_of_an_account_are_limited(world: JmapWorld) -> None:
    async with trio.open_nursery() as nursery:
        listeners = []
        for _ in range(16):
            listener = Listener()
            listeners.append(listener)
            headers = {"host": HOST, **basic(world.anna.name)}
            scope = {
                "type": "http", "method": "GET", "path": "/jmap/eventsource",
                "query_string": b"types=*&closeafter=no&ping=0", "scheme": "http", "client": ("127.0.0.1", 1),
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "state": {},
            }  # fmt: skip
            nursery.start_soon(world.app, scope, listener.receive, listener.send)
        with trio.fail_after(5):
            while not all(listener.status for listener in listeners):
                await trio.testing.wait_all_tasks_blocked(0.01)
        refused = await world.request("GET", "/jmap/eventsource", query="types=*&closeafter=no&ping=0")
        assert (refused.status, refused.json["limit"]) == (429, "maxEventSources")
        for listener in listeners:
            listener.leave.set()


async def test_trouble_in_the_stream_ends_it_and_raises_nothing(
    world: JmapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception in a streaming body leaves an HTTP/2 client waiting for ever."""
    async with listening(world) as listener:

        async def broken(*_: object) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(world.store, "states", broken)
        await world.deliver(a_message())
        await listener.end()


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (1, 5), (5, 5), (30, 30), (900, 900), (901, 900)])
def test_pings_are_held_within_limits(asked: int, given: int) -> None:
    """RFC 8620 section 7.3: 0 means none; the server may hold the interval within limits."""
    wishes = Wishes({"types": "*", "closeafter": "no", "ping": str(asked)}, JmapSettings())
    assert wishes.ping_seconds == given


class Quiet:
    """A store in which nothing happens."""

    async def states(self, _account: AccountId) -> States:
        return States(1, 1, 1, 1, 1, 1)


async def run_quiet(
    listener: Listener, ping: int, still_valid: Callable[[], Awaitable[bool]], draining: trio.Event
) -> None:
    """Serve a stream in which nothing happens, without threads: the clock may jump."""
    stream = EventStream(
        store=Quiet(),  # type: ignore[arg-type]
        hub=ChangeHub(),
        principal=Principal(account=AccountId(1), tenant=DEFAULT_TENANT, name="a@b"),
        wishes=Wishes({"types": "*", "closeafter": "no", "ping": str(ping)}, JmapSettings()),
        draining=draining,
        ended=trio.Event(),
        still_valid=still_valid,
    )
    request = HttpRequest({"method": "GET", "path": "/", "headers": []}, listener.receive)
    await stream.serve(request, listener.send)


async def test_a_quiet_stream_pings(autojump_clock: trio.testing.MockClock) -> None:
    """No time passes: the clock jumps, and nothing here waits for a thread."""

    async def valid() -> bool:
        return True

    listener, draining = Listener(), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_quiet, listener, 60, valid, draining)
        await trio.sleep(130)
        draining.set()
    frames = [frame async for frame in listener._frames]
    assert frames == [b'event: ping\ndata: {"interval":60}\n\n'] * 2


@pytest.mark.parametrize("ping", [0, 5, 900])
async def test_a_stream_whose_sign_in_has_ended_ends_within_five_seconds(
    autojump_clock: trio.testing.MockClock, ping: int
) -> None:
    """Security notes, A6 and J8: found here, a quiet stream without pings went on for ever."""
    ended_at = 62.0

    async def valid() -> bool:
        return trio.current_time() < ended_at

    listener = Listener()
    with trio.fail_after(ended_at + 5):
        await run_quiet(listener, ping, valid, trio.Event())
    assert trio.current_time() >= ended_at
