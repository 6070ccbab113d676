"""RFC 8621 sections 4.3 to 4.5 and 3: finding Emails and Threads."""

import random
from typing import Any

import pytest
from tests.support.jmap_world import NOW_MS, JmapWorld
from tests.support.stores import a_message

from pymailcore.store import listing
from pymailcore.store.keywords import keywords_of


@pytest.fixture
async def three(world: JmapWorld) -> dict[str, str]:
    """Three Emails: one, two and three; two answers one and is flagged."""
    messages = {
        "one": a_message("first", message_id="<1@x>", body="alpha beta\r\n"),
        "two": a_message("Re: first", message_id="<2@x>", in_reply_to="<1@x>", body="gamma\r\n"),
        "three": a_message("other", sender="Zoe <zoe@example.net>", body="x" * 3000, extra="X-Mark: yes"),
    }
    for number, (name, octets) in enumerate(messages.items()):
        keywords = keywords_of(["$flagged", "Work"] if name == "two" else [])
        await world.deliver(octets, keywords=keywords, received_ms=NOW_MS + number * 60_000)
    found = await world.call("Email/query", sort=[{"property": "receivedAt"}])
    return dict(zip(messages, found["ids"], strict=True))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (None, "one two three"),
        ({}, "one two three"),
        ({"from": "zoe"}, "three"),
        ({"subject": "FIRST"}, "one two"),
        ({"body": "alph"}, "one"),
        ({"body": "lph"}, ""),
        ({"body": "'alph'"}, ""),
        ({"body": "'alpha beta'"}, "one"),
        ({"from": "oe"}, "three"),
        ({"from": '"oe"'}, ""),
        ({"text": "alpha beta"}, "one"),
        ({"text": '"beta alpha"'}, ""),
        ({"to": "bob@example.org", "hasKeyword": "$flagged"}, "two"),
        ({"hasKeyword": "work"}, "two"),
        ({"notKeyword": "$flagged"}, "one three"),
        ({"hasKeyword": "no keyword"}, ""),
        ({"someInThreadHaveKeyword": "$flagged"}, "one two"),
        ({"allInThreadHaveKeyword": "$flagged"}, ""),
        ({"noneInThreadHaveKeyword": "WORK"}, "three"),
        ({"noneInThreadHaveKeyword": "no keyword"}, "one two three"),
        ({"someInThreadHaveKeyword": "no keyword"}, ""),
        ({"operator": "NOT", "conditions": [{"someInThreadHaveKeyword": "$flagged"}]}, "three"),
        ({"someInThreadHaveKeyword": "$flagged", "body": "alpha"}, "one"),
        ({"minSize": 2000}, "three"),
        ({"maxSize": 2000}, "one two"),
        ({"hasAttachment": False}, "one two three"),
        ({"hasAttachment": True}, ""),
        ({"header": ["X-Mark"]}, "three"),
        ({"header": ["x-mark", "ye"]}, "three"),
        ({"header": ["X-Mark", "no"]}, ""),
        ({"header": ["X-Mark", " "]}, "three"),
        ({"header": ["X-Mark", "ye es"]}, "three"),
        ({"header": ["X-Mark", "'ye es'"]}, ""),
        ({"inMailbox": "m1"}, ""),
        ({"inMailbox": "nonsense"}, ""),
        ({"operator": "NOT", "conditions": [{"from": "zoe"}, {"hasKeyword": "$flagged"}]}, "one"),
        ({"operator": "OR", "conditions": [{"from": "zoe"}, {"body": "gamma"}]}, "two three"),
        ({"operator": "AND", "conditions": []}, "one two three"),
    ],
)
async def test_filters(
    world: JmapWorld, three: dict[str, str], condition: dict[str, Any] | None, expected: str
) -> None:
    """RFC 8621 section 4.4.1."""
    found = await world.call("Email/query", filter=condition, sort=[{"property": "receivedAt"}])
    assert found["ids"] == [three[name] for name in expected.split()]


async def test_dates_are_half_open(world: JmapWorld, three: dict[str, str]) -> None:
    from pymailcore.jmap.protocol.values import utc_date

    second = utc_date(NOW_MS + 60_000)
    found = await world.call("Email/query", filter={"after": second}, sort=[{"property": "receivedAt"}])
    assert found["ids"] == [three["two"], three["three"]]
    assert (await world.call("Email/query", filter={"before": second}))["ids"] == [three["one"]]


@pytest.mark.parametrize(
    ("condition", "error"),
    [
        ({"none": 1}, "unsupportedFilter"),
        ({"someInThreadHaveKeyword": 1}, "invalidArguments"),
        ({"text": 1}, "invalidArguments"),
        ({"inMailbox": 1}, "invalidArguments"),
        ({"inMailboxOtherThan": "m1"}, "invalidArguments"),
        ({"before": "yesterday"}, "invalidArguments"),
        ({"minSize": -1}, "invalidArguments"),
        ({"hasAttachment": 1}, "invalidArguments"),
        ({"hasKeyword": 1}, "invalidArguments"),
        ({"header": []}, "invalidArguments"),
        ({"header": ["a:b"]}, "invalidArguments"),
        ({"operator": "XOR", "conditions": []}, "invalidArguments"),
        ({"operator": "AND", "conditions": {}}, "invalidArguments"),
        ({"operator": "AND", "conditions": [1]}, "invalidArguments"),
        ({"operator": "AND", "conditions": [], "from": "x"}, "invalidArguments"),
    ],
)
async def test_filters_that_cannot_be_served(world: JmapWorld, condition: dict[str, Any], error: str) -> None:
    assert await world.error("Email/query", filter=condition) == error


@pytest.mark.parametrize(("count", "fits"), [(99, True), (100, True), (101, False)])
async def test_conditions_are_limited(world: JmapWorld, count: int, fits: bool) -> None:
    conditions = [{"from": "x"}] * (count // 2)
    condition: dict[str, Any] = {"operator": "OR", "conditions": conditions}
    if count % 2:
        condition["conditions"] = [*conditions, {}]
    if fits:
        await world.call("Email/query", filter=condition)
    else:
        assert await world.error("Email/query", filter=condition) == "unsupportedFilter"


@pytest.mark.parametrize(("depth", "fits"), [(15, True), (16, True), (17, False)])
async def test_depth_is_limited(world: JmapWorld, depth: int, fits: bool) -> None:
    condition: dict[str, Any] = {}
    for _ in range(depth - 1):
        condition = {"operator": "NOT", "conditions": [condition]}
    if fits:
        await world.call("Email/query", filter=condition)
    else:
        assert await world.error("Email/query", filter=condition) == "unsupportedFilter"


async def test_every_window_is_that_of_a_plain_list(
    world: JmapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 8620 section 5.5, RFC 8621 section 4.4.3; the list of one Mailbox is read another way."""
    for number in range(12):
        answered = f"<{number % 5}@x>" if number >= 5 else None
        octets = a_message(f"s{number % 5}", message_id=f"<{number}@x>", in_reply_to=answered)
        await world.deliver(octets, received_ms=NOW_MS + number // 2 * 1000)
    monkeypatch.setattr(listing, "_CHUNK", 3)
    source = random.Random(4)  # noqa: S311
    everything = (await world.call("Email/query"))["ids"]
    given = await world.call("Email/get", ids=everything, properties=["threadId"])
    threads = {email["id"]: email["threadId"] for email in given["list"]}
    orders: dict[tuple[bool, bool], list[str]] = {}
    for ascending in (True, False):
        by = [{"property": "receivedAt", "isAscending": ascending}]
        plain = (await world.call("Email/query", sort=by))["ids"]
        firsts = {threads[email]: email for email in reversed(plain)}
        orders[ascending, False] = plain
        orders[ascending, True] = [email for email in plain if firsts[threads[email]] == email]
    assert len(orders[True, True]) == 5
    for _ in range(150):
        collapse, ascending = source.random() < 0.5, source.random() < 0.5
        order = orders[ascending, collapse]
        anchor = source.choice([None, None, *order])
        asked: dict[str, Any] = {
            "position": source.randint(-15, 15),
            "anchorOffset": source.randint(-15, 15),
            "limit": source.randint(0, 15),
            "collapseThreads": collapse,
            "sort": [{"property": "receivedAt", "isAscending": ascending}],
            "filter": source.choice([None, {"inMailbox": world.mailboxes["inbox"]}, {"subject": "s"}]),
            "calculateTotal": source.random() < 0.5,
        }
        start = max(0, asked["position"] + (len(order) if asked["position"] < 0 else 0))
        if anchor is not None:
            asked["anchor"] = anchor
            start = max(0, order.index(anchor) + asked["anchorOffset"])
        found = await world.call("Email/query", **asked)
        assert found["ids"] == order[start : start + asked["limit"]], asked
        assert found["position"] == start or not found["ids"], asked
        assert found.get("total") == (len(order) if asked["calculateTotal"] else None), asked


async def test_windows_anchors_and_totals(world: JmapWorld, three: dict[str, str]) -> None:
    """RFC 8620 section 5.5."""
    order = [{"property": "receivedAt"}]
    found = await world.call("Email/query", sort=order, position=1, limit=1, calculateTotal=True)
    assert (found["ids"], found["position"], found["total"]) == ([three["two"]], 1, 3)
    assert "limit" not in found
    found = await world.call("Email/query", sort=order, position=-1)
    assert (found["ids"], found["position"], found["limit"]) == ([three["three"]], 2, 256)
    found = await world.call("Email/query", sort=order, anchor=three["three"], anchorOffset=-1, limit=1)
    assert (found["ids"], found["position"]) == ([three["two"]], 1)
    assert (await world.call("Email/query", sort=order, limit=501))["limit"] == 500
    assert (await world.call("Email/query", limit=0))["ids"] == []
    assert await world.error("Email/query", anchor="e1") == "anchorNotFound"
    assert await world.error("Email/query", anchor="x") == "anchorNotFound"


@pytest.mark.parametrize(
    ("sort", "error"),
    [
        ([{"property": "hasKeyword", "keyword": "$seen", "more": 1}], "unsupportedSort"),
        ([{"property": "hasKeyword"}], "invalidArguments"),
        ([{"property": "someInThreadHaveKeyword", "keyword": 1}], "invalidArguments"),
        ([{"property": "size", "keyword": "$seen"}], "unsupportedSort"),
        ([{"property": "subject", "collation": "i;octet"}], "unsupportedSort"),
        ([{"property": "subject", "collation": 1}], "invalidArguments"),
        ([{"property": "fromMailbox"}], "unsupportedSort"),
        ([{"property": "none"}], "unsupportedSort"),
    ],
)
async def test_sorts_that_cannot_be_served(world: JmapWorld, sort: list[dict[str, Any]], error: str) -> None:
    assert await world.error("Email/query", sort=sort) == error


@pytest.mark.parametrize(
    ("key", "keyword", "ascending", "expected"),
    [
        ("hasKeyword", "$flagged", True, "one three two"),
        ("hasKeyword", "$flagged", False, "two one three"),
        ("hasKeyword", "work", False, "two one three"),
        ("someInThreadHaveKeyword", "$flagged", True, "three one two"),
        ("someInThreadHaveKeyword", "$flagged", False, "one two three"),
        ("allInThreadHaveKeyword", "$flagged", False, "one two three"),
        ("hasKeyword", "no keyword", False, "one two three"),
    ],
)
async def test_keywords_sort(
    world: JmapWorld, three: dict[str, str], key: str, keyword: str, ascending: bool, expected: str
) -> None:
    """RFC 8621 section 4.4.2: an Email that has it is "true"."""
    by = {"property": key, "keyword": keyword, "isAscending": ascending}
    found = await world.call("Email/query", sort=[by, {"property": "receivedAt"}])
    assert found["ids"] == [three[name] for name in expected.split()]


@pytest.mark.parametrize(
    ("key", "expected"),
    [("size", "two one three"), ("subject", "one two three"), ("from", "one two three")],
)
async def test_sorts(world: JmapWorld, three: dict[str, str], key: str, expected: str) -> None:
    found = await world.call("Email/query", sort=[{"property": key}, {"property": "receivedAt"}])
    assert {*found["ids"]} == {*three.values()}
    if key == "size":
        assert found["ids"][-1] == three["three"]
    else:
        assert found["ids"] == [three[name] for name in expected.split()]


async def test_threads_are_collapsed_and_given(world: JmapWorld, three: dict[str, str]) -> None:
    """RFC 8621 sections 3 and 4.4.3."""
    found = await world.call(
        "Email/query", sort=[{"property": "receivedAt", "isAscending": False}], collapseThreads=True
    )
    assert found["ids"] == [three["three"], three["two"]]
    emails = await world.call("Email/get", ids=found["ids"], properties=["threadId"])
    threads = [email["threadId"] for email in emails["list"]]
    given = await world.call("Thread/get", ids=[*threads, "t1", "x"])
    assert [thread["emailIds"] for thread in given["list"]] == [
        [three["three"]],
        [three["one"], three["two"]],
    ]
    assert given["notFound"] == ["t1", "x"]
    assert await world.error("Thread/get", ids=None) == "requestTooLarge"
    bare = await world.call("Thread/get", ids=threads[:1], properties=["id"])
    assert bare["list"] == [{"id": threads[0]}]


async def test_changes(world: JmapWorld, three: dict[str, str]) -> None:
    """RFC 8620 section 5.2."""
    state = (await world.call("Email/get", ids=[]))["state"]
    await world.call("Email/set", update={three["one"]: {"keywords/$seen": True}}, destroy=[three["three"]])
    appended = await world.deliver(a_message("new"))
    changes = await world.call("Email/changes", sinceState=state)
    assert (changes["updated"], changes["destroyed"]) == ([three["one"]], [three["three"]])
    assert len(changes["created"]) == 1
    assert appended.email
    assert (await world.call("Email/changes", sinceState=changes["newState"]))["created"] == []
    for wrong in ("x", "-1", "99999999", "1e3", "１"):
        assert await world.error("Email/changes", sinceState=wrong) == "cannotCalculateChanges"
    assert await world.error("Email/queryChanges", sinceQueryState="1") == "cannotCalculateChanges"
    threads = await world.call("Thread/changes", sinceState="0")
    assert len(threads["created"]) == 2


async def test_changes_come_in_pieces_that_lead_to_the_whole(world: JmapWorld) -> None:
    """RFC 8620 section 5.2: maxChanges."""
    state = (await world.call("Email/get", ids=[]))["state"]
    for number in range(5):
        await world.deliver(a_message(str(number)))
    seen: list[str] = []
    for _ in range(10):
        changes = await world.call("Email/changes", sinceState=state, maxChanges=2)
        assert len(changes["created"]) <= 2
        seen += changes["created"]
        state = changes["newState"]
        if not changes["hasMoreChanges"]:
            break
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(("words", "kind"), [(99, None), (100, None), (101, "unsupportedFilter")])
async def test_each_word_is_a_condition(world: JmapWorld, words: int, kind: str | None) -> None:
    """Security notes, J3: found here, a hundred conditions of 500 words each were 50,000 needles."""
    condition = {"text": " ".join(f"w{number}" for number in range(words))}
    name, result = await world.outcome("Email/query", filter=condition)
    assert (name, result.get("type")) == ("Email/query" if kind is None else "error", kind)
    name, result = await world.outcome("SearchSnippet/get", filter=condition, emailIds=[])
    assert (name, result.get("type")) == ("SearchSnippet/get" if kind is None else "error", kind)


@pytest.mark.parametrize(("count", "kind"), [(16, None), (17, "unsupportedSort")])
@pytest.mark.parametrize("method", ["Mailbox/query", "EmailSubmission/query", "Email/query"])
async def test_comparators_are_limited(world: JmapWorld, method: str, count: int, kind: str | None) -> None:
    """Found here: each of half a million comparators sorted all Mailboxes once more."""
    by = {"Mailbox/query": "name", "EmailSubmission/query": "emailId", "Email/query": "size"}[method]
    name, result = await world.outcome(method, sort=[{"property": by}] * count)
    assert (name, result.get("type")) == (method if kind is None else "error", kind)
