"""Nothing of another account comes out of any method, whatever one asks for (security notes, T7).

All texts of the others bear a canary: mail with its names of files and keywords, Mailboxes, addresses, names,
signatures, groups, filters, the tenant. Their threads have the same topic, and their ids are as secret as the
texts: none may come with the changes since an old state.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog.testing
from tests.support.jmap_world import JmapWorld, basic, call_app
from tests.support.stores import EnginePlace
from tests.support.tenancy import ANNA, CANARY, CARLA, USER, WORD, tenancy

from pymailcore.base import ids
from pymailcore.directory.types import Account

BODIES = {
    "fetchAllBodyValues": True,
    "properties": ["headers", "bodyStructure", "bodyValues", "preview", "keywords"],
}
TEXTS = ("text", "from", "to", "cc", "bcc", "subject", "body")
TYPES = ("Mailbox", "Thread", "Email", "Identity", "EmailSubmission")
RESULT = {"resultOf": "q", "name": "Email/query"}


def filters() -> Iterator[dict[str, Any]]:
    """What takes the mail with the word, or all but it."""
    for name in TEXTS:
        yield {name: WORD}
        yield {"operator": "NOT", "conditions": [{name: WORD}]}
    yield from ({"header": ["Comments", WORD]}, {"hasKeyword": f"{CANARY}-key"}, {"hasAttachment": True})
    yield from ({"someInThreadHaveKeyword": f"{CANARY}-key"}, {"text": f'"{WORD}"'}, {"minSize": 0})


def requests(newest: int) -> Iterator[list[list[Any]]]:
    """Many requests; none has a canary that would be told again."""
    for condition in filters():
        yield [
            ["Email/query", {"filter": condition, "calculateTotal": True}, "q"],
            ["SearchSnippet/get", {"filter": condition, "#emailIds": RESULT | {"path": "/ids"}}, "s"],
            ["Email/get", BODIES | {"#ids": RESULT | {"path": "/ids"}}, "e"],
        ]
    for order in ("subject", "from", "to", "size", "receivedAt"):
        yield [["Email/query", {"sort": [{"property": order}], "collapseThreads": True}, "q"]]
    yield [
        ["Email/query", {}, "q"],
        ["Email/get", {"#ids": RESULT | {"path": "/ids"}}, "e"],
        ["Thread/get", {"#ids": {"resultOf": "e", "name": "Email/get", "path": "/list/*/threadId"}}, "t"],
        ["Email/parse", {"#blobIds": {"resultOf": "e", "name": "Email/get", "path": "/list/*/blobId"}}, "p"],
    ]
    yield [[f"{one}/get", {}, one] for one in ("Mailbox", "Identity", "EmailSubmission")]
    yield [["PushSubscription/get", {"ids": None}, "p"]]
    yield [["Mailbox/query", {"filter": {"name": "box"}}, "m"], ["EmailSubmission/query", {}, "s"]]
    for since in (*range(newest + 2), 2**40):
        yield [[f"{one}/changes", {"sinceState": str(since)}, one] for one in TYPES]
        queries = ("Email", "Mailbox", "EmailSubmission")
        yield [[f"{one}/queryChanges", {"sinceQueryState": str(since)}, one] for one in queries]
    yield [["Email/get", {"ids": None}, "x"], ["Email/query", {"filter": {"x": 1}}, "y"], ["X/get", {}, "z"]]
    yield [
        ["Mailbox/set", {"create": {"k": {"name": "a/b"}}}, "x"],
        ["Email/set", {"create": {"k": {}}}, "y"],
    ]


async def told(world: JmapWorld, user: str, account: Account) -> list[str]:
    """All octets that somebody gets for all of these."""
    text = ids.encode_id(ids.ACCOUNT, account.id)
    headers = basic(user) | {"content-type": "application/json"}
    answers = [await call_app(world.app, "GET", "/jmap/session", headers=basic(user))]
    states = await world.store.states(account.id)
    for calls in requests(max(states)):
        for name, arguments, _ in calls:
            if not name.startswith("Push"):
                arguments["accountId"] = text
        body = orjson.dumps(
            {
                "using": list(orjson.loads(answers[0].body)["capabilities"]),
                "methodCalls": calls,
            }
        )
        answers.append(await call_app(world.app, "POST", "/jmap/api", headers=headers, body=body))
        assert answers[-1].status == 200, answers[-1].body
    return [f"{answer.headers} {answer.body.decode()}".lower() for answer in answers]


@pytest.mark.parametrize("indexed", [False, True], ids=["scanned", "indexed"])
async def test_no_canary_comes_out(tmp_path: Path, store_settings: EnginePlace, indexed: bool) -> None:
    """In no octet that is answered and in no line that is logged; to its owner it does come."""
    async with tenancy(tmp_path, store_settings) as it:
        others = {one for whose in ("kin", "stranger") for one in it.ids[whose].foreign().values()}
        assert len(others) == 18
        if indexed:
            await it.index()
        with structlog.testing.capture_logs() as lines:
            answers = await told(it.world, USER, it.world.ben)
        secrets = {CANARY, *others, *it.removed}
        assert [text for text in answers if any(one in text for one in secrets)] == []
        assert [line for line in lines if any(one in str(line).lower() for one in secrets)] == []
        refused = [text for text in answers if '["error"' in text and "cannotcalculatechanges" not in text]
        assert len(refused) == 1  # the one that is meant to be
        assert len(answers) > 40
        for user, account in ((ANNA, it.world.anna), (CARLA, it.carla)):
            own = await told(it.world, user, account)
            assert sum(CANARY in text for text in own) >= 12
            assert sum(any(one in text for one in others) for text in own) >= 30
