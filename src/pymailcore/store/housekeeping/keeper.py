"""Runs the jobs of housekeeping: what must be quick beside what may take long, each one after the other.

One process of a family, and one node of several on one database, keeps house at a time: the others wait for
the lock. Who has it begins a term (`terms`), so that whoever loses it without knowing removes nothing more.
Each node looks after its own disk, whoever keeps house. A job that fails is logged, is an alarm while it
keeps failing, and does not keep the others from their turn. When a job is due again depends on how long it
took, so that work that grows with the store comes less often instead of taking more of the machine. When
space is short the jobs that give some back come soon.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

import trio

from pymailcore.base.errors import MailError, TemporaryFailure
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.engine import Engine
from pymailcore.store.housekeeping import alarms, chores
from pymailcore.store.housekeeping.audit import audit_blobs, audit_counters, audit_references
from pymailcore.store.housekeeping.census import census
from pymailcore.store.housekeeping.collector import collect
from pymailcore.store.housekeeping.expiry import expire_alarms, expire_kept, expire_uploads
from pymailcore.store.housekeeping.horizon import compact
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.objects import ObjectHouse
from pymailcore.store.housekeeping.rewriter import rewrite
from pymailcore.store.housekeeping.scrub import scrub
from pymailcore.store.housekeeping.statistics import statistics
from pymailcore.store.housekeeping.sweeper import sweep
from pymailcore.store.housekeeping.terms import TermOver
from pymailcore.store.housekeeping.watch import Watch
from pymailcore.store.quotas import COUNT_SECONDS
from pymailcore.store.types import Transaction

TICK_SECONDS: Final = 1.0
LOCK_SECONDS: Final = 5.0
QUICK_FIRST_SECONDS: Final = 5.0
FIRST_SECONDS: Final = 30.0  # after the start of a process, so that a restart is not slowed down
HURRY_SECONDS: Final = 60.0
_RARE: Final = 20  # times what it took: so long at least until a job comes again
_REMEMBERED: Final = 600.0  # a job of this interval or longer is remembered across restarts

log = get_logger()


class Job(NamedTuple):
    """One job.

    Attributes:
        every_seconds: between its end and its next beginning.
        frees: gives back space, so it comes soon when that is short.
    """

    name: str
    every_seconds: float
    run: Callable[[House], Awaitable[object]]
    frees: bool = False


SLOW: Final = (
    Job("uploads", 600.0, expire_uploads, frees=True),
    Job("kept", 3_600.0, expire_kept, frees=True),
    Job("alarms", 600.0, expire_alarms),
    Job("collect", 600.0, collect, frees=True),
    Job("census", 3_600.0, census),
    Job("statistics", 60.0, statistics),
    Job("rewrite", 1_800.0, rewrite, frees=True),
    Job("sweep", 600.0, sweep, frees=True),
    Job("scrub", 3_600.0, scrub),
    Job("horizon", 86_400.0, compact),
    Job("references", 86_400.0, audit_references),
    Job("blobs", 86_400.0, audit_blobs),
    Job("counters", 86_400.0, audit_counters),
)
"""In the order in which they take their turn when several are due."""


def next_run(job: Job, ended: float, took_seconds: float, *, hurry: bool) -> float:
    """When a job is due again. Pure."""
    wait = max(job.every_seconds, took_seconds * _RARE)
    return ended + (min(wait, HURRY_SECONDS) if hurry and job.frees else wait)


class Keeper:
    """Keeps house for one store.

    Args:
        slow: the jobs, for tests.
    """

    def __init__(self, engine: Engine, metrics: Metrics, slow: Sequence[Job] = SLOW) -> None:
        self.house = House(engine, metrics)
        self._slow = slow
        watch = Watch(self.house)
        self._own = (Job("watch", 5.0, lambda _: watch.look()),)
        self._quick = (Job("quotas", COUNT_SECONDS, lambda _: engine.quotas.count()),)
        self._bucket: tuple[Job, ...] = ()
        if engine.objects is not None:
            bucket = ObjectHouse(self.house, engine.objects)
            self._bucket = (
                Job("pack", 10.0, lambda _: bucket.pack(), frees=True),
                Job("objects", 21_600.0, lambda _: bucket.keep()),
            )

    async def run(self) -> None:
        """Keep house whenever no other process does, and look after this node always; until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._again, self._look_after_node)
            nursery.start_soon(self._again, self._keep_alone)

    async def _again(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except* (TemporaryFailure, OSError) as faults:
                log.warning("housekeeping has to wait", fault=repr(_first_of(faults)))
            await trio.sleep(LOCK_SECONDS)

    async def _look_after_node(self) -> None:
        await self._turns(self._own, QUICK_FIRST_SECONDS)

    async def _keep_alone(self) -> None:
        """Keep house while the lock is ours.

        Raises:
            TemporaryFailure: it is not any more, or cannot be had now.
        """
        async with self.house.database.try_lock("house") as alone:
            if alone:
                await self.house.begin_term()
                log.info("keeping house")
                try:
                    await self._keep()
                finally:
                    self.house.end_term()  # none of the jobs runs any more

    async def _keep(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._turns, self._quick, QUICK_FIRST_SECONDS)
            nursery.start_soon(self._turns, self._slow, FIRST_SECONDS)
            nursery.start_soon(self._turns, self._bucket, FIRST_SECONDS)

    async def _turns(self, jobs: Sequence[Job], first_seconds: float) -> None:
        due = await self._first(jobs, first_seconds)
        while True:
            now = trio.current_time()
            for job in jobs:
                if due[job.name] <= now or (
                    self.house.hurry and job.frees and due[job.name] > now + HURRY_SECONDS
                ):
                    begun = trio.current_time()
                    await self.turn(job)
                    ended = trio.current_time()
                    due[job.name] = next_run(job, ended, ended - begun, hurry=self.house.hurry)
            await trio.sleep(TICK_SECONDS)

    async def _first(self, jobs: Sequence[Job], first_seconds: float) -> dict[str, float]:
        """When each job is due first: a rare one goes by when it ran last."""
        now, now_ms = trio.current_time(), self.house.now_ms()
        there = await self.house.read(chores.load_all)
        due = {}
        for job in jobs:
            ran = there.get(_ran(job))
            ago = (now_ms - ran.ended_ms) / 1000 if ran is not None else job.every_seconds
            due[job.name] = now + max(first_seconds, job.every_seconds - ago if ago >= 0 else 0.0)
        return due

    async def turn(self, job: Job) -> bool:
        """Run a job once; tells whether it came to its end.

        Raises:
            TermOver: another process keeps house now.
        """
        house = self.house
        begun = trio.current_time()
        fault: Exception | None = None
        try:
            await job.run(house)
        except TermOver:
            raise
        except (MailError, OSError) as failure:
            fault = failure
            log.warning("housekeeping failed", job=job.name, fault=repr(failure))
        except Exception as failure:  # a fault of our own in one job must not end all of them
            fault = failure
            log.exception("housekeeping failed", job=job.name)
        house.metrics.house_seconds.labels(job.name).inc(trio.current_time() - begun)
        house.metrics.house_runs.labels(job.name, "failed" if fault else "ok").inc()
        try:
            raised = [alarms.Alarm(alarms.JOB, job.name, repr(fault))] if fault else []
            await house.alarms(alarms.JOB, raised, prefix=job.name)
            if not fault and job.every_seconds >= _REMEMBERED:
                await house.write(_remember(job, house.now_ms()))
        except TermOver:
            raise
        except (MailError, OSError) as failure:
            log.warning("housekeeping cannot write its notes", job=job.name, fault=repr(failure))
        return fault is None


def _remember(job: Job, now_ms: int) -> Callable[[Transaction], Awaitable[None]]:
    """The operation that notes when a job ran."""

    async def work(tx: Transaction) -> None:
        await chores.save(tx, _ran(job), chores.Chore({}, now_ms, now_ms))

    return work


def _first_of(faults: BaseExceptionGroup[BaseException]) -> BaseException:
    """One of the faults, without the groups around it."""
    fault: BaseException = faults
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault


def _ran(job: Job) -> str:
    return f"ran {job.name}"
