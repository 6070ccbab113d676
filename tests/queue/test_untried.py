"""queue over the real store: what has not begun to leave can be taken back."""

import pytest
from tests.support.directories import Clock
from tests.support.stored_post import Process, make_process
from tests.support.stores import Opened

from pymailcore.base.envelope import Terms
from pymailcore.base.errors import StateMismatch
from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.queue.types import Result, Verdict
from pymailcore.store.types import Transaction
from pymailcore.submission.settings import SubmissionSettings

ANN = "ann@a.example"
SETTINGS = SubmissionSettings()


@pytest.fixture
def process(opened: Opened) -> Process:
    return make_process(opened, Clock())


async def held(process: Process) -> tuple[AccountId, int]:
    """A message of ann for two domains, released in a minute, and its id."""
    ann = await process.add(ANN, DEFAULT_TENANT)
    terms = Terms(hold_until_ms=process.clock.ms + 60_000)
    await process.submit(SETTINGS, ann, ANN, "x@b.example", "y@c.example", terms=terms)
    return ann, (await process.queue.entries())[0].id


async def recall(process: Process, number: int, account: AccountId, count: int) -> None:
    async def work(tx: Transaction) -> None:
        await process.queue.recall(tx, number, account=account, recipients_count=count)

    await process.opened.store.database.write(work)


async def test_a_message_is_taken_back_with_its_blobs(process: Process) -> None:
    ann, number = await held(process)
    await recall(process, number, ann, 2)
    assert await process.queue.entries() == []
    assert await process.rows("SELECT 1 FROM queue_messages") == []
    process.clock.ms += 60_000
    assert await process.queue.take(50) == []
    with pytest.raises(StateMismatch):
        await recall(process, number, ann, 2)


async def test_nobody_takes_back_what_is_of_another(process: Process) -> None:
    ann, number = await held(process)
    ben = await process.add("ben@a.example")
    with pytest.raises(StateMismatch):
        await recall(process, number, ben, 2)
    assert await process.states() == {"waiting": 2}
    await process.queue.hold(ann)
    await recall(process, number, ann, 2)


@pytest.mark.parametrize("verdict", [None, *Verdict], ids=str)
async def test_what_has_begun_to_leave_goes_on_for_all(process: Process, verdict: Verdict | None) -> None:
    """RFC 8621 section 7: canceled means that none of the recipients gets it."""
    ann, number = await held(process)
    process.clock.ms += 60_000
    (first, *_) = await process.queue.take(1)
    if verdict is not None:
        await process.queue.finish(first, [Result(first.recipients[0], verdict, "450 x")])
    before = await process.states()
    with pytest.raises(StateMismatch):
        await recall(process, number, ann, 2)
    assert await process.states() == before
