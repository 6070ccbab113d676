"""J3, P6: the worst that can be asked by JMAP is bounded, and others are served meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from tests.support import hostile
from tests.support.jmap_world import PASSWORD, USING, JmapWorld, basic, call_app, jmap_world
from tests.support.stores import EnginePlace

from pymailcore.base.ids import EMAIL, MAILBOX, MailboxId, decode_id, encode_id
from pymailcore.jmap.protocol.values import MAX_INT
from pymailcore.jmap.settings import JmapSettings
from pymailcore.store.query import And

ROWS: Final = 2_000
"""Emails of one Thread, for what asks for Threads."""

EVERYTHING: Final = And(())
HASTY: Final = JmapSettings(search_seconds=hostile.SECONDS)
REFUSALS: Final = ("unsupportedFilter", "unsupportedSort", "anchorNotFound", "requestTooLarge")


def operator(word: str, conditions: list[Any]) -> dict[str, Any]:
    return {"operator": word, "conditions": conditions}


def nested(depth: int) -> dict[str, Any]:
    condition: dict[str, Any] = {"text": "q"}
    for _ in range(depth):
        condition = operator("NOT", [condition])
    return condition


def by(*properties: str, count: int = 16) -> list[dict[str, Any]]:
    return [
        {"property": properties[n % len(properties)], "keyword": f"k{n}", "isAscending": bool(n % 3)}
        for n in range(count)
    ]


SOME, ALL, NONE = (f"{how}InThreadHaveKeyword" for how in ("some", "all", "none"))
MAILBOXES: Final = [encode_id(MAILBOX, n + 1) for n in range(100_000)]

FILTERS: Final[dict[str, dict[str, Any]]] = {
    "deep operators": nested(25),
    "operators as deep as may be": nested(15),
    "thousands of conditions": operator("OR", [{"subject": f"q{n}"} for n in range(5_000)]),
    "as many conditions as may be": operator("OR", [{"body": f"q{n}x"} for n in range(49)]),
    "empty operators": operator("AND", [operator("OR", [])] * 5_000),
    "words": {"text": " ".join(f"w{n}" for n in range(99))},
    "one letter": operator("OR", [{"text": "q"}, {"from": "e"}, {"body": "z"}]),
    "phrases of letters": operator("OR", [{"text": f'"{a} b"'} for a in "abcdefghijklmnopqrstuvwxyz"]),
    "quotation marks": {"text": '"' * 1_000},
    "backslashes": {"text": '\\"' * 500},
    "marks": {"text": "a" + "\u0301" * 999},
    "growth": {"subject": "\ufdfa" * 1_000},
    "controls": {"body": "\u202e\u2066" * 500},
    "blanks": {"header": ["References", "  \t "]},
    "headers": operator("OR", [{"header": [f"X-{n}", "q"]} for n in range(49)]),
    "too many Mailboxes": {"inMailboxOtherThan": MAILBOXES},
    "as many Mailboxes as may be": operator("AND", [{"inMailboxOtherThan": MAILBOXES[:4_500]}] * 2),
    "keywords": operator("OR", [{"hasKeyword": f"k{n}"} for n in range(49)]),
    "keywords of Threads": operator("OR", [{(SOME, ALL, NONE)[n % 3]: f"k{n}"} for n in range(49)]),
}
ARGUMENTS: Final[dict[str, dict[str, Any]]] = {
    **{name: {"filter": condition} for name, condition in FILTERS.items()},
    "sort by keywords": {"sort": by("hasKeyword")},
    "sort by keywords of all of a Thread": {"sort": by("allInThreadHaveKeyword")},
    "sort by keywords of some of a Thread": {"sort": by("someInThreadHaveKeyword")},
    "sort by each": {"sort": by(SOME, "hasKeyword", ALL), "collapseThreads": True, "calculateTotal": True},
    "thousands of comparators": {"sort": by("hasKeyword", count=5_000)},
    "one comparator often": {"sort": [{"property": "subject"}] * 16},
    "a far position": {"position": MAX_INT, "sort": by("hasKeyword")},
    "a position from behind": {"position": -MAX_INT, "limit": MAX_INT},
    "an anchor that is not there": {"anchor": encode_id(EMAIL, 2**62), "anchorOffset": -MAX_INT},
    "an anchor and a far offset": {"anchor": "first", "anchorOffset": MAX_INT, "collapseThreads": True},
}
SNIPPETS: Final[dict[str, dict[str, Any]]] = {
    "snippets of words": FILTERS["words"],
    "snippets of letters": FILTERS["one letter"],
    "snippets of marks": FILTERS["marks"],
    "snippets deep down": FILTERS["deep operators"],
}


@asynccontextmanager
async def worst_world(
    tmp_path: Path, place: EnginePlace, count: int, *, indexed: bool
) -> AsyncIterator[JmapWorld]:
    """A server with such mail, indexed or not, and one very large Thread."""
    async with jmap_world(tmp_path, settings=HASTY, store_limits=dict(place)) as world:
        await hostile.fill(world.store, world.anna.id, count)
        if indexed:
            await hostile.index(world.store, world.anna.id)
        inbox = decode_id(MAILBOX, world.mailboxes["inbox"])
        assert inbox is not None
        await hostile.fill_with_one_thread(world.store, world.anna.id, MailboxId(inbox), ROWS)
        yield world


async def ask(world: JmapWorld, name: str) -> None:
    """It ends within its deadline, by an answer or a refusal; what somebody else asks is quick meanwhile."""
    newest = await world.call("Email/query", limit=50)
    method, arguments = "Email/query", dict(ARGUMENTS.get(name, {}))
    if name in SNIPPETS:
        method, arguments = "SearchSnippet/get", {"filter": SNIPPETS[name], "emailIds": newest["ids"]}
    if arguments.get("anchor") == "first":
        arguments["anchor"] = newest["ids"][0]
    document = {"using": USING, "methodCalls": [[method, {"accountId": world.account_id, **arguments}, "0"]]}
    body = orjson.dumps(document)
    headers = {"content-type": "application/json"}

    async def search() -> None:
        answer = await world.request("POST", "/jmap/api", headers=headers, body=body)
        assert answer.status == 200
        answered, result, _ = answer.json["methodResponses"][0]
        assert answered == method or result["type"] in REFUSALS, result

    async def meanwhile() -> None:
        answer = await call_app(world.app, "GET", "/jmap/session", headers=basic(world.ben.name, PASSWORD))
        assert answer.status == 200
        assert await world.store.query(world.ben.id, EVERYTHING, [])

    (await hostile.seen(search, meanwhile)).check()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ARGUMENTS, *SNIPPETS])
async def test_the_worst_queries_are_bounded(tmp_path: Path, name: str) -> None:
    async with worst_world(tmp_path, {}, hostile.FEW, indexed=True) as world:
        await ask(world, name)


@pytest.mark.long
@pytest.mark.parametrize("indexed", [False, True], ids=["scanned", "indexed"])
@pytest.mark.parametrize("name", [*ARGUMENTS, *SNIPPETS])
async def test_the_worst_queries_are_bounded_on_both_engines(
    tmp_path: Path, store_settings: EnginePlace, name: str, indexed: bool
) -> None:
    async with worst_world(tmp_path, store_settings, hostile.MANY, indexed=indexed) as world:
        await ask(world, name)
