"""RFC 8621 section 7: messages that wait for their release, and taking them back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.directories import Clock
from tests.support.jmap_world import NOW_MS, JmapWorld, jmap_world
from tests.support.submissions import draft, envelope_of, identity

from pymailcore.queue.queue import Queue
from pymailcore.queue.settings import QueueSettings


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.ms = NOW_MS
    return clock


@pytest.fixture
async def world(tmp_path: Path, clock: Clock) -> AsyncIterator[JmapWorld]:
    async with jmap_world(tmp_path, now_ms=clock) as opened:
        yield opened


def queue_of(world: JmapWorld, clock: Clock) -> Queue:
    return Queue(world.store.database, world.store, lambda *_: None, QueueSettings(), now_ms=clock)


async def held(world: JmapWorld, **parameters: str | None) -> dict[str, Any]:
    """A message for a colleague and for somebody elsewhere, in an hour."""
    envelope = envelope_of("ben@example.org", "far@example.net", **(parameters or {"HOLDFOR": "3600"}))
    given = {"identityId": await identity(world), "emailId": await draft(world), "envelope": envelope}
    done = await world.call("EmailSubmission/set", create={"s": given})
    return dict(done["created"]["s"])


async def shown(world: JmapWorld, submission: str) -> dict[str, Any]:
    return dict((await world.call("EmailSubmission/get", ids=[submission]))["list"][0])


async def inbox_count(world: JmapWorld) -> int:
    inbox = await world.store.mailbox_named(world.ben.id, "INBOX")
    assert inbox is not None
    return inbox.total_emails


@pytest.mark.parametrize(
    ("parameters", "at"),
    [
        ({"HOLDFOR": "3600"}, "2026-09-21T15:13:20Z"),
        ({"HOLDUNTIL": "2026-09-21T15:13:20Z"}, "2026-09-21T15:13:20Z"),
    ],
)
async def test_what_is_held_is_pending(
    world: JmapWorld, clock: Clock, parameters: dict[str, str | None], at: str
) -> None:
    """RFC 8621 section 7: sendAt is when the server releases it."""
    made = await held(world, **parameters)
    assert (made["undoStatus"], made["sendAt"]) == ("pending", at)
    found = await shown(world, made["id"])
    assert (found["undoStatus"], found["sendAt"]) == ("pending", at)
    assert found["envelope"]["mailFrom"]["parameters"] == parameters
    assert (await world.call("EmailSubmission/query", filter={"undoStatus": "pending"}))["ids"] == [
        made["id"]
    ]
    assert await queue_of(world, clock).take(50) == []
    assert await inbox_count(world) == 0, "it is held for those here, too"


async def test_what_is_canceled_reaches_nobody(world: JmapWorld, clock: Clock) -> None:
    made = await held(world)
    state = (await world.call("EmailSubmission/get"))["state"]
    cancel = {made["id"]: {"undoStatus": "canceled"}}
    done = await world.call("EmailSubmission/set", update=cancel)
    assert done["updated"] == {made["id"]: None}
    assert (await shown(world, made["id"]))["undoStatus"] == "canceled"
    changes = await world.call("EmailSubmission/changes", sinceState=state)
    assert changes["updated"] == [made["id"]]
    clock.ms += 3_600_000
    queue = queue_of(world, clock)
    assert (await queue.take(50), await queue.entries(), await inbox_count(world)) == ([], [], 0)
    again = await world.call("EmailSubmission/set", update=cancel)
    assert again["updated"] == {made["id"]: None}, "it is what it is asked to be"
    back = await world.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "pending"}})
    assert back["notUpdated"][made["id"]]["type"] == "invalidProperties"


@pytest.mark.parametrize("after_ms", [3_599_999, 3_600_000])
async def test_it_can_be_canceled_until_its_release(world: JmapWorld, clock: Clock, after_ms: int) -> None:
    made = await held(world)
    state = (await world.call("EmailSubmission/get"))["state"]
    clock.ms += after_ms
    done = await world.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
    if after_ms < 3_600_000:
        assert done["updated"] == {made["id"]: None}
        return
    assert done["notUpdated"][made["id"]]["type"] == "cannotUnsend"
    changes = await world.call("EmailSubmission/changes", sinceState=state)
    assert changes["updated"] == [made["id"]]
    assert (await shown(world, made["id"]))["undoStatus"] == "final"
    assert (await world.call("EmailSubmission/query", filter={"undoStatus": "pending"}))["ids"] == []


async def test_what_an_operator_has_let_go_cannot_be_canceled(world: JmapWorld, clock: Clock) -> None:
    made = await held(world)
    queue = queue_of(world, clock)
    await queue.retry()
    assert len(await queue.take(1)) == 1
    done = await world.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
    assert done["notUpdated"][made["id"]]["type"] == "cannotUnsend"
    assert (await shown(world, made["id"]))["undoStatus"] == "final"
    assert len(await queue.entries()) == 2


async def test_a_time_that_is_over_is_now(world: JmapWorld) -> None:
    made = await held(world, HOLDUNTIL="2001-01-01T00:00:00Z")
    assert (made["undoStatus"], made["sendAt"]) == ("final", "2026-09-21T14:13:20Z")
    assert await inbox_count(world) == 1


async def test_the_record_goes_and_the_message_stays(world: JmapWorld, clock: Clock) -> None:
    """RFC 8621 section 7.5: destroying a submission changes nothing of the delivery."""
    made = await held(world)
    await world.call("EmailSubmission/set", destroy=[made["id"]])
    clock.ms += 3_600_000
    assert len(await queue_of(world, clock).take(50)) == 2


async def test_what_follows_a_cancel(world: JmapWorld) -> None:
    """RFC 8621 section 7.5: the Email becomes a draft again in the same call."""
    made = await held(world)
    arguments = {
        "accountId": world.account_id,
        "update": {made["id"]: {"undoStatus": "canceled"}},
        "onSuccessUpdateEmail": {made["id"]: {"keywords/$draft": True}},
    }
    answers = (await world.api(["EmailSubmission/set", arguments, "0"]))["methodResponses"]
    assert [name for name, *_ in answers] == ["EmailSubmission/set", "Email/set"]
