"""queue: what senders asked for."""

from dataclasses import replace

import pytest
from tests.support.deliveries import MESSAGE, Post, envelope, make_post
from tests.support.directories import address

from pymailcore.base.envelope import DeliverBy, Envelope, ReportTerms, Terms
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.queue.settings import QueueSettings
from pymailcore.queue.types import Bounce, Lease, Result, Verdict

HOUR = 3_600_000
TERMS = Terms(
    ret="HDRS",
    envid="E 1",
    require_tls=True,
    hold_until_ms=7,
    deliver_by=DeliverBy(at_ms=10**15, give_up=False, trace=True),
    priority=-3,
)


@pytest.fixture
async def post() -> Post:
    return await make_post(QueueSettings(delay_report_hours=4))


def asking(*notify: str, terms: Terms | None = None) -> Envelope:
    """An envelope for x@b.example, with the words of NOTIFY."""
    said = ReportTerms(notify=frozenset(notify), orcpt="rfc822;old@b.example")
    to = envelope("x@b.example")
    return replace(to, terms=terms or Terms(), report_terms={address("x@b.example"): said} if notify else {})


async def put(post: Post, to: Envelope) -> None:
    await post.delivery.accept(to, MESSAGE, tenant=DEFAULT_TENANT, received_ms=post.clock.ms)


async def finish(
    post: Post, verdict: Verdict, report: str = "", reply: str = "mx: 450 4.2.1 x"
) -> list[Bounce]:
    """Bring back one try; give the reports that are due then."""
    (lease,) = await post.queue.take(10)
    await post.queue.finish(lease, [Result(text, verdict, reply, report) for text in lease.recipients])
    return await post.queue.take_bounces(10)


async def test_everything_that_was_asked_for_is_kept(post: Post) -> None:
    """RFC 3461 section 5.2.1, RFC 8689 section 4.2.1, RFC 2852, RFC 4865, RFC 6710."""
    await put(post, replace(asking("SUCCESS", "DELAY", terms=TERMS), binary=True))
    post.clock.ms += 60_000
    (lease,) = await post.queue.take(10)
    assert lease.message.terms == TERMS
    assert lease.message.binary
    said = ReportTerms(notify=frozenset({"SUCCESS", "DELAY"}), orcpt="rfc822;old@b.example")
    assert lease.report_terms == {"x@b.example": said}


async def test_nothing_is_kept_of_nothing(post: Post) -> None:
    await put(post, asking())
    (lease,) = await post.queue.take(10)
    assert (lease.message.terms, lease.report_terms, lease.message.binary) == (Terms(), {}, False)


@pytest.mark.parametrize(
    ("notify", "verdict", "report", "told"),
    [
        ((), Verdict.FAILED, "", "failed"),
        (("FAILURE",), Verdict.FAILED, "", "failed"),
        (("SUCCESS", "DELAY"), Verdict.FAILED, "", ""),
        (("NEVER",), Verdict.FAILED, "", ""),
        (("SUCCESS",), Verdict.SENT, "relayed", "relayed"),
        (("SUCCESS",), Verdict.SENT, "delivered", "delivered"),
        (("SUCCESS",), Verdict.SENT, "", ""),
        ((), Verdict.SENT, "", ""),
    ],
)
async def test_who_is_told_of_what(
    post: Post, notify: tuple[str, ...], verdict: Verdict, report: str, told: str
) -> None:
    """RFC 3461 sections 5.2.2 and 5.2.6."""
    await put(post, asking(*notify))
    bounces = await finish(post, verdict, report)
    assert [failure.action for bounce in bounces for failure in bounce.failures] == ([told] if told else [])
    if told:
        assert bounces[0].failures[0].orcpt == ("rfc822;old@b.example" if notify else "")
        (entry,) = await post.queue.entries()
        assert entry.state == told
        await post.queue.end_bounce(bounces[0])
    assert post.store.count("queue_messages") == post.store.count("queue_recipients") == 0


async def test_a_report_is_never_reported_of(post: Post) -> None:
    """RFC 3461 section 5.2."""
    await put(post, replace(asking("SUCCESS"), reverse_path=None))
    assert await finish(post, Verdict.SENT, "relayed") == []
    assert post.store.count("queue_messages") == 0


async def test_a_success_counts_after_the_lease_ran_out(post: Post) -> None:
    await put(post, asking("SUCCESS"))
    (first,) = await post.queue.take(10)
    post.clock.ms = first.until_ms
    await post.queue.take(10)
    await post.queue.finish(first, [Result("x@b.example", Verdict.SENT, "mx: 250 ok", "relayed")])
    (bounce,) = await post.queue.take_bounces(10)
    assert bounce.failures[0].action == "relayed"
    # and once only: what is told already stays as it is
    await post.queue.finish(first, [Result("x@b.example", Verdict.SENT, "mx: 250 ok", "relayed")])
    assert await post.queue.take_bounces(10) == []


async def later(post: Post) -> Lease:
    (lease,) = await post.queue.take(10)
    await post.queue.finish(lease, [Result("x@b.example", Verdict.LATER, "mx: 450 4.2.1 busy")])
    return lease


@pytest.mark.parametrize(
    ("notify", "hours", "told"),
    [
        (("DELAY",), 4, True),
        (("DELAY",), 3.9, False),
        ((), 4, False),
        (("FAILURE",), 4, False),
        (("NEVER",), 4, False),
    ],
)
async def test_a_delay_is_told_once_where_it_was_asked_for(
    post: Post, notify: tuple[str, ...], hours: float, told: bool
) -> None:
    """RFC 3461 section 5.2.5."""
    await put(post, asking(*notify))
    post.clock.ms += int(hours * HOUR)
    bounce = await post.queue.delayed(await later(post))
    assert (bounce is not None) is told
    if bounce is None:
        return
    (failure,) = bounce.failures
    assert (failure.address, failure.action, failure.tries) == ("x@b.example", "delayed", 1)
    await post.store.database.write(lambda tx: post.queue.tell(tx, bounce, 1))
    post.clock.ms += HOUR
    assert await post.queue.delayed(await later(post)) is None


@pytest.mark.parametrize("minutes", [1, 3])
async def test_by_mode_r_gives_up_at_its_time(post: Post, minutes: int) -> None:
    """RFC 2852 section 4: status 5.4.7; it comes due at that time although the next try would be later."""
    by = DeliverBy(at_ms=post.clock.ms + 60_000 * minutes, give_up=True)
    await put(post, asking(terms=Terms(deliver_by=by)))
    assert await finish(post, Verdict.LATER) == []
    (entry,) = await post.queue.entries()
    assert entry.next_try_ms == by.at_ms
    post.clock.ms = by.at_ms
    (bounce,) = await finish(post, Verdict.LATER)
    assert bounce.failures[0].reply == "5.4.7 not in time; last: mx: 450 4.2.1 x"


@pytest.mark.parametrize(("notify", "told"), [((), True), (("DELAY",), True), (("FAILURE",), False)])
async def test_by_mode_n_tells_and_goes_on(post: Post, notify: tuple[str, ...], told: bool) -> None:
    """RFC 2852 section 4."""
    by = DeliverBy(at_ms=post.clock.ms + 60_000, give_up=False)
    await put(post, asking(*notify, terms=Terms(deliver_by=by)))
    assert await post.queue.delayed(await later(post)) is None
    post.clock.ms = by.at_ms
    assert (await post.queue.delayed(await later(post)) is not None) is told
    (entry,) = await post.queue.entries()
    assert entry.state == "waiting"


async def test_what_is_held_waits_and_its_age_counts_from_its_release(post: Post) -> None:
    """RFC 4865 section 4."""
    release_ms = post.clock.ms + 500 * HOUR
    await put(post, asking(terms=Terms(hold_until_ms=release_ms)))
    post.clock.ms = release_ms - 1
    assert await post.queue.take(10) == []
    assert await post.queue.next_due_ms() == release_ms
    post.clock.ms = release_ms
    assert await finish(post, Verdict.LATER) == []
    (entry,) = await post.queue.entries()
    assert entry.state == "waiting"


async def test_mail_of_higher_priority_goes_first(post: Post) -> None:
    """RFC 6710 section 5.1."""
    for number, priority in enumerate((0, -4, 4, 0, 9)):
        to = replace(envelope(f"x{number}@b.example"), terms=Terms(priority=priority))
        await put(post, to)
        post.clock.ms += 1_000
    post.clock.ms += 60_000
    leases = await post.queue.take(5)
    assert [lease.recipients[0][1] for lease in leases] == ["4", "2", "0", "3", "1"]
