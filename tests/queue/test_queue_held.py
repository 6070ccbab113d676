"""queue over the real store: mail of accounts that may not send is held where it would leave."""

import pytest
from tests.support.directories import Clock, address
from tests.support.directory_parts import ALL
from tests.support.stored_post import ROOT, Process, make_process
from tests.support.stores import Opened

from pymailcore.admin.registry import Administration
from pymailcore.base.envelope import Terms
from pymailcore.base.errors import NotFound
from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.directory.accounts import Changed
from pymailcore.directory.audit_log import Filter
from pymailcore.queue.types import Result, Verdict
from pymailcore.submission.settings import SubmissionSettings

ANN = "ann@a.example"
SETTINGS = SubmissionSettings()


@pytest.fixture
def process(opened: Opened) -> Process:
    return make_process(opened, Clock())


async def sent(process: Process, *recipients: str) -> AccountId:
    """Messages of ann to one recipient each."""
    ann = await process.add(ANN, DEFAULT_TENANT)
    for one in recipients:
        await process.submit(SETTINGS, ann, ANN, one)
    return ann


async def block(process: Process, *, blocked: bool = True) -> None:
    await process.directory.accounts.set(ROOT, address(ANN), Changed(send_blocked=blocked))


async def taken(process: Process) -> list[str]:
    return sorted(one for lease in await process.queue.take(50) for one in lease.recipients)


async def test_nothing_is_leased_of_an_account_that_was_blocked_a_moment_ago(process: Process) -> None:
    """Whoever blocked it may have been killed before he told the queue."""
    await sent(process, "x@b.example", "y@c.example")
    await block(process)
    assert await taken(process) == []
    assert await process.states() == {"held": 2}
    assert {entry.state for entry in await process.queue.entries()} == {"held"}
    assert await process.queue.next_due_ms() is None


async def test_what_is_under_way_ends_as_it_ends(process: Process) -> None:
    ann = await sent(process, "x@b.example", "y@c.example")
    leases = await process.queue.take(50)
    await block(process)
    await process.queue.hold(ann)
    for lease, verdict in zip(leases, (Verdict.SENT, Verdict.LATER), strict=True):
        await process.queue.finish(lease, [Result(lease.recipients[0], verdict, "450 x")])
    assert await process.states() == {"held": 1}
    process.clock.ms += 10**7
    assert await taken(process) == []
    await block(process, blocked=False)
    await process.queue.resume()
    assert len(await taken(process)) == 1


async def test_a_message_is_let_go_and_the_others_stay(process: Process) -> None:
    ann = await sent(process, "x@b.example", "y@c.example", "z@c.example")
    await block(process)
    await process.queue.hold(ann)
    first = next(entry for entry in await process.queue.entries() if entry.recipient == "x@b.example")
    assert await process.queue.retry() == 3
    assert await taken(process) == []
    assert await process.queue.release(message=first.id) == 1
    assert await taken(process) == ["x@b.example"]
    await process.queue.hold(ann)
    assert await process.states() == {"held": 2, "waiting": 1}
    with pytest.raises(NotFound):
        await process.queue.release(message=first.id)
    assert await process.queue.release(domain="c.example", account=ann) == 2
    assert await taken(process) == ["y@c.example", "z@c.example"]


async def test_all_of_an_account_is_dropped(process: Process) -> None:
    ann = await sent(process, "x@b.example", "y@c.example")
    ben = await process.add("ben@a.example")
    await process.submit(SETTINGS, ben, "ben@a.example", "x@b.example")
    await block(process)
    await process.queue.hold(ann)
    assert await process.queue.drop(account=ann) == 2
    assert await process.states() == {"waiting": 1}
    with pytest.raises(NotFound):
        await process.queue.drop(account=ann)


async def test_held_mail_of_an_account_that_is_removed_does_not_leave(process: Process) -> None:
    ann = await sent(process, "x@b.example")
    await block(process)
    await process.queue.hold(ann)
    await process.directory.accounts.remove(ROOT, address(ANN))
    await process.queue.resume()
    assert (await taken(process), await process.states()) == ([], {"held": 1})


@pytest.mark.parametrize("by_operator", [True, False], ids=["released", "may send again"])
async def test_what_may_not_leave_before_a_moment_does_not_after_a_hold_either(
    process: Process, by_operator: bool
) -> None:
    """RFC 4865 section 4: not before the time that the sender gave."""
    ann = await process.add(ANN, DEFAULT_TENANT)
    later_ms = process.clock.ms + 60_000
    await process.submit(SETTINGS, ann, ANN, "x@b.example", terms=Terms(hold_until_ms=later_ms))
    await process.submit(SETTINGS, ann, ANN, "y@b.example")
    await block(process)
    await process.queue.hold(ann)
    if by_operator:
        assert await process.queue.release(account=ann) == 2
    else:
        await block(process, blocked=False)
        await process.queue.resume()
    assert await taken(process) == ["y@b.example"]
    process.clock.ms = later_ms
    assert await taken(process) == ["x@b.example"]


async def test_what_is_let_go_is_recorded_in_the_same_transaction(process: Process) -> None:
    """Nothing is recorded of what was not there."""
    ann = await sent(process, "x@b.example")
    await block(process)
    await process.queue.hold(ann)
    administration = Administration(process.directory, process.queue)
    with pytest.raises(NotFound):
        await administration.call(ROOT, "queue.retry", {"domain": "c.example"})
    assert await administration.call(ROOT, "queue.release", {"account": ANN}) == {"count": 1}
    written = await process.directory.audit.listing(ALL, Filter(action="queue"))
    assert [(one.action, one.subject, one.tenant) for one in written] == [
        ("queue.release", f"from {ANN}", DEFAULT_TENANT)
    ]
    assert (await process.directory.audit.verify()).fault == ""
