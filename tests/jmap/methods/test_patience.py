"""RFC 8620 section 5.5: searches that take too long, and clients that do not wait."""

from pathlib import Path

import orjson
import pytest
import trio
import trio.testing
from tests.support.jmap_world import USING, JmapWorld, basic, jmap_world
from tests.support.stores import a_message

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import EMAIL, encode_id
from pymailcore.jmap.asgi import Disconnected, Event
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.methods.patience import within_limits
from pymailcore.jmap.protocol.errors import MethodError
from pymailcore.jmap.settings import JmapSettings
from pymailcore.store import evaluate, query, texts


def a_context(world: JmapWorld, gone: trio.Event) -> Context:
    return Context(principal=None, services=world.services, gone=gone.wait)  # type: ignore[arg-type]


async def test_what_comes_of_work_is_given(world: JmapWorld) -> None:
    async def work() -> int:
        await trio.lowlevel.checkpoint()
        return 5

    async def fails() -> int:
        raise NotFound("gone")

    context = a_context(world, trio.Event())
    assert await within_limits(context, work) == 5
    with pytest.raises(NotFound):
        await within_limits(context, fails)


async def test_work_that_lasts_is_given_up(world: JmapWorld, autojump_clock: trio.testing.MockClock) -> None:
    begun = trio.current_time()
    with pytest.raises(MethodError) as refused:
        await within_limits(a_context(world, trio.Event()), trio.sleep_forever)
    assert refused.value.kind == "unsupportedFilter"
    assert trio.current_time() - begun == world.services.settings.search_seconds


async def test_work_for_a_client_that_has_gone_is_given_up(world: JmapWorld, nursery: trio.Nursery) -> None:
    gone = trio.Event()
    ended: list[bool] = []

    async def search() -> None:
        try:
            await within_limits(a_context(world, gone), trio.sleep_forever)
        except Disconnected:
            ended.append(True)

    nursery.start_soon(search)
    await trio.testing.wait_all_tasks_blocked()
    assert not ended
    gone.set()
    await trio.testing.wait_all_tasks_blocked()
    assert ended


@pytest.mark.parametrize("call", ["Email/query", "SearchSnippet/get"])
async def test_a_search_has_its_time(tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no time at all nothing is answered, whether it looks at texts or at keywords."""
    monkeypatch.setattr(evaluate, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(texts, "MOST_MESSAGES", 1)
    async with jmap_world(tmp_path, settings=JmapSettings(search_seconds=0.0)) as world:
        filed = [await world.deliver(a_message("needle", body="needle\r\n")) for _ in range(3)]
        ids = [encode_id(EMAIL, one.email) for one in filed]
        more = {"emailIds": ids} if call == "SearchSnippet/get" else {}
        assert await world.error(call, filter={"text": "needle"}, **more) == "unsupportedFilter"
        if call == "Email/query":
            assert await world.error(call, filter={"hasKeyword": "x"}) == "unsupportedFilter"


async def test_a_search_whose_client_goes_is_given_up(
    world: JmapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as HTTP tells that it has gone: not all mail is looked through, and nobody is answered."""
    monkeypatch.setattr(evaluate, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(texts, "MOST_MESSAGES", 1)
    for number in range(20):
        await world.deliver(a_message(str(number)))
    looked = []
    matches = texts.SearchedMessage.matches
    gone = trio.Event()

    def matching(message: texts.SearchedMessage, node: query.Filter) -> bool:
        looked.append(message)
        trio.from_thread.run_sync(gone.set, trio_token=token)
        return matches(message, node)

    token = trio.lowlevel.current_trio_token()
    monkeypatch.setattr(texts.SearchedMessage, "matches", matching)
    arguments = {"accountId": world.account_id, "filter": {"body": "absent"}}
    calls = [["Email/query", arguments, "0"], ["Core/echo", {}, "1"]]
    body = [orjson.dumps({"using": USING, "methodCalls": calls})]
    sent: list[Event] = []

    async def receive() -> Event:
        if body:
            return {"type": "http.request", "body": body.pop(), "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(event: Event) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(event)

    headers = {"content-type": "application/json", "host": "x", **basic(world.anna.name)}
    scope = {
        "type": "http", "method": "POST", "scheme": "http", "path": "/jmap/api", "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await world.jmap(scope, receive, send)
    assert sent == []
    assert 1 <= len(looked) < 20
