"""RFC 8621 sections 4.6 and 4.8: making, changing and removing Emails."""

from typing import Any

import pytest
from tests.support.jmap_world import HOST, NOW_MS, JmapWorld
from tests.support.stores import a_message

from pymailcore.jmap.protocol.values import utc_date


@pytest.fixture
async def email(world: JmapWorld) -> str:
    await world.deliver(a_message())
    return str((await world.call("Email/query"))["ids"][0])


async def shown(world: JmapWorld, email: str, *properties: str) -> dict[str, Any]:
    return dict((await world.call("Email/get", ids=[email], properties=list(properties)))["list"][0])


async def octets_of(world: JmapWorld, email: str) -> bytes:
    blob = (await shown(world, email, "blobId"))["blobId"]
    return (await world.request("GET", f"/jmap/download/{world.account_id}/{blob}/x.eml")).body


async def test_keywords_are_set_taken_and_replaced(world: JmapWorld, email: str) -> None:
    for patch, expected in (
        ({"keywords/$seen": True, "keywords/Work": True}, {"$seen", "work"}),
        ({"keywords/$seen": None}, {"work"}),
        ({"keywords": {"$flagged": True}}, {"$flagged"}),
        ({"keywords": {}}, set()),
    ):
        assert (await world.call("Email/set", update={email: patch}))["updated"] == {email: None}
        assert set((await shown(world, email, "keywords"))["keywords"]) == expected


async def test_mailboxes_are_set_added_and_left(world: JmapWorld, email: str) -> None:
    inbox, archive, junk = (world.mailboxes[role] for role in ("inbox", "archive", "junk"))
    for patch, expected in (
        ({f"mailboxIds/{archive}": True}, {inbox, archive}),
        ({f"mailboxIds/{inbox}": None}, {archive}),
        ({"mailboxIds": {junk: True}}, {junk}),
    ):
        await world.call("Email/set", update={email: patch})
        assert set((await shown(world, email, "mailboxIds"))["mailboxIds"]) == expected
    refused = await world.call("Email/set", update={email: {f"mailboxIds/{junk}": None}})
    assert refused["notUpdated"][email]["properties"] == ["mailboxIds"]


@pytest.mark.parametrize(
    ("patch", "kind"),
    [
        ({"subject": "x"}, "invalidProperties"),
        ({"keywords/$seen": False}, "invalidProperties"),
        ({"keywords/a b": True}, "invalidProperties"),
        ({"keywords": {"$seen": False}}, "invalidProperties"),
        ({"keywords": {f"k{n}": True for n in range(129)}}, "tooManyKeywords"),
        ({"mailboxIds": {}}, "invalidProperties"),
        ({"mailboxIds": {"m1": True}}, "invalidProperties"),
        ({"mailboxIds/m1": True}, "invalidProperties"),
        ({"mailboxIds/x y": True}, "invalidProperties"),
        ({"keywords": {}, "keywords/$seen": True}, "invalidPatch"),
        ({"": 1}, "invalidPatch"),
    ],
)
async def test_updates_that_cannot_be(world: JmapWorld, email: str, patch: dict[str, Any], kind: str) -> None:
    refused = await world.call("Email/set", update={email: patch})
    assert refused["notUpdated"][email]["type"] == kind
    assert refused["updated"] is None


async def test_a_keyword_has_at_most_255_characters(world: JmapWorld, email: str) -> None:
    """RFC 8621 section 4.1.1."""
    done = await world.call("Email/set", update={email: {"keywords/" + "k" * 255: True}})
    assert done["updated"] == {email: None}
    refused = await world.call("Email/set", update={email: {"keywords/" + "k" * 256: True}})
    assert refused["notUpdated"][email]["type"] == "invalidProperties"


async def test_destroy_and_what_is_not_there(world: JmapWorld, email: str) -> None:
    done = await world.call("Email/set", update={email: {"keywords/$seen": True}}, destroy=[email, "e1"])
    assert done["notUpdated"][email]["type"] == "willDestroy"
    assert done["destroyed"] == [email]
    assert done["notDestroyed"]["e1"]["type"] == "notFound"
    done = await world.call("Email/set", update={email: {"keywords/$seen": True}, "#x": {}})
    assert {error["type"] for error in done["notUpdated"].values()} == {"notFound"}


async def test_a_wrong_state_stops_a_set(world: JmapWorld, email: str) -> None:
    state = (await world.call("Email/get", ids=[]))["state"]
    done = await world.call("Email/set", ifInState=state, update={email: {"keywords/$seen": True}})
    assert (done["oldState"], done["updated"]) == (state, {email: None})
    assert await world.error("Email/set", ifInState=state, destroy=[email]) == "stateMismatch"


async def test_a_message_is_written(world: JmapWorld) -> None:
    file = await world.upload(b"%PDF-1.4\n" * 200)
    image = await world.upload(b"\x89PNG\r\n\x1a\n" + b"x" * 50)
    made = await world.call(
        "Email/set",
        create={
            "k": {
                "mailboxIds": {world.mailboxes["drafts"]: True},
                "keywords": {"$draft": True, "$seen": True},
                "receivedAt": "2024-01-02T03:04:05Z",
                "from": [{"name": "Änna", "email": "anna@example.org"}],
                "to": [{"name": None, "email": "bob@example.net"}],
                "subject": "Grüße",
                "inReplyTo": ["a@b"],
                "header:X-Mark:asText": "yes",
                "header:X-List:asText:all": ["1", "2"],
                "textBody": [{"partId": "t", "type": "text/plain"}],
                "htmlBody": [{"partId": "h"}],
                "attachments": [
                    {
                        "blobId": file,
                        "type": "application/pdf",
                        "name": "bücher.pdf",
                        "disposition": "attachment",
                    },
                    {"blobId": image, "type": "image/png", "cid": "logo", "disposition": "inline"},
                ],
                "bodyValues": {"t": {"value": "text\nzwei ü"}, "h": {"value": '<img src="cid:logo">'}},
            }
        },
    )
    created = made["created"]["k"]
    assert set(created) == {"id", "blobId", "threadId", "size"}
    octets = await octets_of(world, created["id"])
    assert len(octets) == created["size"]
    assert f"@{HOST}>".encode() in octets
    email = await shown(
        world, created["id"], "subject", "from", "keywords", "receivedAt", "attachments", "bodyStructure",
        "header:X-List:asText:all", "sentAt", "inReplyTo", "hasAttachment",
    )  # fmt: skip
    assert email["subject"] == "Grüße"
    assert email["from"] == [{"name": "Änna", "email": "anna@example.org"}]
    assert set(email["keywords"]) == {"$draft", "$seen"}
    assert email["receivedAt"] == "2024-01-02T03:04:05Z"
    assert email["sentAt"] == utc_date(NOW_MS)
    assert email["header:X-List:asText:all"] == ["1", "2"]
    assert email["bodyStructure"]["type"] == "multipart/mixed"
    assert {part["name"] for part in email["attachments"]} >= {"bücher.pdf"}
    values = await world.call(
        "Email/get", ids=[created["id"]], properties=["bodyValues"], fetchAllBodyValues=True
    )
    assert {entry["value"] for entry in values["list"][0]["bodyValues"].values()} == {
        "text\nzwei ü",
        '<img src="cid:logo">',
    }


async def test_a_message_is_written_from_its_structure(world: JmapWorld) -> None:
    made = await world.call(
        "Email/set",
        create={
            "k": {
                "mailboxIds": {world.mailboxes["drafts"]: True},
                "bodyStructure": {
                    "type": "multipart/alternative",
                    "subParts": [
                        {"partId": "1", "type": "text/plain", "language": ["de"], "header:X-Part": " a"},
                        {"partId": "2", "type": "text/html"},
                    ],
                },
                "bodyValues": {"1": {"value": "a", "isTruncated": False}, "2": {"value": "<p>b"}},
            }
        },
    )
    octets = await octets_of(world, made["created"]["k"]["id"])
    assert b"X-Part: a\r\n" in octets
    assert b"Content-Language: de\r\n" in octets


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"none": 1}, ["none"]),
        ({"id": "x"}, ["id"]),
        ({"headers": []}, ["headers"]),
        ({"subject": "a\r\nBcc: x@y"}, ["subject"]),
        ({"subject": 1}, ["subject"]),
        ({"from": [{"name": "x"}]}, ["from"]),
        ({"from": [{"email": "a@b\r\nX: y"}]}, ["from"]),
        ({"from": "a@b"}, ["from"]),
        ({"messageId": ["a b"]}, ["messageId"]),
        ({"sentAt": "today"}, ["sentAt"]),
        ({"subject": "x", "header:Subject:asText": "y"}, ["header:Subject:asText", "subject"]),
        ({"header:Content-Type": "text/html"}, ["header:Content-Type"]),
        ({"header:X-A": "a\r\nb"}, ["header:X-A"]),
        ({"header:X-A:all": "a"}, ["header:X-A:all"]),
        ({"header:X:asNothing": "a"}, ["header:X:asNothing"]),
        ({"receivedAt": "x"}, ["receivedAt"]),
        ({"keywords": {"a b": True}}, ["keywords"]),
        ({"mailboxIds": {}}, ["mailboxIds"]),
        ({"mailboxIds": {"m1": True}}, ["mailboxIds"]),
        ({"textBody": [{"partId": "1"}]}, ["textBody"]),
        ({"textBody": [{}]}, ["textBody"]),
        ({"textBody": {}}, ["textBody"]),
        ({"textBody": [{"partId": "1"}, {"partId": "1"}]}, ["textBody"]),
        ({"textBody": [{"partId": "1", "type": "text/html"}]}, ["textBody"]),
        ({"bodyValues": {"1": {"value": "x"}}}, ["bodyValues"]),
        ({"bodyValues": {"1": {"value": "x", "isTruncated": True}}}, ["bodyValues"]),
        ({"bodyValues": {"1": {}}}, ["bodyValues"]),
        (
            {"bodyValues": {"1": {"value": "x"}}, "textBody": [{"partId": "1", "charset": "utf-8"}]},
            ["textBody"],
        ),
        ({"bodyStructure": {"type": "multipart/mixed"}}, ["bodyStructure"]),
        ({"bodyStructure": {"type": "text/plain", "subParts": [{}]}}, ["bodyStructure"]),
        ({"bodyStructure": {"partId": "1"}, "textBody": [{"partId": "1"}]}, ["bodyStructure", "textBody"]),
        (
            {"bodyValues": {"1": {"value": "x"}}, "bodyStructure": {"partId": "1", "type": "image/png"}},
            ["bodyStructure"],
        ),
        (
            {
                "bodyValues": {"1": {"value": "x"}},
                "textBody": [{"partId": "1", "header:Content-Transfer-Encoding": "x"}],
            },
            ["header:Content-Transfer-Encoding"],
        ),
    ],
)
async def test_messages_that_cannot_be_written(
    world: JmapWorld, properties: dict[str, Any], named: list[str]
) -> None:
    """RFC 8621 section 4.6, and header injection (security notes, J5)."""
    given = {"mailboxIds": {world.mailboxes["drafts"]: True}, **properties}
    refused = (await world.call("Email/set", create={"k": given}))["notCreated"]["k"]
    assert (refused["type"], refused["properties"]) == ("invalidProperties", named)
    assert (await world.call("Email/query"))["ids"] == []


async def test_a_blob_that_is_not_ours_cannot_be_attached(world: JmapWorld) -> None:
    """Security notes, J5: the blob of another account, and one that is not there, look the same."""
    foreign = await world.deliver(a_message(), account=world.ben)
    for blob in (foreign.blob, "b" + "0" * 64, "nothing", "#none"):
        given = {
            "mailboxIds": {world.mailboxes["drafts"]: True},
            "attachments": [{"blobId": blob, "type": "text/plain"}],
        }
        refused = (await world.call("Email/set", create={"k": given}))["notCreated"]["k"]
        assert (refused["type"], refused["notFound"]) == ("blobNotFound", [blob])
        imported = await world.call(
            "Email/import", emails={"k": {"blobId": blob, "mailboxIds": {world.mailboxes["inbox"]: True}}}
        )
        assert imported["notCreated"]["k"]["type"] == "blobNotFound"
        assert (await world.call("Email/parse", blobIds=[blob]))["notFound"] == [blob]


async def test_creation_ids_reach_later_calls_and_come_back(world: JmapWorld) -> None:
    """RFC 8620 section 5.3."""
    account = {"accountId": world.account_id}
    document = await world.api(
        ["Mailbox/set", {**account, "create": {"box": {"name": "Box"}}}, "1"],
        ["Email/set", {**account, "create": {"mail": {"mailboxIds": {"#box": True}, "subject": "s"}}}, "2"],
        ["Email/set", {**account, "update": {"#mail": {"keywords/$seen": True}}}, "3"],
        ["Email/get", {**account, "ids": ["#mail"]}, "4"],
        createdIds={},
    )
    mailbox = document["methodResponses"][0][1]["created"]["box"]["id"]
    email = document["methodResponses"][1][1]["created"]["mail"]["id"]
    assert document["methodResponses"][2][1]["updated"] == {"#mail": None}
    assert document["createdIds"] == {"box": mailbox, "mail": email}
    assert set((await shown(world, email, "mailboxIds"))["mailboxIds"]) == {mailbox}


async def test_import(world: JmapWorld) -> None:
    """RFC 8621 section 4.8."""
    blob = await world.upload(a_message("imported").replace(b"\r\n", b"\n"))
    empty = await world.upload(b" ")
    inbox = {world.mailboxes["inbox"]: True}
    done = await world.call(
        "Email/import",
        emails={
            "a": {"blobId": blob, "mailboxIds": inbox, "keywords": {"$seen": True}},
            "b": {"blobId": empty, "mailboxIds": inbox},
            "c": {"blobId": blob, "mailboxIds": {}},
            "d": {"blobId": blob, "mailboxIds": inbox, "none": 1},
            "e": {"mailboxIds": inbox},
        },
    )
    assert {key: error["type"] for key, error in done["notCreated"].items()} == {
        "b": "invalidEmail", "c": "invalidProperties", "d": "invalidProperties", "e": "invalidProperties",
    }  # fmt: skip
    email = await shown(world, done["created"]["a"]["id"], "subject", "keywords", "receivedAt")
    assert (email["subject"], email["keywords"], email["receivedAt"]) == (
        "imported", {"$seen": True}, utc_date(NOW_MS),
    )  # fmt: skip
    assert b"\r\nTo:" in await octets_of(world, done["created"]["a"]["id"])
    assert await world.error("Email/import", emails={}, ifInState="0") == "stateMismatch"
    assert await world.error("Email/import", emails={f"k{n}": {} for n in range(501)}) == "requestTooLarge"


async def test_without_a_date_an_import_takes_that_of_the_newest_received_field(world: JmapWorld) -> None:
    """RFC 8621 section 4.8: found here, the present time was taken."""
    received = (
        b"Received: from b by a; Tue, 05 Mar 2024 10:00:00 +0200\r\n"
        b"Received: from c by b; Mon, 04 Mar 2024 09:00:00 +0000\r\n"
    )
    dates = {}
    for name, octets in {"with": received + a_message(), "without": a_message()}.items():
        blob = await world.upload(octets)
        emails = {"k": {"blobId": blob, "mailboxIds": {world.mailboxes["inbox"]: True}}}
        made = await world.call("Email/import", emails=emails)
        (email,) = (await world.call("Email/get", ids=[made["created"]["k"]["id"]]))["list"]
        dates[name] = email["receivedAt"]
    assert dates == {"with": "2024-03-05T08:00:00Z", "without": "2026-09-21T14:13:20Z"}


async def test_a_whole_email_is_a_patch(world: JmapWorld, email: str) -> None:
    """RFC 8620 section 5.3: what only the server sets may be repeated, and not changed."""
    (whole,) = (await world.call("Email/get", ids=[email]))["list"]
    done = await world.call("Email/set", update={email: {**whole, "keywords": {"$seen": True}}})
    assert done["updated"] == {email: None}
    (now,) = (await world.call("Email/get", ids=[email]))["list"]
    assert now == {**whole, "keywords": {"$seen": True}}
    for name, value in (("subject", "another"), ("threadId", "t1"), ("size", 1), ("header:X-A", "b")):
        refused = await world.call("Email/set", update={email: {**whole, name: value}})
        assert refused["notUpdated"][email]["properties"] == [name]


@pytest.mark.parametrize(
    ("properties", "wrong"),
    [
        ({"subject": "x", "bodyStructure": {"partId": "1", "header:Subject": " y"}}, True),
        ({"bodyStructure": {"partId": "1", "header:Subject": " y"}}, False),
        ({"bodyStructure": {"partId": "1", "header:Date:asDate": "2024-03-05T10:00:00Z"}}, False),
        ({"subject": "x", "textBody": [{"partId": "1", "header:SUBJECT": " y"}]}, True),
    ],
)
async def test_no_field_is_written_by_message_and_body(
    world: JmapWorld, properties: dict[str, Any], wrong: bool
) -> None:
    """RFC 8621 section 4.6: found here, both were written and the message had two of them."""
    create = {
        "mailboxIds": {world.mailboxes["drafts"]: True},
        "bodyValues": {"1": {"value": "x"}},
        **properties,
    }
    made = await world.call("Email/set", create={"k": create})
    if wrong:
        assert made["notCreated"]["k"]["type"] == "invalidProperties"
        return
    asked = ["header:Subject:all", "header:Date:all"]
    (email,) = (await world.call("Email/get", ids=[made["created"]["k"]["id"]], properties=asked))["list"]
    assert all(len(email[name]) <= 1 for name in asked)
