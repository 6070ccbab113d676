"""RFC 8621 section 7: envelopes with parameters, and what they become in the queue."""

from typing import Any

import pytest
from tests.support.jmap_world import NOW_MS, JmapWorld
from tests.support.submissions import draft, envelope_of, identity

from pymailcore.base.envelope import DeliverBy, ReportTerms, Terms
from pymailcore.queue.queue import Queue
from pymailcore.queue.settings import QueueSettings


async def send(world: JmapWorld, envelope: dict[str, Any]) -> dict[str, Any]:
    given = {"identityId": await identity(world), "emailId": await draft(world), "envelope": envelope}
    return dict(await world.call("EmailSubmission/set", create={"s": given}))


async def test_wishes_reach_the_queue(world: JmapWorld) -> None:
    """The same Terms that the submission port makes of them."""
    wishes = {
        "ENVID": "my+own id",
        "RET": "HDRS",
        "BY": "120;N",
        "MT-PRIORITY": "4",
        "REQUIRETLS": None,
        "BODY": "8BITMIME",
        "SIZE": "1000",
        "SMTPUTF8": None,
    }
    envelope = envelope_of("far@example.net", "near@example.net", **wishes)
    said = {"NOTIFY": "SUCCESS,FAILURE", "ORCPT": "rfc822;first+one@example.net"}
    envelope["rcptTo"][0]["parameters"] = said
    made = (await send(world, envelope))["created"]["s"]
    assert "envelope" not in made
    queue = Queue(world.store.database, world.store, lambda *_: None, QueueSettings(), now_ms=lambda: NOW_MS)
    (lease,) = await queue.take(10)
    assert lease.message.terms == Terms(
        ret="HDRS",
        envid="my+own id",
        require_tls=True,
        deliver_by=DeliverBy(at_ms=NOW_MS + 120_000, give_up=False),
        priority=4,
    )
    assert (lease.message.smtputf8, lease.message.eight_bit) == (True, True)
    assert lease.report_terms == {
        "far@example.net": ReportTerms(
            notify=frozenset({"SUCCESS", "FAILURE"}), orcpt="rfc822;first+one@example.net"
        )
    }
    (shown,) = (await world.call("EmailSubmission/get", ids=[made["id"]]))["list"]
    assert shown["envelope"] == {
        "mailFrom": {"email": "anna@example.org", "parameters": wishes},
        "rcptTo": [
            {"email": "far@example.net", "parameters": said},
            {"email": "near@example.net", "parameters": None},
        ],
    }


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({"HOLDFOR": "86401"}, "invalidProperties"),  # 86,400 are offered
        ({"HOLDFOR": "soon"}, "invalidProperties"),
        ({"HOLDFOR": "60 RET=FULL"}, "invalidProperties"),
        ({"NOTIFY": "NEVER"}, "invalidProperties"),
        ({"UNKNOWN": "1"}, "invalidProperties"),
        ({"BODY": "BINARYMIME"}, "invalidProperties"),
        ({"AUTH": "<>"}, "invalidProperties"),
        ({"SIZE": "52428801"}, "tooLarge"),
    ],
)
async def test_parameters_of_the_sender_that_cannot_be(
    world: JmapWorld, parameters: dict[str, str | None], kind: str
) -> None:
    refused = (await send(world, envelope_of("far@example.net", **parameters)))["notCreated"]["s"]
    assert refused["type"] == kind
    if kind == "invalidProperties":
        assert refused["properties"] == ["envelope/mailFrom/parameters"]
    else:
        assert refused["maxSize"] == 52_428_800
    assert await world.store.database.read(lambda tx: tx.rows("SELECT 1 FROM queue_messages")) == []


@pytest.mark.parametrize("parameters", [{"NOTIFY": "ALWAYS"}, {"RET": "FULL"}, {"ORCPT": "x"}, "text", [1]])
async def test_parameters_of_a_recipient_that_cannot_be(world: JmapWorld, parameters: object) -> None:
    envelope = envelope_of("far@example.net")
    envelope["rcptTo"][0]["parameters"] = parameters
    assert (await send(world, envelope))["notCreated"]["s"]["type"] == "invalidProperties"


async def test_what_can_be_asked_for_is_announced(world: JmapWorld) -> None:
    """RFC 8621 section 1.3.2; the last moment of a release is counted from midnight, UTC."""
    session = (await world.request("GET", "/jmap/session")).json
    own = session["accounts"][world.account_id]["accountCapabilities"]["urn:ietf:params:jmap:submission"]
    assert own == {
        "maxDelayedSend": 86_400,
        "submissionExtensions": {
            "SIZE": ["52428800"],
            "8BITMIME": [],
            "SMTPUTF8": [],
            "DSN": [],
            "REQUIRETLS": [],
            "DELIVERBY": [],
            "MT-PRIORITY": [],
            "FUTURERELEASE": ["86400", "2026-09-22T00:00:00Z"],
        },
    }
