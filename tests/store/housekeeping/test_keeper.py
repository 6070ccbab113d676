from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.lowlevel
from tests.support.house import rows
from tests.support.logs import captured
from tests.support.stores import Opened

from pymailcore.base.errors import TemporaryFailure
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.housekeeping import alarms, keeper
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.keeper import SLOW, Job, Keeper, next_run


def test_a_job_comes_again_when_it_is_due_and_the_later_the_longer_it_took() -> None:
    job = Job("one", 60.0, _nothing)
    assert next_run(job, 100.0, 0.5, hurry=False) == 160.0
    assert next_run(job, 100.0, 30.0, hurry=False) == 700.0
    assert next_run(job, 100.0, 30.0, hurry=True) == 700.0
    frees = Job("two", 600.0, _nothing, frees=True)
    assert next_run(frees, 100.0, 30.0, hurry=True) == 160.0
    assert next_run(frees, 100.0, 30.0, hurry=False) == 700.0


async def _nothing(house: House) -> None:
    """Nothing to do."""


def failing(failures: list[Exception]) -> Callable[[House], Awaitable[None]]:
    async def run(house: House) -> None:
        if failures:
            raise failures.pop(0)

    return run


async def test_a_job_that_fails_is_an_alarm_until_it_does_not(opened: Opened) -> None:
    house = Keeper(opened.store.engine, Metrics())
    job = Job(
        "odd", 60.0, failing([TemporaryFailure("later"), ValueError("a fault of our own"), OSError(5, "x")])
    )
    with captured() as lines:
        assert [await house.turn(job) for _ in range(4)] == [False, False, False, True]
    told = [(line["event"], line["log_level"]) for line in lines]
    assert told == [
        ("housekeeping failed", "warning"),
        ("alarm", "error"),
        ("housekeeping failed", "error"),
        ("housekeeping failed", "warning"),
        ("alarm is over", "warning"),
    ]
    runs = house.house.metrics.house_runs
    assert (runs.labels("odd", "failed")._value.get(), runs.labels("odd", "ok")._value.get()) == (3, 1)
    assert await opened.store.database.read(alarms.read) == []


async def test_every_job_runs_on_a_real_store(opened: Opened) -> None:
    await opened.deliver()
    house = Keeper(opened.store.engine, Metrics())
    for job in (*SLOW, *house._quick):
        assert await house.turn(job), job.name
    assert len({job.name for job in SLOW}) == len(SLOW)
    await opened.check()


@pytest.fixture
def hasty_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "TICK_SECONDS", 0.001)
    monkeypatch.setattr(keeper, "LOCK_SECONDS", 0.05)
    for name in ("FIRST_SECONDS", "QUICK_FIRST_SECONDS"):
        monkeypatch.setattr(keeper, name, 0.0)


async def test_one_keeps_house_and_the_other_takes_over(
    opened: Opened, nursery: trio.Nursery, hasty_keeper: None
) -> None:
    order: list[str] = []
    ran = {name: trio.Event() for name in "ab"}
    many = trio.Event()

    def make(name: str) -> Keeper:
        async def run(house: House) -> None:
            order.append(name)
            ran[name].set()
            if len(order) == 5:
                many.set()

        return Keeper(opened.store.engine, Metrics(), [Job("job", 0.0, run)])

    with trio.fail_after(60):
        scopes = {}

        async def keep(name: str, task_status: trio.TaskStatus[None]) -> None:
            with trio.CancelScope() as scopes[name]:
                task_status.started()
                await make(name).run()

        await nursery.start(lambda task_status: keep("a", task_status))
        await ran["a"].wait()
        await nursery.start(lambda task_status: keep("b", task_status))
        await many.wait()
        assert set(order) == {"a"}
        scopes["a"].cancel()
        await ran["b"].wait()
        scopes["b"].cancel()


async def test_a_rare_job_is_not_done_again_at_each_start(opened: Opened, hasty_keeper: None) -> None:
    ran: list[str] = []

    async def daily(house: House) -> None:
        ran.append("daily")

    async def start() -> None:
        """Keep house until another job has run three times."""
        left = [trio.Event(), trio.Event(), trio.Event()]

        async def often(house: House) -> None:
            left.pop().set()

        jobs = [Job("daily", 86_400.0, daily), Job("often", 0.0, often)]
        last = left[0]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Keeper(opened.store.engine, Metrics(), jobs).run)
            await last.wait()
            nursery.cancel_scope.cancel()

    with trio.fail_after(30):
        await start()
        await start()
    assert ran == ["daily"]
    assert await rows(opened, "SELECT name FROM chores WHERE name LIKE 'ran %'") == [("ran daily",)]
