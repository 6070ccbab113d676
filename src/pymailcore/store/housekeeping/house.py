"""What the jobs of housekeeping are given: the store, its settings, and a way to work without disturbing.

Theory: a job is an async function of a `House`. What it does to the database it does in slices (`write`),
each fenced (`terms`) and short, after each of which it rests in proportion to what it took: waiting for the
lock and for the disk is part of that, so that the busier the store is the less housekeeping adds. It leaves
notes (`chores`) in the same transactions, so that it may be killed between any two and go on later.
"""

import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import trio

from pymailcore.runtime.metrics import Metrics
from pymailcore.store.engine import Engine
from pymailcore.store.housekeeping import alarms, holds, terms
from pymailcore.store.housekeeping.pace import Pace, Throttle, rest_after
from pymailcore.store.layout import Layout
from pymailcore.store.settings import StoreSettings
from pymailcore.store.types import Transaction

T = TypeVar("T")

HURRY_MINUTES: Final = 1.0
"""What the waiting times of packs come down to when space is short."""


def pack_folder(settings: StoreSettings) -> Path:
    """Where a store has its pack files, if it has any."""
    return settings.pack_folder


class House:
    """One store as its housekeeper sees it.

    Attributes:
        packs: the folder of pack files.
        hurry: space is short; work that gives some back does not rest.
        term: what we keep house by; None where nobody else could, and for what is this node's own.
    """

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self.engine = engine
        self.database = engine.database
        self.metrics = metrics
        self.settings = engine.settings
        self.layout = Layout(engine.settings.data)
        self.packs = pack_folder(engine.settings)
        self.hurry = False
        self.term: str | None = None
        self._scrubbing = Throttle(engine.settings.scrub_octets_per_second)
        self._rewriting = Throttle(engine.settings.rewrite_octets_per_second)

    @property
    def pack_rest_ms(self) -> float:
        """A pack that was written to later than this ago is left alone."""
        minutes = self.settings.pack_rest_minutes
        return (min(minutes, HURRY_MINUTES) if self.hurry else minutes) * 60_000

    @property
    def pack_gone_ms(self) -> float:
        """How long a pack that nothing names stays for readers."""
        minutes = self.settings.pack_gone_minutes
        return (min(minutes, HURRY_MINUTES) if self.hurry else minutes) * 60_000

    def now_ms(self) -> int:
        """The present moment."""
        return self.engine.now_ms()

    async def begin_term(self) -> None:
        """From now on nobody else keeps house.

        Raises:
            TemporaryFailure: the database cannot be written now.
        """
        term, now_ms = secrets.token_hex(8), self.now_ms()
        await self.database.write(lambda tx: terms.begin(tx, term, now_ms))
        self.term = term

    def end_term(self) -> None:
        """We keep house no more; what is still written is for this node."""
        self.term = None

    async def can_remove(self) -> bool:
        """Whether a few packs or objects may go now; False while a backup on any node needs them.

        Raises:
            TermOver: another process keeps house now.
        """
        term, now_ms = self.term, self.now_ms()

        async def work(tx: Transaction) -> bool:
            if term is not None:
                await terms.require(tx, term, reading=True)
            return not await holds.is_held(tx, now_ms)

        return await self.database.read(work)

    async def write(self, work: Callable[[Transaction], Awaitable[T]], pace: Pace | None = None) -> T:
        """Run one slice, tell the pace how long it held the lock, and rest.

        Raises:
            TermOver: another process keeps house now; nothing is done.
        """
        term = self.term

        async def timed(tx: Transaction) -> tuple[T, float]:
            begun = time.perf_counter()
            if term is not None:
                await terms.require(tx, term)
            result = await work(tx)
            return result, time.perf_counter() - begun

        begun = trio.current_time()
        result, held = await self.database.write(timed)
        if pace is not None:
            pace.took(held)
        await self.rest(trio.current_time() - begun)
        return result

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run one reading slice on a snapshot, and rest."""
        begun = trio.current_time()
        result = await self.database.read(work)
        await self.rest(trio.current_time() - begun)
        return result

    async def thread(self, call: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 - passed on as they are
        """Run blocking work in a thread, and rest."""
        begun = trio.current_time()
        result = await trio.to_thread.run_sync(call, *args)
        await self.rest(trio.current_time() - begun)
        return result

    async def rest(self, worked_seconds: float) -> None:
        """Wait as long as work of this length asks for; a checkpoint in any case."""
        percent = 100.0 if self.hurry else self.settings.house_percent
        await trio.sleep(rest_after(worked_seconds, percent))

    async def scrubbed(self, octets: int) -> None:
        """Wait until the scrub may read on."""
        await trio.sleep(self._scrubbing.wait_after(octets, trio.current_time()))

    async def rewritten(self, octets: int) -> None:
        """Wait until rewriting may go on."""
        if not self.hurry:
            await trio.sleep(self._rewriting.wait_after(octets, trio.current_time()))

    async def alarms(self, kind: str, raised: list[alarms.Alarm], *, prefix: str = "") -> None:
        """Make the alarms of a kind, whose subject begins with a prefix, exactly these; log what changed."""
        now_ms = self.now_ms()

        async def work(tx: Transaction) -> tuple[list[alarms.Alarm], list[alarms.Alarm]]:
            return await alarms.settle(tx, kind, raised, now_ms, prefix=prefix)

        there = await self.read(alarms.read)
        mine = [alarm for alarm in there if alarm.kind == kind and alarm.subject.startswith(prefix)]
        if {alarm[:3] for alarm in mine} != {alarm[:3] for alarm in raised}:
            alarms.tell(*await self.write(work))
