"""queue: durable entries, leases, and what operators do."""

import pytest
from tests.support.deliveries import MESSAGE, Post, envelope, make_post

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.queue.queue import Queue
from pymailcore.queue.settings import QueueSettings
from pymailcore.queue.turns import Group, Turns
from pymailcore.queue.types import Lease, Result, Verdict
from pymailcore.store.types import StoredMessage, Transaction

MINUTE, HOUR = 60_000, 3_600_000
SETTINGS = QueueSettings(concurrent_per_domain_count=5)


@pytest.fixture
async def post() -> Post:
    return await make_post(SETTINGS)


async def put(post: Post, *recipients: str, reverse_path: str | None = "ann@a.example") -> int:
    accepted = await post.delivery.accept(
        envelope(*recipients, reverse_path=reverse_path),
        MESSAGE,
        tenant=DEFAULT_TENANT,
        received_ms=post.clock.ms,
    )
    post.clock.ms += 1
    assert accepted.queued is not None
    return accepted.queued


def having(count: int) -> Turns:
    """So many places for one domain, each of another tenant."""
    turns = Turns()
    for number in range(count):
        turns.begin(Group(number, "b.example", -number - 2, number + 2))
    return turns


async def take(post: Post) -> Lease:
    (lease,) = await post.queue.take(1)
    return lease


def results(lease: Lease, verdict: Verdict, reply: str = "mx: 450 later") -> list[Result]:
    return [Result(address, verdict, reply) for address in lease.recipients]


async def test_what_is_enqueued_is_due_at_once_grouped_by_domain(post: Post) -> None:
    number = await put(post, "x@b.example", "y@c.example", "z@b.example")
    leases = await post.queue.take(10)
    assert [(lease.message.id, lease.domain, lease.recipients) for lease in leases] == [
        (number, "b.example", ("x@b.example", "z@b.example")),
        (number, "c.example", ("y@c.example",)),
    ]
    assert await post.queue.take(10) == []


async def test_a_success_removes_the_recipient_and_the_last_one_the_message(post: Post) -> None:
    await put(post, "x@b.example", "y@c.example")
    first, second = await post.queue.take(10)
    await post.queue.finish(first, results(first, Verdict.SENT))
    assert (post.store.count("queue_messages"), post.store.count("held")) == (1, 1)
    await post.queue.finish(second, results(second, Verdict.SENT))
    assert post.store.count("queue_messages") == post.store.count("held") == 0
    assert await post.queue.next_due_ms() is None


async def test_a_try_that_failed_for_now_waits_with_its_reply(post: Post) -> None:
    """RFC 5321 section 4.5.4.1."""
    await put(post, "x@b.example")
    for tries, minutes in ((1, 5), (2, 10), (3, 20)):
        lease = await take(post)
        (written,) = await post.queue.finish(lease, results(lease, Verdict.LATER, f"mx: 451 no. {tries}"))
        assert written.verdict is Verdict.LATER
        (entry,) = await post.queue.entries()
        assert (entry.tries, entry.last_reply) == (tries, f"mx: 451 no. {tries}")
        assert entry.next_try_ms == post.clock.ms + minutes * MINUTE == await post.queue.next_due_ms()
        assert await post.queue.take(10) == []
        post.clock.ms = entry.next_try_ms


async def test_a_failure_waits_for_its_report(post: Post) -> None:
    number = await put(post, "x@b.example", "y@b.example", "z@b.example")
    lease = await take(post)
    await post.queue.finish(
        lease,
        [
            Result("x@b.example", Verdict.FAILED, "mx: 550 5.1.1 no x"),
            Result("y@b.example", Verdict.SENT, "mx: 250 ok"),
            Result("z@b.example", Verdict.FAILED, "mx: 550 5.1.1 no z"),
        ],
    )
    (bounce,) = await post.queue.take_bounces(10)
    assert bounce.message.id == number
    assert [(f.address, f.reply) for f in bounce.failures] == [
        ("x@b.example", "mx: 550 5.1.1 no x"),
        ("z@b.example", "mx: 550 5.1.1 no z"),
    ]
    assert await post.queue.take_bounces(10) == []
    await post.queue.put_off_bounce(bounce)
    assert await post.queue.take_bounces(10) == []
    post.clock.ms += 5 * MINUTE
    (bounce,) = await post.queue.take_bounces(10)
    await post.queue.end_bounce(bounce)
    assert post.store.count("queue_messages") == post.store.count("held") == 0


async def test_a_failure_of_a_report_is_the_end_of_it(post: Post) -> None:
    """RFC 5321 section 6.1: never a report about a report."""
    await put(post, "x@b.example", reverse_path=None)
    lease = await take(post)
    await post.queue.finish(lease, results(lease, Verdict.FAILED))
    assert await post.queue.take_bounces(10) == []
    assert post.store.count("queue_messages") == 0


async def test_what_is_too_old_fails(post: Post) -> None:
    """RFC 5321 section 4.5.4.1: the give-up time."""
    await put(post, "x@b.example")
    post.clock.ms += 120 * HOUR
    lease = await take(post)
    (written,) = await post.queue.finish(lease, results(lease, Verdict.LATER, "mx: 450 busy"))
    assert (written.verdict, written.reply) == (Verdict.FAILED, "4.4.7 gave up; last: mx: 450 busy")
    (bounce,) = await post.queue.take_bounces(10)
    assert bounce.failures[0].reply.startswith("4.4.7")


async def test_a_lease_that_ran_out_is_given_again(post: Post) -> None:
    await put(post, "x@b.example")
    first = await take(post)
    post.clock.ms = first.until_ms - 1
    assert await post.queue.take(10) == []
    post.clock.ms = first.until_ms
    second = await take(post)
    assert second.recipients == first.recipients
    # What the first brings back now counts for nothing, unless the message has gone out.
    await post.queue.finish(first, results(first, Verdict.FAILED))
    await post.queue.finish(first, results(first, Verdict.LATER))
    (entry,) = await post.queue.entries()
    assert (entry.state, entry.tries) == ("sending", 0)
    await post.queue.finish(first, results(first, Verdict.SENT))
    assert post.store.count("queue_messages") == 0
    await post.queue.finish(second, results(second, Verdict.LATER))
    assert post.store.count("queue_recipients") == 0


async def test_a_new_runner_takes_what_the_last_one_left(post: Post) -> None:
    await put(post, "x@b.example")
    await take(post)
    assert await post.queue.release_leases() == 1
    assert (await take(post)).recipients == ("x@b.example",)


async def test_a_commit_that_fails_changes_nothing(post: Post) -> None:
    await put(post, "x@b.example")
    lease = await take(post)
    post.store.memory.fail_next = TemporaryFailure("disk")
    with pytest.raises(TemporaryFailure):
        await post.queue.finish(lease, results(lease, Verdict.SENT))
    assert post.store.count("queue_messages") == post.store.count("held") == 1


async def test_a_domain_with_many_messages_leaves_places_for_others(post: Post) -> None:
    for _ in range(20):
        await put(post, "x@b.example")
    await put(post, "y@c.example")
    leases = await post.queue.take(50)
    assert [lease.domain for lease in leases] == ["b.example"] * 5 + ["c.example"]
    assert await post.queue.take(50, having(5)) == []
    assert len(await post.queue.take(50, having(3))) == 2
    assert len(await post.queue.take(50, having(4))) == 1


async def test_a_domain_is_found_behind_a_long_row_of_another(post: Post) -> None:
    """D9: one bad destination never slows others, however much waits for it."""
    rows = [(number, f"x{number}@b.example", "b.example", number) for number in range(1, 2_001)]
    memory = post.store.memory.connection
    memory.executemany(
        "INSERT INTO queue_messages (id, tenant, size_octets, recipe, smtputf8, eight_bit, created_ms)"
        " VALUES (?1, 1, 1, x'00', 0, 0, ?4)",
        rows,
    )
    memory.executemany(
        "INSERT INTO queue_recipients (message, address, domain, next_try_ms) VALUES (?1, ?2, ?3, ?4)", rows
    )
    await put(post, "y@c.example")
    assert sorted(lease.domain for lease in await post.queue.take(50)) == ["b.example"] * 5 + ["c.example"]


async def test_the_next_due_leaves_out_domains_without_a_place(post: Post) -> None:
    await put(post, "x@b.example")
    due = await post.queue.next_due_ms()
    assert due is not None
    assert due < post.clock.ms
    assert await post.queue.next_due_ms(having(5)) is None
    assert await post.queue.next_due_ms(having(4)) == due


@pytest.mark.parametrize("count", [99, 100, 101])
async def test_a_transaction_has_so_many_recipients(post: Post, count: int) -> None:
    """RFC 5321 section 4.5.3.1.8."""
    await put(post, *(f"x{n:03}@b.example" for n in range(count)))
    assert [len(lease.recipients) for lease in await post.queue.take(10)] == [min(count, 100)]
    assert [len(lease.recipients) for lease in await post.queue.take(10)] == [1] * (count > 100)


async def test_operators_see_every_recipient_page_by_page(post: Post) -> None:
    one = await put(post, "x@b.example", "y@b.example", reverse_path=None)
    two = await put(post, "z@c.example")
    assert len(await post.queue.take(1)) == 1
    entries = await post.queue.entries(limit=2)
    assert [(e.id, e.recipient, e.sender, e.state) for e in entries] == [
        (one, "x@b.example", "", "sending"),
        (one, "y@b.example", "", "sending"),
    ]
    (last,) = await post.queue.entries(after=(entries[-1].id, entries[-1].recipient))
    assert (last.id, last.recipient, last.sender, last.state) == (
        two,
        "z@c.example",
        "ann@a.example",
        "waiting",
    )
    assert last.size_octets == len(MESSAGE)
    assert await post.queue.count() == 3


async def test_operators_can_have_it_tried_now(post: Post) -> None:
    number = await put(post, "x@b.example", "y@c.example")
    for lease in await post.queue.take(10):
        await post.queue.finish(lease, results(lease, Verdict.LATER))
    post.notices.clear()
    assert await post.queue.retry(domain="b.example") == 1
    assert len(post.notices) == 1
    lease = await take(post)
    assert lease.domain == "b.example"
    assert await post.queue.retry(message=number) == 1  # the other one is on its way
    assert (await take(post)).domain == "c.example"
    with pytest.raises(NotFound):
        await post.queue.retry(message=number + 1)
    with pytest.raises(NotFound):
        await post.queue.retry(domain="d.example")


async def test_operators_can_drop_messages_and_domains(post: Post) -> None:
    one = await put(post, "x@b.example", "y@c.example")
    await put(post, "z@b.example")
    assert await post.queue.drop(domain="b.example") == 2
    assert (post.store.count("queue_messages"), post.store.count("held")) == (1, 1)
    assert await post.queue.drop(message=one) == 1
    assert post.store.count("queue_messages") == post.store.count("held") == 0
    with pytest.raises(NotFound):
        await post.queue.drop(message=one)


async def test_a_tenant_that_goes_leaves_nothing_in_the_queue(post: Post) -> None:
    await put(post, "x@b.example", "y@c.example")
    await put(post, "z@b.example")
    post.store.memory.connection.execute(
        "UPDATE queue_messages SET tenant = 2 WHERE id IN (SELECT max(id) FROM queue_messages)"
    )
    assert await post.queue.drop_tenant(TenantId(2)) == 1
    assert await post.queue.drop_tenant(TenantId(2)) == 0
    assert (post.store.count("queue_messages"), post.store.count("queue_recipients")) == (1, 2)


async def test_what_was_dropped_while_on_its_way_is_no_more(post: Post) -> None:
    await put(post, "x@b.example")
    lease = await take(post)
    await post.queue.drop()
    for verdict in Verdict:
        await post.queue.finish(lease, results(lease, verdict))
    assert post.store.count("queue_recipients") == post.store.count("queue_messages") == 0


@pytest.mark.parametrize("state", ["waiting", "failed"])
async def test_a_row_without_its_message_is_removed(post: Post, state: str) -> None:
    await put(post, "x@b.example")
    post.store.memory.connection.execute("UPDATE queue_recipients SET state = ?1", (state,))
    post.store.memory.connection.execute("DELETE FROM queue_messages")
    assert await post.queue.take(10) == []
    assert await post.queue.take_bounces(10) == []
    assert post.store.count("queue_recipients") == 0


async def test_enqueueing_twice_in_a_transaction_that_ran_again_is_once(post: Post) -> None:
    """`work` may run more than once; each run begins from a clean state."""
    queue: Queue = post.queue
    message = StoredMessage(DEFAULT_TENANT, b"", 1, b"x", ())

    async def work(tx: Transaction) -> None:
        to = envelope("x@b.example")
        await queue.enqueue(tx, message, to, to.recipients, id=5, now_ms=0)

    post.store.memory.fail_next = TemporaryFailure("again")
    with pytest.raises(TemporaryFailure):
        await post.store.database.write(work)
    await post.store.database.write(work)
    assert await queue.count() == 1
