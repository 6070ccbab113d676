"""RFC 8621 sections 6 and 7: identities, and sending."""

from typing import Any

import pytest
from tests.support.jmap_world import JmapWorld
from tests.support.submissions import draft, identity


async def test_identities_are_those_of_the_addresses(world: JmapWorld) -> None:
    found = await world.call("Identity/get", ids=None)
    (mine,) = found["list"]
    assert mine == {
        "id": mine["id"],
        "name": mine["name"],
        "email": "anna@example.org",
        "replyTo": None,
        "bcc": None,
        "textSignature": "",
        "htmlSignature": "",
        "mayDelete": False,
    }
    unchanged = await world.call("Identity/changes", sinceState=found["state"])
    assert unchanged["updated"] == []
    patch = {"name": "Anna Ä", "textSignature": "-- \nA", "replyTo": None}
    done = await world.call("Identity/set", update={mine["id"]: patch, "i1": {"name": "x"}})
    assert done["updated"] == {mine["id"]: None}
    assert done["notUpdated"]["i1"]["type"] == "notFound"
    (mine,) = (await world.call("Identity/get", ids=[mine["id"]], properties=["name", "textSignature"]))[
        "list"
    ]
    assert (mine["name"], mine["textSignature"]) == ("Anna Ä", "-- \nA")
    assert await world.error("Identity/changes", sinceState=found["state"]) == "cannotCalculateChanges"
    refused = await world.call(
        "Identity/set",
        create={"k": {"name": "x", "email": "x@example.org"}},
        destroy=[mine["id"], "i1"],
    )
    assert refused["notCreated"]["k"]["type"] == "forbidden"
    assert refused["notDestroyed"][mine["id"]]["type"] == "forbidden"
    assert refused["notDestroyed"]["i1"]["type"] == "notFound"


@pytest.mark.parametrize(
    "patch",
    [
        {"email": "x@example.org"},
        {"name": 1},
        {"name": "x" * 201},
        {"name": "a\nb"},
        {"replyTo": [{"email": "a@b"}]},
        {"textSignature": "x" * 65_537},
        {"id": "x"},
    ],
)
async def test_identities_keep_what_cannot_be_changed(world: JmapWorld, patch: dict[str, Any]) -> None:
    mine = await identity(world)
    refused = await world.call("Identity/set", update={mine: patch})
    assert refused["notUpdated"][mine]["type"] == "invalidProperties"


async def test_a_draft_is_sent_and_filed(world: JmapWorld) -> None:
    """RFC 8621 section 7.5: one call, and the Email/set that follows from it."""
    email = await draft(world)
    document = await world.api(
        [
            "EmailSubmission/set",
            {
                "accountId": world.account_id,
                "create": {"s": {"identityId": await identity(world), "emailId": email}},
                "onSuccessUpdateEmail": {
                    "#s": {
                        f"mailboxIds/{world.mailboxes['drafts']}": None,
                        f"mailboxIds/{world.mailboxes['sent']}": True,
                        "keywords/$draft": None,
                        "keywords/$seen": True,
                    }
                },
            },
            "0",
        ]
    )
    sent, followed = document["methodResponses"]
    assert (sent[0], followed[0], followed[2]) == ("EmailSubmission/set", "Email/set", "0")
    assert followed[1]["updated"] == {email: None}
    created = sent[1]["created"]["s"]
    assert created["undoStatus"] == "final"
    assert created["envelope"] == {
        "mailFrom": {"email": "anna@example.org", "parameters": None},
        "rcptTo": [
            {"email": "ben@example.org", "parameters": None},
            {"email": "far@example.net", "parameters": None},
        ],
    }
    mine = await world.call("Email/get", ids=[email], properties=["mailboxIds", "keywords"])
    assert mine["list"][0]["mailboxIds"] == {world.mailboxes["sent"]: True}
    theirs = await world.store.mailbox_named(world.ben.id, "INBOX")
    assert theirs is not None
    assert theirs.total_emails == 1
    rows = await world.store.database.read(_queued)
    assert rows == [("far@example.net",)]
    (shown,) = (await world.call("EmailSubmission/get", ids=[created["id"]]))["list"]
    assert (shown["emailId"], shown["undoStatus"], shown["deliveryStatus"]) == (email, "final", None)


async def _queued(tx: Any) -> list[Any]:  # noqa: ANN401
    return [tuple(row) for row in await tx.rows("SELECT address FROM queue_recipients")]


async def test_bcc_does_not_travel(world: JmapWorld) -> None:
    email = await draft(world)
    await world.call(
        "EmailSubmission/set", create={"s": {"identityId": await identity(world), "emailId": email}}
    )
    theirs = await world.call("Email/query", user="ben@example.org", accountId=_ben(world))
    found = await world.call(
        "Email/get",
        user="ben@example.org",
        accountId=_ben(world),
        ids=theirs["ids"],
        properties=["bcc", "header:Received"],
    )
    assert found["list"][0]["bcc"] is None
    assert "HTTP" in found["list"][0]["header:Received"]


def _ben(world: JmapWorld) -> str:
    from pymailcore.base.ids import ACCOUNT, encode_id

    return encode_id(ACCOUNT, world.ben.id)


@pytest.mark.parametrize(
    ("changes", "submission", "kind"),
    [
        ({}, {"identityId": "i1"}, "invalidProperties"),
        ({}, {"emailId": "e1"}, "invalidProperties"),
        ({}, {"undoStatus": "pending"}, "invalidProperties"),
        ({}, {"envelope": {}}, "invalidProperties"),
        ({}, {"envelope": {"mailFrom": {"email": "anna@example.org"}, "rcptTo": []}}, "noRecipients"),
        (
            {},
            {"envelope": {"mailFrom": {"email": "anna@example.org"}, "rcptTo": [{"email": "no address"}]}},
            "invalidRecipients",
        ),
        (
            {},
            {
                "envelope": {
                    "mailFrom": {"email": "anna@example.org", "parameters": {"HOLDFOR": 60}},
                    "rcptTo": [{"email": "ben@example.org"}],
                }
            },
            "invalidProperties",
        ),
        (
            {},
            {
                "envelope": {
                    "mailFrom": {"email": "ben@example.org"},
                    "rcptTo": [{"email": "ben@example.org"}],
                }
            },
            "forbiddenMailFrom",
        ),
        ({"from": [{"name": None, "email": "ben@example.org"}]}, {}, "forbiddenFrom"),
        ({"from": None}, {}, "invalidEmail"),
        ({"to": None, "cc": None, "bcc": None}, {}, "noRecipients"),
        ({"to": [{"name": None, "email": "nobody@example.org"}]}, {}, "invalidRecipients"),
    ],
)
async def test_what_cannot_be_sent(
    world: JmapWorld, changes: dict[str, Any], submission: dict[str, Any], kind: str
) -> None:
    """RFC 8621 section 7.5."""
    email = await draft(world, **changes)
    given = {"identityId": await identity(world), "emailId": email, **submission}
    document = await world.api(
        [
            "EmailSubmission/set",
            {"accountId": world.account_id, "create": {"s": given}, "onSuccessDestroyEmail": ["#s"]},
            "0",
        ]
    )
    assert len(document["methodResponses"]) == 1, "nothing follows from what was not sent"
    assert document["methodResponses"][0][1]["notCreated"]["s"]["type"] == kind
    assert (await world.call("Email/get", ids=[email]))["notFound"] == []


@pytest.mark.parametrize(("count", "fits"), [(999, True), (1000, True), (1001, False)])
async def test_recipients_are_limited(world: JmapWorld, count: int, fits: bool) -> None:
    email = await draft(world)
    envelope = {
        "mailFrom": {"email": "anna@example.org"},
        "rcptTo": [{"email": f"r{number}@example.net"} for number in range(count)],
    }
    done = await world.call(
        "EmailSubmission/set",
        create={"s": {"identityId": await identity(world), "emailId": email, "envelope": envelope}},
    )
    if fits:
        assert done["created"]["s"]["id"]
    else:
        assert done["notCreated"]["s"]["type"] == "tooManyRecipients"


async def test_submissions_are_listed_changed_and_removed(world: JmapWorld) -> None:
    """RFC 8621 sections 7.1 to 7.5."""
    state = (await world.call("EmailSubmission/get"))["state"]
    mine = await identity(world)
    made = []
    for _ in range(2):
        email = await draft(world)
        done = await world.call("EmailSubmission/set", create={"s": {"identityId": mine, "emailId": email}})
        made.append(done["created"]["s"]["id"])
    changes = await world.call("EmailSubmission/changes", sinceState=state)
    assert set(changes["created"]) == set(made)
    piece = await world.call("EmailSubmission/changes", sinceState=state, maxChanges=1)
    assert (piece["created"], piece["hasMoreChanges"]) == ([made[0]], True)
    rest = await world.call("EmailSubmission/changes", sinceState=piece["newState"], maxChanges=1)
    assert (rest["created"], rest["hasMoreChanges"]) == ([made[1]], False)
    refused = await world.call(
        "EmailSubmission/set", update={made[0]: {"undoStatus": "canceled"}, "s1": {"undoStatus": "canceled"}}
    )
    assert refused["notUpdated"][made[0]]["type"] == "cannotUnsend"
    assert refused["notUpdated"]["s1"]["type"] == "notFound"
    found = await world.call("EmailSubmission/query", filter={"identityIds": [mine]}, calculateTotal=True)
    assert (set(found["ids"]), found["total"]) == (set(made), 2)
    assert (await world.call("EmailSubmission/query", filter={"undoStatus": "pending"}))["ids"] == []
    assert (await world.call("EmailSubmission/query", filter={"emailIds": ["e1"]}))["ids"] == []
    assert await world.error("EmailSubmission/query", filter={"none": 1}) == "unsupportedFilter"
    assert await world.error("EmailSubmission/query", filter={"before": 1}) == "invalidArguments"
    assert await world.error("EmailSubmission/query", sort=[{"property": "x"}]) == "unsupportedSort"
    gone = await world.call("EmailSubmission/set", destroy=[made[0], "s1"])
    assert gone["destroyed"] == [made[0]]
    assert gone["notDestroyed"]["s1"]["type"] == "notFound"
    changes = await world.call("EmailSubmission/changes", sinceState=changes["newState"])
    assert changes["destroyed"] == [made[0]]
    assert await world.error("EmailSubmission/changes", sinceState="999999") == "cannotCalculateChanges"
    assert await world.error("EmailSubmission/queryChanges", sinceQueryState="1") == "cannotCalculateChanges"


async def test_what_follows_must_be_named_in_the_call(world: JmapWorld) -> None:
    assert await world.error("EmailSubmission/set", onSuccessDestroyEmail=["#none"]) == "invalidArguments"


async def send(world: JmapWorld, key: str = "k", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    create = {key: {"identityId": await identity(world), "emailId": await draft(world)}}
    return dict(await world.call("EmailSubmission/set", create=create, **more))


async def test_queries_take_operators(world: JmapWorld) -> None:
    """RFC 8620 section 5.5, RFC 8621 section 7.3."""
    one = (await send(world))["created"]["k"]["id"]
    two = (await send(world))["created"]["k"]["id"]
    emails = {
        entry["id"]: entry["emailId"]
        for entry in (await world.call("EmailSubmission/get", ids=[one, two]))["list"]
    }
    for condition, expected in (
        (
            {"operator": "OR", "conditions": [{"emailIds": [emails[one]]}, {"emailIds": [emails[two]]}]},
            {one, two},
        ),
        ({"operator": "NOT", "conditions": [{"emailIds": [emails[one]]}]}, {two}),
        ({"operator": "AND", "conditions": [{"undoStatus": "final"}, {"emailIds": [emails[one]]}]}, {one}),
        ({"operator": "AND", "conditions": [{"undoStatus": "pending"}]}, set()),
        ({"undoStatus": "final", "before": "2000-01-01T00:00:00Z"}, set()),
        ({"operator": "NOT", "conditions": [{"after": "2000-01-01T00:00:00Z"}]}, set()),
    ):
        found = await world.call("EmailSubmission/query", filter=condition)
        assert set(found["ids"]) == expected
    assert await world.error("EmailSubmission/query", filter={"operator": "OR"}) == "invalidArguments"


async def test_what_follows_also_follows_an_update_and_a_destroy(world: JmapWorld) -> None:
    """RFC 8621 section 7.5: onSuccess… holds for create, update and destroy, by either name."""
    sent = (await send(world))["created"]["k"]["id"]
    (whole,) = (await world.call("EmailSubmission/get", ids=[sent]))["list"]
    arguments = {
        "accountId": world.account_id,
        "update": {sent: whole},
        "onSuccessUpdateEmail": {sent: {"keywords/$draft": None}},
    }
    document = await world.api(["EmailSubmission/set", arguments, "0"])
    assert document["methodResponses"][0][1]["updated"] == {sent: None}
    assert document["methodResponses"][1][1]["updated"] == {whole["emailId"]: None}
    arguments = {"accountId": world.account_id, "destroy": ["#s"], "onSuccessDestroyEmail": ["#s"]}
    document = await world.api(["EmailSubmission/set", arguments, "0"], createdIds={"s": sent})
    assert document["methodResponses"][0][1]["destroyed"] == [sent]
    assert document["methodResponses"][1][1]["destroyed"] == [whole["emailId"]]


async def test_an_identity_may_be_given_back_whole(world: JmapWorld) -> None:
    """RFC 8620 section 5.3."""
    (mine,) = (await world.call("Identity/get"))["list"]
    done = await world.call("Identity/set", update={mine["id"]: {**mine, "name": "Anna"}})
    assert done["updated"] == {mine["id"]: None}
    refused = await world.call("Identity/set", update={mine["id"]: {"email": "ben@example.org"}})
    assert refused["notUpdated"][mine["id"]]["properties"] == ["email"]
