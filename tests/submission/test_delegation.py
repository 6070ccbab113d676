"""delegation: what is sent in the name of others is in the audit log, with who did it and from where."""

from typing import NamedTuple

import pytest
from tests.support.directories import Clock, address
from tests.support.stored_post import ROOT, Process, make_process
from tests.support.stores import Opened

from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import Forbidden
from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.directory.audit_log import Filter
from pymailcore.directory.errors import RateExceeded
from pymailcore.directory.permissions import View
from pymailcore.submission.settings import SubmissionSettings
from pymailcore.submission.submission import Origin, Submission

EVERYTHING = View(everything=True, tenants=frozenset(), domains=frozenset())
ANN, TEAM, BOSS = "ann@a.example", "team@a.example", "boss@a.example"


class Sent(NamedTuple):
    """A record."""

    action: str
    subject: str
    new: str | None


@pytest.fixture
async def it(opened: Opened) -> Process:
    process = make_process(opened, Clock())
    await process.add(ANN, DEFAULT_TENANT)
    await process.add(BOSS)
    await process.directory.groups.add(ROOT, address(TEAM))
    return process


async def send(
    it: Process, header: str, reverse_path: str = ANN, settings: SubmissionSettings | None = None
) -> None:
    submission = Submission(
        it.directory, it.delivery, settings or SubmissionSettings(), hostname="x.example", ids=it.ids,
        now_ms=it.clock,
    )  # fmt: skip
    ann: AccountId = (await it.directory.accounts.get(address(ANN))).id
    envelope = Envelope(reverse_path=address(reverse_path), recipients=(address("x@b.example"),))
    octets = f"{header}\r\nSubject: hi\r\n\r\nhello\r\n".encode()
    origin = Origin(hello="c.example", peer="192.0.2.9")
    await submission.submit(await it.directory.principal(ann), envelope, octets, origin=origin)


async def records(it: Process) -> list[Sent]:
    """What is recorded of mail, the oldest first; all of it by Ann."""
    found = await it.directory.audit.listing(EVERYTHING, Filter(action="mail"))
    assert {(one.actor, one.peer, one.tenant) for one in found} <= {(ANN, "192.0.2.9", DEFAULT_TENANT)}
    return [Sent(one.action, one.subject, one.new) for one in reversed(found)]


async def test_mail_in_the_name_of_others_is_recorded(it: Process) -> None:
    rights = it.directory.send_rights
    await send(it, f"From: {ANN}")
    with pytest.raises(Forbidden):
        await send(it, f"From: {TEAM}")
    await rights.grant(ROOT, address(ANN), address(TEAM))
    await rights.grant(ROOT, address(ANN), address(BOSS), "on-behalf")
    await send(it, f"From: {ANN}")
    assert await records(it) == []
    await send(it, f"From: The team <{TEAM}>")
    await send(it, f"From: {BOSS}")
    await send(it, f"From: {ANN}", reverse_path=TEAM)
    await send(it, f"From: {ANN}\r\nResent-From: {TEAM}")
    one = '{"recipients":1}'
    assert await records(it) == [
        Sent("mail.send-as", TEAM, one),
        Sent("mail.on-behalf", BOSS, one),
        Sent("mail.send-as", TEAM, one),
        Sent("mail.send-as", TEAM, one),
    ]
    assert (await it.directory.audit.verify()).broken is None


async def test_what_a_limit_refuses_was_tried(it: Process) -> None:
    await it.directory.send_rights.grant(ROOT, address(ANN), address(TEAM))
    await it.directory.limits.set(ROOT, "account", ANN, {"messages_per_hour": 0})
    with pytest.raises(RateExceeded):
        await send(it, f"From: {TEAM}")
    assert [one.action for one in await records(it)] == ["mail.send-as"]
    assert await it.queue.entries() == []
