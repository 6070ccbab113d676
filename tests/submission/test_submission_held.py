"""submission over the real store: a burst from a stolen password (security notes, A8)."""

import pytest
from tests.support.directories import Clock, address
from tests.support.stored_post import ROOT, Process, make_process
from tests.support.stores import Opened

from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.directory.accounts import Changed
from pymailcore.directory.errors import RateExceeded, SendingBlocked
from pymailcore.queue.types import Result, Verdict
from pymailcore.submission.settings import SubmissionSettings

ANN = "ann@a.example"
SETTINGS = SubmissionSettings(first_recipients_per_hour=100, hold_after_refusals=3)


@pytest.fixture
def process(opened: Opened) -> Process:
    return make_process(opened, Clock())


async def burst(
    process: Process, ann: AccountId, messages: int = 30, each: int = 10, to: str = "u"
) -> list[str]:
    """Send to recipients nobody knows; gives what became of each message."""
    out = []
    for number in range(messages):
        names = [f"{to}{number}-{one}@far.example" for one in range(each)]
        try:
            await process.submit(SETTINGS, ann, ANN, *names)
        except (RateExceeded, SendingBlocked) as refusal:
            out.append(type(refusal).__name__)
        else:
            out.append("sent")
    return out


async def test_of_a_burst_the_limit_is_kept_and_what_waits_is_held(process: Process) -> None:
    ann = await process.add(ANN, DEFAULT_TENANT)
    ben = await process.add("ben@a.example")
    await process.submit(SETTINGS, ben, "ben@a.example", "friend@far.example")
    gone = await process.queue.take(2)  # under way already
    assert await burst(process, ann) == ["sent"] * 10 + ["RateExceeded"] * 3 + ["SendingBlocked"] * 17
    assert await process.states() == {"waiting": 1, "held": 100}
    for lease in gone:
        results = [Result(one, Verdict.SENT, "") for one in lease.recipients]
        assert await process.queue.finish(lease, results)
    await process.submit(SETTINGS, ben, "ben@a.example", "friend@far.example")
    assert [lease.recipients for lease in await process.queue.take(50)] == [("friend@far.example",)]
    records = await process.rows("SELECT actor, action FROM audit WHERE action = 'account.hold'")
    assert records == [("system", "account.hold")]
    assert [row[0] for row in await process.rows("SELECT kind FROM alarms")] == ["sending"]


async def test_whoever_the_account_knows_does_not_count(process: Process) -> None:
    ann = await process.add(ANN, DEFAULT_TENANT)
    await process.add("ben@a.example")
    settings = SubmissionSettings(first_recipients_per_day=2, hold_after_refusals=0)
    for _ in range(3):
        await process.submit(settings, ann, ANN, "one@far.example", "two@far.example", "ben@a.example")
    with pytest.raises(RateExceeded, match="new to it in this day"):
        await process.submit(settings, ann, ANN, "three@far.example")
    envelope = Envelope(reverse_path=address("list@far.example"), recipients=(address(ANN),))
    octets = b"From: Three <Three@far.example>\r\n\r\nhi\r\n"
    await process.delivery.accept(envelope, octets, tenant=DEFAULT_TENANT, received_ms=process.clock())
    await process.submit(settings, ann, ANN, "three@far.example")
    with pytest.raises(RateExceeded, match="new to it in this day"):
        await process.submit(settings, ann, ANN, "list@far.example")


async def test_of_all_limits_that_there_are_the_smallest_counts(process: Process) -> None:
    ann = await process.add(ANN, DEFAULT_TENANT)
    limits = process.directory.limits
    for scope, name, most in (("tenant", "default", 1), ("domain", "a.example", 5), ("account", ANN, 9)):
        await limits.set(ROOT, scope, name, {"first_recipients_per_hour": most})
    for scope, name, message in (
        ("account", ANN, "the account may"),
        ("domain", "a.example", "the domain may"),
        ("tenant", "default", "the tenant may"),
    ):
        with pytest.raises(RateExceeded, match=message):
            await process.submit(SETTINGS, ann, ANN, *(f"u{one}@far.example" for one in range(10)))
        await limits.set(ROOT, scope, name, {"first_recipients_per_hour": None})
    await process.submit(SETTINGS, ann, ANN, *(f"u{one}@far.example" for one in range(10)))
    shown = {one.name: one.used for one in await limits.show("account", ANN)}
    assert shown["first_recipients_per_hour"] == shown["first_recipients_per_day"] == 10


async def test_a_limit_of_the_tenant_that_others_used_up_blocks_nobody(process: Process) -> None:
    ann = await process.add(ANN, DEFAULT_TENANT)
    await process.directory.limits.set(ROOT, "tenant", "default", {"messages_per_hour": 1})
    assert await burst(process, ann, messages=8) == ["sent"] + ["RateExceeded"] * 7
    assert (await process.directory.standings.of(ann)).may_send


async def test_what_is_held_goes_when_the_account_may_send_again(process: Process) -> None:
    ann = await process.add(ANN, DEFAULT_TENANT)
    await burst(process, ann)
    await process.queue.resume()
    assert await process.states() == {"held": 100}
    await process.directory.accounts.set(ROOT, address(ANN), Changed(send_blocked=False))
    await process.queue.resume()
    assert await process.states() == {"waiting": 100}
    assert await burst(process, ann, messages=4, to="v") == ["RateExceeded"] * 3 + ["SendingBlocked"]
