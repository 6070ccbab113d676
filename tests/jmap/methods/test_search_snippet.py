"""RFC 8621 section 5: SearchSnippet/get."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.jmap_world import NOW_MS, JmapWorld, jmap_world
from tests.support.searching import index_all
from tests.support.stores import EnginePlace, Opened, a_message

from pymailcore.base import ids
from pymailcore.base.ids import AccountId
from pymailcore.jmap.methods import search_snippet
from pymailcore.store import compiling, evaluate
from pymailcore.store.packs import DamagedBlob
from pymailcore.store.places import BlobReader
from pymailcore.store.reading import StoredRows
from pymailcore.store.types import Reading

ATTACHED = (
    "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<head><title>not seen</title></head>"
    "<p>H&auml;lfte &lt; <b>Ga</b>nzes</p>\r\n"
    '--b\r\nContent-Type: application/pdf; name="quarter.pdf"\r\nContent-Disposition: attachment\r\n\r\n'
    "%PDF quarter\r\n--b--\r\n"
)
MIXED = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b"


async def snippet(world: JmapWorld, condition: dict[str, Any] | None, octets: bytes) -> dict[str, Any]:
    """The snippet of a message that is filed for it, which the filter must find."""
    await world.deliver(octets)
    (email,) = (await world.call("Email/query", filter=condition))["ids"]
    found = await world.call("SearchSnippet/get", filter=condition, emailIds=[email])
    assert found["notFound"] is None
    (only,) = found["list"]
    assert only.pop("emailId") == email
    return dict(only)


@pytest.mark.parametrize(
    ("condition", "subject", "preview"),
    [
        ({"text": "half"}, "<mark>Half</mark> &lt;b&gt;", "<mark>Hälf</mark>te &lt; Ganzes"),
        ({"subject": "half"}, "<mark>Half</mark> &lt;b&gt;", None),
        ({"body": "halfte"}, None, "<mark>Hälfte</mark> &lt; Ganzes"),
        ({"text": "HÄL"}, "<mark>Hal</mark>f &lt;b&gt;", "<mark>Häl</mark>fte &lt; Ganzes"),
        ({"body": '"< ganzes"'}, None, "Hälfte <mark>&lt; Ganzes</mark>"),
        ({"body": "quarter"}, None, None),
        ({"from": "ada", "hasAttachment": True}, None, None),
        (None, None, None),
        (
            {"operator": "NOT", "conditions": [{"subject": "absent"}, {"body": "absent"}]},
            None,
            None,
        ),
        (
            {"operator": "OR", "conditions": [{"subject": "b"}, {"body": "ganzes"}]},
            "Half &lt;<mark>b</mark>&gt;",
            "Hälfte &lt; <mark>Ganzes</mark>",
        ),
    ],
)
async def test_what_the_filter_found_is_marked(
    world: JmapWorld, condition: dict[str, Any] | None, subject: str | None, preview: str | None
) -> None:
    """Where it was looked for; what is in an attachment has no preview."""
    octets = a_message("Half <b>", body=ATTACHED, extra=MIXED)
    assert await snippet(world, condition, octets) == {"subject": subject, "preview": preview}


async def test_a_preview_is_short(world: JmapWorld) -> None:
    octets = a_message("s", body="long " * 100 + "the 会議室 & <i>more</i>\r\n" + "& " * 500)
    found = await snippet(world, {"text": "会議"}, octets)
    assert "the <mark>会議</mark>室 &amp; &lt;i&gt;more&lt;/i&gt; &amp;" in found["preview"]
    assert 200 < len(found["preview"].encode()) <= 255


async def test_a_text_is_looked_through_up_to_a_place(
    world: JmapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_snippet, "MAX_TEXT_OCTETS", 100)
    found = await snippet(world, {"body": "late"}, a_message("s", body="early " * 20 + "late\r\n"))
    assert found["preview"] is None


async def test_ids_that_are_not_there(world: JmapWorld) -> None:
    await world.deliver(a_message("needle"))
    await world.deliver(a_message("needle"), account=world.ben)
    (own,) = (await world.call("Email/query"))["ids"]
    (other,) = (await world.call("Email/query", user=world.ben.name, accountId=bens(world)))["ids"]
    asked = ["e1", own, "nonsense", other, own]
    found = await world.call("SearchSnippet/get", filter={"text": "needle"}, emailIds=asked)
    assert sorted(found["notFound"]) == sorted(["e1", "nonsense", other])
    assert [one["emailId"] for one in found["list"]] == [own]


def bens(world: JmapWorld) -> str:
    return ids.encode_id(ids.ACCOUNT, world.ben.id)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"filter": {"none": 1}, "emailIds": []}, "unsupportedFilter"),
        ({"filter": [], "emailIds": []}, "invalidArguments"),
        ({"filter": None}, "invalidArguments"),
        ({"filter": None, "emailIds": [f"e{number}" for number in range(501)]}, "requestTooLarge"),
        ({"filter": None, "emailIds": [], "more": 1}, "invalidArguments"),
    ],
)
async def test_calls_that_cannot_be_answered(world: JmapWorld, arguments: dict[str, Any], kind: str) -> None:
    assert await world.error("SearchSnippet/get", **arguments) == kind


@pytest.mark.parametrize("slice_seconds", [0.0, 10.0])
async def test_a_page_is_looked_into_in_a_few_readings(
    world: JmapWorld, slice_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty messages are one visit to a reading thread when there is time, fifty when there is none."""
    for number in range(50):
        await world.deliver(a_message(f"s{number}", body=f"needle {number}\r\n"))
    emails = (await world.call("Email/query", filter={"text": "needle"}))["ids"]
    monkeypatch.setattr(evaluate, "SLICE_SECONDS", slice_seconds)
    engine, readings = world.store.engine, [0]
    read = engine.searching

    async def counted(account: AccountId, plan: Callable[[BlobReader], Reading[object]]) -> object:
        readings[0] += 1
        return await read(account, plan)

    monkeypatch.setattr(engine, "searching", counted)
    found = await world.call("SearchSnippet/get", filter={"text": "needle"}, emailIds=emails)
    assert {one["preview"][:20] for one in found["list"]} == {"<mark>needle</mark> "[:20]}
    assert len(found["list"]) == 50
    assert readings[0] == (50 if slice_seconds == 0 else 1)


async def test_a_message_that_cannot_be_read_has_no_preview(
    world: JmapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.deliver(a_message("needle", body="needle\r\n"))
    (email,) = (await world.call("Email/query"))["ids"]

    def damaged(*_: object) -> bytes:
        raise DamagedBlob("broken")

    monkeypatch.setattr(StoredRows, "rebuild", damaged)
    found = await world.call("SearchSnippet/get", filter={"text": "needle"}, emailIds=[email])
    assert found["list"] == [{"emailId": email, "subject": "<mark>needle</mark>", "preview": None}]


QUESTIONS: list[tuple[dict[str, Any], str]] = [
    ({"text": "invo"}, "a"),
    ({"text": "voice"}, ""),
    ({"text": "INVOICES cafe"}, "a"),
    ({"text": '"due invoices"'}, "a"),
    ({"text": "'due invoice'"}, ""),
    ({"body": "会議"}, "b"),
    ({"text": "zoe@ex"}, "b"),
    ({"from": "oe@examp"}, "b"),
    ({"to": "bob"}, "a b c"),
    ({"subject": "resume"}, "c"),
    ({"text": "o"}, "a b c"),
    ({"operator": "NOT", "conditions": [{"text": "invo"}, {"from": "zoe"}]}, "c"),
    (
        {
            "operator": "AND",
            "conditions": [{"text": "x"}, {"operator": "NOT", "conditions": [{"body": "x"}]}],
        },
        "",
    ),
    ({"header": ["X-Kind", "paper"]}, "c"),
]


async def test_the_whole_way_on_both_engines(
    tmp_path: Path, store_settings: EnginePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is found by looking through messages is found with the index, and words of texts are marked."""
    monkeypatch.setattr(compiling, "SHORT", 0)
    messages = {
        "a": a_message("Reminder", body="Caf\u00e9: due\r\ninvoices.\r\n"),
        "b": a_message("Plan", body="明日の会議室\r\n", sender="Zoe <zoe@example.net>"),
        "c": a_message("=?utf-8?q?R=C3=A9sum=C3=A9?=", extra="X-Kind: Paper"),
    }
    async with jmap_world(tmp_path, store_limits=store_settings) as world:
        for number, octets in enumerate(messages.values()):
            await world.deliver(octets, received_ms=NOW_MS + number * 1000)
        by = [{"property": "receivedAt"}]
        emails = dict(zip((await world.call("Email/query", sort=by))["ids"], messages, strict=True))
        for indexed in (False, True):
            if indexed:
                await index_all(Opened(world.store, world.anna.id))
            for condition, expected in QUESTIONS:
                found = (await world.call("Email/query", filter=condition, sort=by))["ids"]
                assert [emails[id_] for id_ in found] == expected.split(), (indexed, condition)
                given = await world.call("SearchSnippet/get", filter=condition, emailIds=found)
                assert len(given["list"]) == len(found)
                if expected == "a" or set(condition) & {"body", "subject"}:
                    assert all(one["subject"] or one["preview"] for one in given["list"]), condition
