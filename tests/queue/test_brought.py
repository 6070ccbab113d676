"""brought: mail between tenants comes once, whichever process brings it and whenever one dies."""

import pytest
import trio
from tests.support.directories import Clock
from tests.support.stored_post import ROOT, Process, make_process
from tests.support.stores import Opened

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.delivery.delivery import without_return_path
from pymailcore.queue import brought
from pymailcore.queue.brought import KEPT_MS, BroughtBefore
from pymailcore.queue.home import HomeRelay
from pymailcore.queue.types import Lease, Result, Verdict
from pymailcore.store.types import Transaction
from pymailcore.submission.settings import SubmissionSettings


class Nowhere:
    """Stands for the relay to other hosts; nothing goes there."""

    async def attempt(self, lease: Lease, octets: bytes) -> list[Result]:
        raise AssertionError(f"{lease} of {len(octets)} octets")


def relay(process: Process) -> HomeRelay:
    return HomeRelay(
        Nowhere(), process.directory, process.delivery, hostname="mx.example", now_ms=process.clock
    )


@pytest.fixture
async def family(opened: Opened) -> tuple[Process, Process]:
    """Two processes; ann has written to cy, who is of another tenant."""
    clock = Clock()
    first = make_process(opened, clock)
    ann = await first.add("ann@a.example", DEFAULT_TENANT)
    blue = await first.directory.tenants.add(ROOT, "blue")
    await first.add("cy@blue.example", blue.id)
    await first.submit(SubmissionSettings(), ann, "ann@a.example", "cy@blue.example")
    return first, make_process(opened, clock, first.ids)


async def carry(process: Process, lease: Lease) -> list[Result]:
    octets = await process.opened.store.rebuild(lease.message.tenant, lease.message.recipe)
    return await relay(process).attempt(lease, without_return_path(octets))


async def mails(process: Process) -> int:
    rows = await process.rows(
        "SELECT count(*) FROM emails e JOIN accounts a ON a.id = e.account WHERE a.name = 'cy@blue.example'"
    )
    return int(rows[0][0])


async def test_a_process_that_dies_behind_its_delivery_leaves_no_second_one(
    family: tuple[Process, Process],
) -> None:
    first, second = family
    (lease,) = await first.queue.take(1)
    assert (await carry(first, lease))[0].verdict is Verdict.SENT  # and with this it dies
    first.clock.ms += 2_000_000
    (again,) = await second.queue.take(1)
    (result,) = await carry(second, again)
    assert (result.verdict, result.reply) == (Verdict.SENT, "2.1.5 delivered here before")
    await second.queue.finish(again, [result])
    assert (await mails(second), await second.queue.count()) == (1, 0)


async def test_two_processes_at_the_same_moment_bring_it_once(family: tuple[Process, Process]) -> None:
    first, second = family
    (lease,) = await first.queue.take(1)
    verdicts = []

    async def bring(process: Process) -> None:
        verdicts.extend([one.verdict for one in await carry(process, lease)])

    async with trio.open_nursery() as nursery:
        for process in (first, second) * 4:
            nursery.start_soon(bring, process)
    assert verdicts == [Verdict.SENT] * 8
    assert await mails(first) == 1


async def test_the_same_text_sent_again_is_another_message(family: tuple[Process, Process]) -> None:
    first, second = family
    (ann,) = await first.rows("SELECT id FROM accounts WHERE name = 'ann@a.example'")
    await first.submit(SubmissionSettings(), ann[0], "ann@a.example", "cy@blue.example")
    for process in (first, second):
        (lease,) = await process.queue.take(1)
        await carry(process, lease)
    assert await mails(first) == 2


async def test_tokens_are_forgotten_after_a_while(opened: Opened) -> None:
    async def keep(token: bytes, now_ms: int) -> None:
        async def work(tx: Transaction) -> None:
            await brought.once(tx, token, now_ms)

        await opened.store.database.write(work)

    now_ms = 64 * 10**9
    await keep(b"a", now_ms)
    await keep(b"b", now_ms + 1)
    with pytest.raises(BroughtBefore):
        await keep(b"a", now_ms + KEPT_MS)
    await keep(b"c", now_ms + KEPT_MS + 64)
    await keep(b"a", now_ms + KEPT_MS + 65)
    with pytest.raises(BroughtBefore):
        await keep(b"c", now_ms + KEPT_MS + 66)
