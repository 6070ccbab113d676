"""Nobody reaches what is another account's: every method and every URL that takes an id.

Security notes, J5, J6 and T1. The rows are checked against the registry: a method without a row fails the
suite. Each row is asked twice by Ben, with ids of Anna's and with ids that nobody has; the two answers must
be the same but for the ids themselves.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from tests.support.jmap_world import JmapWorld, basic, call_app
from tests.support.stores import a_message

from pymailcore.base import ids
from pymailcore.base.ids import EmailId
from pymailcore.jmap.methods.registry import DATA_TYPES
from pymailcore.jmap.protocol.values import is_id
from pymailcore.store.blobids import email_blob, part_blob

NOBODY = EmailId(77)
KINDS = {
    "account": ids.ACCOUNT,
    "mailbox": ids.MAILBOX,
    "email": ids.EMAIL,
    "thread": ids.THREAD,
    "identity": ids.IDENTITY,
    "submission": ids.SUBMISSION,
}
CANARY = "canary-of-anna"
USER = "ben@example.org"


@dataclass
class Ids:
    """Ids of one account, or of nobody; `own_*` are Ben's in both."""

    account: str
    mailbox: str
    email: str
    thread: str
    identity: str
    submission: str
    message_blob: str
    part_blob: str
    upload_blob: str
    own_mailbox: str = ""
    own_email: str = ""
    own_identity: str = ""


Row = Callable[[Ids], dict[str, Any]]


def _blobs(of: Ids) -> list[str]:
    return [of.message_blob, of.part_blob, of.upload_blob]


def _draft(of: Ids, **more: object) -> dict[str, Any]:
    return {"mailboxIds": {of.own_mailbox: True}, "subject": "x", **more}


SINCE = {"sinceState": "0"}
SINCE_QUERY = {"sinceQueryState": "0"}

ROWS: dict[str, list[Row]] = {
    "Core/echo": [lambda of: {"x": asdict(of)}],
    "Blob/copy": [lambda of: {"fromAccountId": of.account, "blobIds": _blobs(of)}],
    "PushSubscription/get": [lambda of: {"ids": [of.email]}],
    "PushSubscription/set": [lambda of: {"update": {of.email: {}}, "destroy": [of.thread]}],
    "Mailbox/get": [lambda of: {"ids": [of.mailbox]}, lambda _: {"ids": None}],
    "Mailbox/changes": [lambda _: SINCE],
    "Mailbox/query": [
        lambda _: {},
        lambda of: {"filter": {"parentId": of.mailbox}},
        lambda of: {"anchor": of.mailbox},
    ],
    "Mailbox/queryChanges": [lambda of: {**SINCE_QUERY, "upToId": of.mailbox}],
    "Mailbox/set": [
        lambda of: {"create": {"k": {"name": "x", "parentId": of.mailbox}}},
        lambda of: {"update": {of.mailbox: {"name": "y"}}},
        lambda of: {"update": {of.own_mailbox: {"parentId": of.mailbox}}},
        lambda of: {"destroy": [of.mailbox], "onDestroyRemoveEmails": True},
    ],
    "Thread/get": [lambda of: {"ids": [of.thread]}],
    "Thread/changes": [lambda _: SINCE],
    "Email/get": [
        lambda of: {"ids": [of.email]},
        lambda of: {"ids": [of.email], "properties": ["bodyStructure", "header:Subject:asText"]},
    ],
    "Email/changes": [lambda _: SINCE],
    "Email/query": [
        lambda _: {"calculateTotal": True},
        lambda _: {"filter": {"text": CANARY}, "calculateTotal": True},
        lambda of: {"filter": {"inMailbox": of.mailbox}, "calculateTotal": True},
        lambda of: {"filter": {"inMailboxOtherThan": [of.mailbox]}, "calculateTotal": True},
        lambda of: {"anchor": of.email},
    ],
    "Email/queryChanges": [lambda of: {**SINCE_QUERY, "upToId": of.email}],
    "Email/set": [
        lambda of: {"create": {"k": {"mailboxIds": {of.mailbox: True}, "subject": "x"}}},
        lambda of: {"create": {"k": _draft(of, attachments=[{"blobId": blob} for blob in _blobs(of)])}},
        lambda of: {
            "create": {"k": _draft(of, bodyStructure={"blobId": of.part_blob, "type": "text/plain"})}
        },
        lambda of: {"update": {of.email: {"keywords/$seen": True}}},
        lambda of: {"update": {of.email: {"subject": CANARY}}},
        lambda of: {"update": {of.own_email: {"mailboxIds": {of.mailbox: True}}}},
        lambda of: {"update": {of.own_email: {f"mailboxIds/{of.mailbox}": True}}},
        lambda of: {"update": {of.own_email: {"threadId": of.thread}}},
        lambda of: {"destroy": [of.email]},
    ],
    "Email/copy": [lambda of: {"fromAccountId": of.account, "create": {"k": {"id": of.email}}}],
    "Email/import": [
        *(
            lambda of, place=place: {
                "emails": {"k": {"blobId": _blobs(of)[place], "mailboxIds": {of.own_mailbox: True}}}
            }
            for place in range(3)
        ),
        lambda of: {"emails": {"k": {"blobId": of.upload_blob, "mailboxIds": {of.mailbox: True}}}},
    ],
    "Email/parse": [lambda of: {"blobIds": _blobs(of)}],
    "SearchSnippet/get": [lambda of: {"emailIds": [of.email], "filter": {"text": CANARY}}],
    "Identity/get": [lambda of: {"ids": [of.identity]}, lambda _: {"ids": None}],
    "Identity/changes": [lambda _: SINCE],
    "Identity/set": [
        lambda of: {"update": {of.identity: {"name": "x"}}},
        lambda of: {"destroy": [of.identity]},
    ],
    "EmailSubmission/get": [lambda of: {"ids": [of.submission]}, lambda _: {"ids": None}],
    "EmailSubmission/changes": [lambda _: SINCE],
    "EmailSubmission/query": [
        lambda of: {"filter": {"identityIds": [of.identity]}},
        lambda of: {"filter": {"emailIds": [of.email]}},
        lambda of: {"filter": {"threadIds": [of.thread]}},
        lambda of: {"filter": {"operator": "OR", "conditions": [{"threadIds": [of.thread]}]}},
        lambda of: {"anchor": of.submission},
    ],
    "EmailSubmission/queryChanges": [lambda of: {**SINCE_QUERY, "upToId": of.submission}],
    "EmailSubmission/set": [
        lambda of: {"create": {"k": {"identityId": of.own_identity, "emailId": of.email}}},
        lambda of: {"create": {"k": {"identityId": of.identity, "emailId": of.own_email}}},
        lambda of: {"update": {of.submission: {"undoStatus": "final"}}},
        lambda of: {"destroy": [of.submission], "onSuccessDestroyEmail": [of.submission]},
    ],
}


@pytest.fixture
async def two(world: JmapWorld) -> tuple[Ids, Ids]:
    """Ids of Anna's, and ids that nobody has."""
    filed = await world.deliver(a_message(CANARY, body=f"{CANARY}\r\n"))
    await world.deliver(a_message("of ben"), account=world.ben)
    (email,) = (await world.call("Email/get", ids=[ids.encode_id(ids.EMAIL, filed.email)]))["list"]
    identity = (await world.call("Identity/get"))["list"][0]["id"]
    sent = await world.call(
        "EmailSubmission/set",
        create={
            "k": {
                "identityId": identity,
                "emailId": email["id"],
                "envelope": {
                    "mailFrom": {"email": "anna@example.org"},
                    "rcptTo": [{"email": "far@example.net"}],
                },
            }
        },
    )
    ben = ids.encode_id(ids.ACCOUNT, world.ben.id)
    own = {
        "own_mailbox": (await world.call("Mailbox/get", USER, accountId=ben))["list"][0]["id"],
        "own_email": (await world.call("Email/query", USER, accountId=ben))["ids"][0],
        "own_identity": (await world.call("Identity/get", USER, accountId=ben))["list"][0]["id"],
    }
    submission = (sent["created"] or {}).get("k", {}).get("id") or "s1"
    upload = await world.upload(CANARY.encode())
    anna = Ids(
        world.account_id, world.mailboxes["inbox"], email["id"], email["threadId"], identity, submission,
        email["blobId"], email["textBody"][0]["blobId"], upload, **own,
    )  # fmt: skip
    assert all(is_id(value) for value in asdict(anna).values())
    return anna, Ids(
        *(_unlike(name, value) for name, value in asdict(anna).items() if not name.startswith("own_")), **own
    )


def _unlike(name: str, text: str) -> str:
    """An id of the same form that nobody has."""
    if name == "upload_blob":
        return text[:-1] + ("b" if text[-1] == "a" else "a")
    if name == "part_blob":
        return part_blob(NOBODY, "1") or ""
    if name == "message_blob":
        return email_blob(NOBODY + 1)
    assert ids.decode_id(KINDS[name], text) is not None
    return ids.encode_id(KINDS[name], NOBODY)


def without_ids(text: str, of: Ids) -> str:
    for name, value in sorted(asdict(of).items(), key=lambda item: -len(item[1])):
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"<{name}>", text)
    return text


METHODS = sorted(name for data_type in DATA_TYPES for name in data_type.methods)


def test_every_method_has_a_row() -> None:
    assert sorted(ROWS) == METHODS


@pytest.mark.parametrize("method", METHODS)
async def test_foreign_and_absent_look_the_same(world: JmapWorld, two: tuple[Ids, Ids], method: str) -> None:
    own = ids.encode_id(ids.ACCOUNT, world.ben.id)
    before = await everything(world)
    for row in ROWS[method]:
        answers = []
        for of in two:
            name, result = (
                await world.outcome(method, USER, accountId=own, **row(of))
                if needs_account(method)
                else await world.outcome(method, USER, **row(of))
            )
            text = without_ids(json.dumps([name, result]), of)
            answers.append(text)
            assert CANARY not in text or method == "Core/echo"
        assert answers[0] == answers[1]
    assert await everything(world) == before


def needs_account(method: str) -> bool:
    return not method.startswith(("PushSubscription", "Core"))


async def everything(world: JmapWorld) -> str:
    """All that Anna has."""
    emails = (await world.call("Email/query"))["ids"]
    return json.dumps(
        [
            await world.call("Email/get", ids=emails),
            await world.call("Mailbox/get"),
            await world.call("Identity/get"),
            await world.call("EmailSubmission/get"),
        ]
    )


@pytest.mark.parametrize("method", [name for name in METHODS if needs_account(name)])
async def test_a_foreign_account_is_not_found(world: JmapWorld, two: tuple[Ids, Ids], method: str) -> None:
    """RFC 8620 section 3.6.2: accountNotFound, whether it is there or not."""
    for row in ROWS[method]:
        answers = [
            without_ids(json.dumps(await world.outcome(method, USER, accountId=of.account, **row(of))), of)
            for of in two
        ]
        assert json.loads(answers[0])[1]["type"] == "accountNotFound"
        assert answers[0] == answers[1]


async def test_creation_ids_open_nothing(world: JmapWorld, two: tuple[Ids, Ids]) -> None:
    """RFC 8620 section 3.3: a client may bring any creation ids along."""
    own = ids.encode_id(ids.ACCOUNT, world.ben.id)
    answers = []
    for of in two:
        document = await world.api(
            ["Email/set", {"accountId": own, "update": {"#f": {"keywords/$seen": True}}}, "0"],
            ["Email/set", {"accountId": own, "destroy": ["#f"]}, "1"],
            [
                "Email/import",
                {"accountId": own, "emails": {"k": {"blobId": "#b", "mailboxIds": {"#m": True}}}},
                "2",
            ],
            ["Mailbox/set", {"accountId": own, "destroy": ["#m"], "onDestroyRemoveEmails": True}, "3"],
            user=USER,
            createdIds={"f": of.email, "b": of.upload_blob, "m": of.mailbox},
        )
        answers.append(without_ids(json.dumps(document["methodResponses"]), of))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jmap/download/{account}/{message_blob}/x"),
        ("GET", "/jmap/download/{account}/{upload_blob}/x?type=text/plain"),
        ("GET", "/jmap/download/{own}/{message_blob}/x"),
        ("GET", "/jmap/download/{own}/{part_blob}/x"),
        ("GET", "/jmap/download/{own}/{upload_blob}/x"),
        ("HEAD", "/jmap/download/{own}/{upload_blob}/x"),
        ("POST", "/jmap/upload/{account}"),
        ("POST", "/jmap/upload/{account}/"),
        ("GET", "/view/{account}/{email}"),
        ("GET", "/view/{own}/{email}"),
        ("GET", "/view/{own}/{email}?part=1&as=text"),
    ],
)
async def test_addresses_of_another_account_hold_nothing(
    world: JmapWorld, two: tuple[Ids, Ids], method: str, path: str
) -> None:
    own = ids.encode_id(ids.ACCOUNT, world.ben.id)
    answers = []
    for of in two:
        asked = path.format(own=own, **asdict(of))
        answer = await call_app(world.app, method, asked, headers=basic(USER), body=b"x")
        assert answer.status == 404
        assert CANARY.encode() not in answer.body
        answers.append((answer.headers, without_ids(answer.body.decode(), of)))
    assert answers[0] == answers[1]
    # The same address opens for its owner, so that the test is about rights and not about typing.
    mine = path.format(own=world.account_id, **asdict(two[0]))
    assert (await world.request(method, mine, body=b"x")).status in {200, 201}
