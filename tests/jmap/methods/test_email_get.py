"""RFC 8621 sections 4.1, 4.2 and 4.9: what of an Email is shown."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.jmap_world import JmapWorld, jmap_world
from tests.support.stores import a_message

from pymailcore.base.errors import NotFound
from pymailcore.jmap.methods.email_parts import cut_text
from pymailcore.jmap.settings import JmapSettings

MULTIPART = (
    b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\n"
    b"To: A Group: Ann <ann@example.org>, bob@example.org;, carl@example.org\r\n"
    b"Subject: =?utf-8?b?w6R0aGVy?=\r\n"
    b"Date: Thu, 30 Oct 2014 14:12:00 +0800\r\n"
    b"Message-ID: <m1@example.org>\r\n"
    b"References: <r1@x> <r2@x>\r\n"
    b"List-Unsubscribe: <https://example.org/u>, <mailto:u@example.org>\r\n"
    b"X-Twice: one\r\nX-Twice: two\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b"--m\r\n"
    b'Content-Type: multipart/alternative; boundary="a"\r\n\r\n'
    b"--a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Gr=C3=BC=C3=9Fe\r\n"
    b"--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Gruss <b>fett</b></p>\r\n--a--\r\n"
    b"--m\r\n"
    b'Content-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment; filename="a.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\nContent-ID: <cid1>\r\nContent-Language: de, en\r\n\r\n"
    b"JVBERi0xLjQK\r\n"
    b"--m--\r\n"
)


@pytest.fixture
async def email(world: JmapWorld) -> str:
    await world.deliver(MULTIPART)
    return str((await world.call("Email/query"))["ids"][0])


async def get(world: JmapWorld, email: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    found = await world.call("Email/get", ids=[email], **arguments)
    return dict(found["list"][0])


async def test_the_default_properties(world: JmapWorld, email: str) -> None:
    """RFC 8621 section 4.2."""
    shown = await get(world, email)
    assert set(shown) == {
        "id",
        "blobId",
        "threadId",
        "mailboxIds",
        "keywords",
        "size",
        "receivedAt",
        "messageId",
        "inReplyTo",
        "references",
        "sender",
        "from",
        "to",
        "cc",
        "bcc",
        "replyTo",
        "subject",
        "sentAt",
        "hasAttachment",
        "preview",
        "bodyValues",
        "textBody",
        "htmlBody",
        "attachments",
    }
    assert shown["subject"] == "äther"
    assert shown["from"] == [{"name": "Jörg", "email": "joerg@example.org"}]
    assert [entry["email"] for entry in shown["to"]] == [
        "ann@example.org",
        "bob@example.org",
        "carl@example.org",
    ]
    assert shown["sentAt"] == "2014-10-30T14:12:00+08:00"
    assert shown["messageId"] == ["m1@example.org"]
    assert shown["references"] == ["r1@x", "r2@x"]
    assert shown["size"] == len(MULTIPART)
    assert shown["hasAttachment"] is True
    assert shown["bodyValues"] == {}
    assert shown["mailboxIds"] == {world.mailboxes["inbox"]: True}
    (text,), (page,), (file,) = shown["textBody"], shown["htmlBody"], shown["attachments"]
    assert (text["partId"], text["type"], text["charset"], text["size"]) == ("1.1", "text/plain", "utf-8", 7)
    assert page["partId"] == "1.2"
    assert file == {
        "partId": "2",
        "blobId": file["blobId"],
        "size": 9,
        "name": "a.pdf",
        "type": "application/pdf",
        "charset": None,
        "disposition": "attachment",
        "cid": "cid1",
        "language": ["de", "en"],
        "location": None,
    }
    answer = await world.request("GET", f"/jmap/download/{world.account_id}/{file['blobId']}/a.pdf")
    assert answer.body == b"%PDF-1.4\n"


async def test_the_tree_of_parts(world: JmapWorld, email: str) -> None:
    """RFC 8621 section 4.1.4: bodyStructure."""
    shown = await get(
        world, email, properties=["bodyStructure"], bodyProperties=["partId", "type", "subParts", "blobId"]
    )
    root = shown["bodyStructure"]
    assert (root["partId"], root["blobId"], root["type"]) == (None, None, "multipart/mixed")
    assert [part["type"] for part in root["subParts"]] == ["multipart/alternative", "application/pdf"]
    assert [part["partId"] for part in root["subParts"][0]["subParts"]] == ["1.1", "1.2"]
    assert root["subParts"][1]["subParts"] is None
    assert set(shown) == {"id", "bodyStructure"}


async def test_body_values(world: JmapWorld, email: str) -> None:
    values = (await get(world, email, fetchTextBodyValues=True))["bodyValues"]
    assert values == {"1.1": {"value": "Grüße", "isEncodingProblem": False, "isTruncated": False}}
    values = (await get(world, email, fetchHTMLBodyValues=True))["bodyValues"]
    assert values["1.2"]["value"].startswith("<p>Gruss")
    assert set((await get(world, email, fetchAllBodyValues=True))["bodyValues"]) == {"1.1", "1.2"}
    cut = (await get(world, email, fetchAllBodyValues=True, maxBodyValueBytes=5))["bodyValues"]
    assert cut["1.1"] == {"value": "Grü", "isEncodingProblem": False, "isTruncated": True} or (
        len(cut["1.1"]["value"].encode()) <= 5
    )
    assert cut["1.2"]["isTruncated"]


@pytest.mark.parametrize(
    ("text", "limit", "html", "cut"),
    [
        ("abc", 3, False, "abc"),
        ("abc", 2, False, "ab"),
        ("aé", 2, False, "a"),
        ("aé", 3, False, "aé"),
        ("<p>abc</p>", 8, True, "<p>abc"),
        ("<p>abc</p>", 10, True, "<p>abc</p>"),
        ("x😀y", 4, False, "x"),
    ],
)
def test_a_cut_leaves_no_half_characters_and_tags(text: str, limit: int, html: bool, cut: str) -> None:
    """RFC 8621 section 4.2: maxBodyValueBytes."""
    assert cut_text(text, limit, html=html) == cut


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("header:subject", " =?utf-8?b?w6R0aGVy?="),
        ("header:SUBJECT:asText", "äther"),
        ("header:X-Twice", " two"),
        ("header:X-Twice:all", [" one", " two"]),
        ("header:X-None", None),
        ("header:X-None:all", []),
        ("header:References:asMessageIds", ["r1@x", "r2@x"]),
        ("header:Date:asDate", "2014-10-30T14:12:00+08:00"),
        ("header:List-Unsubscribe:asURLs", ["https://example.org/u", "mailto:u@example.org"]),
        ("header:From:asAddresses", [{"name": "Jörg", "email": "joerg@example.org"}]),
        ("header:X-Twice:asText:all", ["one", "two"]),
    ],
)
async def test_header_forms(world: JmapWorld, email: str, name: str, value: object) -> None:
    """RFC 8621 sections 4.1.2 and 4.1.3."""
    assert (await get(world, email, properties=[name]))[name] == value


async def test_grouped_addresses(world: JmapWorld, email: str) -> None:
    name = "header:To:asGroupedAddresses"
    groups = (await get(world, email, properties=[name]))[name]
    assert groups[0]["name"] == "A Group"
    assert [entry["email"] for entry in groups[0]["addresses"]] == ["ann@example.org", "bob@example.org"]
    assert groups[1] == {"name": None, "addresses": [{"name": None, "email": "carl@example.org"}]}


@pytest.mark.parametrize(
    "name",
    [
        "none",
        "header:",
        "header:A B",
        "header:Subject:asDate",
        "header:From:asText",
        "header:X:asNothing",
        "header:X:all:asText",
        "header:X:asText:none",
        "Header:X",
    ],
)
async def test_properties_that_there_are_not(world: JmapWorld, email: str, name: str) -> None:
    assert await world.error("Email/get", ids=[email], properties=[name]) == "invalidArguments"
    assert await world.error("Email/get", ids=[email], bodyProperties=[name]) == "invalidArguments"


async def test_headers_of_message_and_part(world: JmapWorld, email: str) -> None:
    shown = await get(
        world,
        email,
        properties=["headers", "attachments"],
        bodyProperties=["headers", "header:Content-Language:asText"],
    )
    assert shown["headers"][0]["name"] == "From"
    assert shown["headers"][7] == {"name": "X-Twice", "value": " one"}
    (file,) = shown["attachments"]
    assert file["header:Content-Language:asText"] == "de, en"
    assert {"name": "Content-ID", "value": " <cid1>"} in file["headers"]


async def test_not_found_and_limits(world: JmapWorld, email: str) -> None:
    found = await world.call("Email/get", ids=["e1", email, "x", email], properties=["id"])
    assert ([entry["id"] for entry in found["list"]], found["notFound"]) == ([email], ["e1", "x"])
    assert await world.error("Email/get", ids=None) == "requestTooLarge"
    many = [f"e{number}" for number in range(501)]
    assert await world.error("Email/get", ids=many) == "requestTooLarge"
    assert len((await world.call("Email/get", ids=many[:500]))["notFound"]) == 500


async def test_a_blob_is_parsed_without_being_stored(world: JmapWorld) -> None:
    """RFC 8621 section 4.9."""
    blob = await world.upload(MULTIPART, "message/rfc822")
    found = await world.call(
        "Email/parse",
        blobIds=[blob, "mx"],
        fetchTextBodyValues=True,
        properties=["subject", "bodyValues", "id", "size"],
    )
    assert found["notFound"] == ["mx"]
    parsed = found["parsed"][blob]
    assert (parsed["subject"], parsed["id"], parsed["size"]) == ("äther", None, len(MULTIPART))
    assert parsed["bodyValues"]["1.1"]["value"] == "Grüße"
    assert "id" not in (await world.call("Email/parse", blobIds=[blob]))["parsed"][blob]


async def test_a_broken_message_is_shown_as_far_as_it_goes(world: JmapWorld) -> None:
    await world.deliver(b"\x00\xff\xfe no header\n\rSubject: =?x?q?=80?=\r\n\r\n\x80\xff")
    (email,) = (await world.call("Email/query"))["ids"]
    shown = await get(
        world, email, fetchAllBodyValues=True, properties=["headers", "bodyValues", "preview", "from"]
    )
    assert shown["from"] is None


async def test_a_list_of_fifty_is_few_calls_of_the_store(world: JmapWorld) -> None:
    """DESIGN section 8: no await for each Email of a list."""
    for number in range(20):
        await world.deliver(a_message(str(number)))
    calls: list[str] = []
    store = world.services.store
    originals = {name: getattr(store, name) for name in ("emails", "message", "query", "states")}

    def counted(name: str) -> Any:  # noqa: ANN401
        async def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            calls.append(name)
            return await originals[name](*arguments, **options)

        return call

    for name in originals:
        setattr(store, name, counted(name))
    reference = {"resultOf": "q", "name": "Email/query", "path": "/ids"}
    await world.api(
        ["Email/query", {"accountId": world.account_id}, "q"],
        [
            "Email/get",
            {"accountId": world.account_id, "#ids": reference, "properties": ["subject", "preview"]},
            "g",
        ],
    )
    assert calls == ["query", "states", "emails"]


@pytest.mark.parametrize(("count", "kind"), [(256, None), (257, "invalidArguments")])
@pytest.mark.parametrize("argument", ["properties", "bodyProperties"])
async def test_properties_are_limited(
    world: JmapWorld, email: str, argument: str, count: int, kind: str | None
) -> None:
    """Found here: a request of 10 MB could ask for 600,000 header fields of each of 500 Emails."""
    names = [f"header:X-{number}" for number in range(count)]
    arguments: dict[str, Any] = {"ids": [email], argument: names}
    name, result = await world.outcome("Email/get", **arguments)
    assert (name, result.get("type")) == ("Email/get" if kind is None else "error", kind)


async def test_the_answers_to_one_request_are_bounded(tmp_path: Path) -> None:
    """Found here: 32 calls for the same 500 large body values made gigabytes of one answer."""
    async with jmap_world(tmp_path, settings=JmapSettings(max_answer_octets=250_000)) as world:
        await world.deliver(a_message(body="x" * 90_000 + "\r\n"))
        (email,) = (await world.call("Email/query"))["ids"]
        asked = {"accountId": world.account_id, "ids": [email], "fetchAllBodyValues": True}
        document = await world.api(*(["Email/get", asked, str(number)] for number in range(4)))
        names = [answer[0] for answer in document["methodResponses"]]
        assert names == ["Email/get", "Email/get", "error", "error"]
        assert document["methodResponses"][2][1]["type"] == "requestTooLarge"


async def test_an_email_that_goes_meanwhile_is_not_found(
    world: JmapWorld, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found here: one Email that was destroyed at the wrong moment failed the whole call."""

    async def gone(*_: object) -> bytes:
        raise NotFound("email")

    monkeypatch.setattr(world.store, "message", gone)
    found = await world.call("Email/get", ids=[email], properties=["headers"])
    assert (found["list"], found["notFound"]) == ([], [email])


async def test_a_parsed_blob_has_the_properties_asked_for_and_no_others(world: JmapWorld) -> None:
    """RFC 8621 section 4.9: id, mailboxIds, keywords and receivedAt are null when asked for."""
    blob = await world.upload(a_message("parsed"))
    found = await world.call("Email/parse", blobIds=[blob], properties=["subject", "keywords", "blobId"])
    assert found["parsed"] == {blob: {"subject": "parsed", "keywords": None, "blobId": blob}}
