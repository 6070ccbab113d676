"""queue over the real store: who has thousands of mails waiting does not stand before who has one."""

from collections import Counter

import pytest
from tests.support.directories import Clock
from tests.support.stored_post import Process, make_process
from tests.support.stores import Opened

from pymailcore.queue.settings import QueueSettings
from pymailcore.queue.turns import Turns
from pymailcore.queue.types import Lease, Result, Verdict
from pymailcore.store.types import Transaction

SETTINGS = QueueSettings(concurrent_count=10)
FLOOD = 1_500


@pytest.fixture
def process(opened: Opened) -> Process:
    return make_process(opened, Clock(), settings=SETTINGS)


async def put(process: Process, first: int, count: int, *, tenant: int, account: int = 0) -> None:
    """Messages that came one millisecond after the other, each for a domain of its own."""
    begun_ms = process.clock.ms - 10_000
    messages = [(first + one, tenant, account, begun_ms + first + one) for one in range(count)]
    recipients = [
        (number, f"x@d{number}.example", f"d{number}.example", at_ms, account or -tenant)
        for number, _, _, at_ms in messages
    ]

    async def work(tx: Transaction) -> None:
        await tx.run_many(
            "INSERT INTO queue_messages (id, tenant, account, created_ms, size_octets, recipe, smtputf8,"
            " eight_bit) VALUES (?1, ?2, ?3, ?4, 1, x'00', 0, 0)",
            messages,
        )
        await tx.run_many(
            "INSERT INTO queue_recipients (message, address, domain, next_try_ms, flow)"
            " VALUES (?1, ?2, ?3, ?4, ?5)",
            recipients,
        )

    await process.opened.store.database.write(work)


async def relayed(process: Process, most: int) -> list[Lease]:
    """The leases in the order in which a runner begins them: one ends, and its place is given on."""
    turns, going, begun = Turns(), list[Lease](), list[Lease]()
    while len(begun) < most:
        some = await process.queue.take(SETTINGS.concurrent_count - turns.total(), turns)
        for lease in some:
            turns.begin(lease.group)
        going += some
        begun += some
        if not going:
            break
        ended = going.pop(0)
        turns.end(ended.group)
        await process.queue.finish(ended, [Result(ended.recipients[0], Verdict.SENT, "")])
    return begun


async def test_one_mail_of_a_tenant_leaves_among_the_first_of_anothers_thousands(process: Process) -> None:
    await put(process, 1, FLOOD, tenant=1, account=7)
    await put(process, FLOOD + 1, 1, tenant=2, account=8)
    await put(process, FLOOD + 2, 1, tenant=1, account=9)
    await put(process, FLOOD + 3, 1, tenant=3)
    begun = [lease.message.id for lease in await relayed(process, 30)]
    assert [begun.index(FLOOD + one) < 10 for one in (1, 2, 3)] == [True] * 3
    assert [number for number in begun if number <= FLOOD] == list(range(1, len(begun) - 2))


async def test_who_comes_while_all_places_are_taken_has_the_next(process: Process) -> None:
    await put(process, 1, FLOOD, tenant=1, account=7)
    turns = Turns()
    taken = await process.queue.take(10, turns)
    assert len(taken) == 8  # two are left for others
    for lease in taken:
        turns.begin(lease.group)
    assert await process.queue.take(2, turns) == []
    assert await process.queue.next_due_ms(turns) is None
    await put(process, FLOOD + 1, 1, tenant=2, account=8)
    assert [lease.message.id for lease in await process.queue.take(2, turns)] == [FLOOD + 1]


async def test_two_floods_share_the_places_until_one_has_ended(process: Process) -> None:
    await put(process, 1, 600, tenant=1, account=7)
    await put(process, 601, 40, tenant=2, account=8)
    begun = await relayed(process, 100)
    assert Counter(lease.message.tenant for lease in begun[:80]) == {1: 40, 2: 40}
    assert {lease.message.tenant for lease in begun[82:]} == {1}


async def test_all_flows_are_found_however_many_there_are(process: Process) -> None:
    """More flows than one look sees, behind more mail than it reads."""
    await put(process, 1, 600, tenant=1, account=7)
    for one in range(150):
        await put(process, 1_000 + one, 1, tenant=2 + one, account=100 + one)
    begun = await relayed(process, 200)
    assert {lease.message.tenant for lease in begun} == {1, *range(2, 152)}
