"""The outermost callable: where requests go, and that nothing gets through it."""

from typing import Any

import pytest
import trio
from tests.support.jmap_world import JmapWorld, call_app

from pymailcore.base.errors import TemporaryFailure
from pymailcore.jmap.asgi import Event, Receive, Scope, Send
from pymailcore.web.dispatcher import Dispatcher
from pymailcore.web.settings import HttpSettings


async def test_health_asks_the_store(world: JmapWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await call_app(world.app, "GET", "/healthz")
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert (await call_app(world.app, "POST", "/healthz")).status == 405

    async def broken(*_: object) -> None:
        raise TemporaryFailure

    monkeypatch.setattr(type(world.store.database), "read", broken)
    answer = await call_app(world.app, "GET", "/healthz")
    assert (answer.status, answer.json) == (503, {"status": "unavailable"})


@pytest.mark.parametrize(("count", "status"), [(99, 200), (100, 200), (101, 431)])
async def test_header_fields_are_limited(world: JmapWorld, count: int, status: int) -> None:
    headers = {f"x-{number}": "y" for number in range(count - 1)}  # and Host
    assert (await call_app(world.app, "GET", "/healthz", headers=headers)).status == status


@pytest.mark.parametrize(("octets", "status"), [(65_000, 200), (66_000, 431)])
async def test_the_head_is_limited(world: JmapWorld, octets: int, status: int) -> None:
    assert (await call_app(world.app, "GET", "/healthz", headers={"x": "y" * octets})).status == status
    assert (await call_app(world.app, "GET", "/healthz?" + "y" * octets)).status == status


@pytest.mark.parametrize("path", ["*", "http://x/", ""])
async def test_an_address_begins_with_a_slash(world: JmapWorld, path: str) -> None:
    assert (await call_app(world.app, "GET", path)).status == 400


async def test_websockets_are_closed(world: JmapWorld) -> None:
    sent: list[Any] = []

    async def send(event: Event) -> None:
        sent.append(event)

    async def receive() -> Event:
        raise AssertionError

    await world.app({"type": "websocket", "path": "/jmap/ws"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize("begun", [False, True])
async def test_an_answer_that_breaks_is_ended(world: JmapWorld, begun: bool) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("broken")

    app = Dispatcher(jmap=broken, pages=broken, store=world.store, settings=HttpSettings(hsts_seconds=60))
    answer = await call_app(app, "GET", "/jmap/x", scheme="https")
    assert (answer.status, answer.body[:4]) == ((200, b"half") if begun else (500, b'{"ty'))
    assert answer.headers["strict-transport-security"] == "max-age=60"


async def test_cancellation_passes_through(world: JmapWorld) -> None:
    async def forever(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep_forever()

    app = Dispatcher(jmap=forever, pages=forever, store=world.store, settings=HttpSettings())
    with trio.move_on_after(0.02) as scope:
        await call_app(app, "GET", "/")
    assert scope.cancelled_caught
