"""Where time goes in each process of a server under load, by tenant: the loop, threads, the writer, its lock.

`benchmarks.noisy_neighbour --waits` starts the server with a `sitecustomize` that begins this in its workers.
It is on while the file `ON` is there, and writes one text file for each process once that is gone. All is
told in milliseconds of waiting or working: how often, the sum, p50, p90, p99 and the most. Looking costs
something itself: some tenth of the processor.
"""

# ruff: noqa: SLF001 - it looks into the server from outside

import functools
import importlib
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final

import trio

from pymailcore.base import parties
from pymailcore.runtime import command_turns, fair_places
from pymailcore.store import database, readers, writer

ON: Final = "on"
_LOOK_SECONDS: Final = 0.1
_SITE: Final = "from benchmarks.noisy_waits import begin\nbegin({!r})\n"

Times = dict[tuple[str, int], list[float]]


def environment(folder: Path) -> dict[str, str]:
    """What a server is started with, so that its workers tell in `folder`."""
    (folder / "sitecustomize.py").write_text(_SITE.format(str(folder)), "utf-8")
    root = Path(__file__).parents[1]
    return os.environ | {"PYTHONPATH": f"{folder}:{root}:{os.environ.get('PYTHONPATH', '')}"}


class Waits:
    """What one process has measured."""

    def __init__(self) -> None:
        self.on = False
        self.times: Times = defaultdict(list)

    def note(self, what: str, seconds: float, tenant: int = -1) -> None:
        """Take one time."""
        if self.on:
            self.times[what, tenant].append(seconds * 1000)

    def keep(self, folder: Path) -> None:
        """Measure while the file is there, then tell; in a thread of its own."""
        while not (folder / ON).exists():
            time.sleep(_LOOK_SECONDS)
        began, used = time.perf_counter(), time.process_time()
        self.on = True
        while (folder / ON).exists():
            time.sleep(_LOOK_SECONDS)
        self.on = False
        lasted, used = time.perf_counter() - began, time.process_time() - used
        (folder / f"{os.getpid()}.txt").write_text(self._table(lasted, used), "utf-8")

    def _table(self, lasted: float, used: float) -> str:
        tenants = sorted({tenant for _, tenant in self.times if tenant > 1})
        names = {-1: "", 0: "server", 1: "server"}
        names |= dict(zip(tenants, ("flood", "calm"), strict=False))
        lines = [f"{sys.orig_argv[-2]}: {lasted:.1f} s, of which on a core {used:.1f} s"]
        for (what, tenant), times in sorted(self.times.items()):
            some = sorted(times)
            cuts = [some[min(len(some) - 1, len(some) * cut // 100)] for cut in (50, 90, 99, 100)]
            lines.append(
                f"  {what:34} {names.get(tenant, tenant):6} n {len(some):6} sum {sum(some):8.0f}"
                f"  p50 {cuts[0]:7.2f} p90 {cuts[1]:7.2f} p99 {cuts[2]:7.2f} most {cuts[3]:7.2f}"
            )
        return "\n".join(lines) + "\n"


class _Loop(trio.abc.Instrument):
    """Steps of tasks, and how long they wait for the loop."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._runnable: dict[trio.lowlevel.Task, float] = {}
        self._began, self._used = 0.0, 0.0

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        """Note when it could go on."""
        self._runnable[task] = time.perf_counter()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note that it does."""
        self._began, self._used = time.perf_counter(), time.thread_time()
        since = self._runnable.pop(task, self._began)
        self._waits.note("loop: until a task runs", self._began - since, _tenant_of(task))

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note how long, and how much of it was on a core."""
        lasted, used = time.perf_counter() - self._began, time.thread_time() - self._used
        self._waits.note("loop: step", lasted, _tenant_of(task))
        self._waits.note("loop: step, on a core", used, _tenant_of(task))


def _tenant_of(task: trio.lowlevel.Task) -> int:
    return task.context.run(parties.current_party).tenant


def begin(folder: str) -> None:
    """Look into this process, if it is a worker."""
    if not any(argument.startswith("pymailcore.worker.") for argument in sys.orig_argv):
        return
    waits = Waits()
    _look_into_writer(waits)
    _look_into_readers(waits)
    _look_into_places(waits)
    _look_into_commands(waits)
    run = trio.run
    trio.run = functools.partial(run, instruments=[_Loop(waits)])
    for module in ("pymailcore.worker.process", "pymailcore.worker.single"):
        importlib.import_module(module)
    threading.Thread(target=waits.keep, args=(Path(folder),), daemon=True).start()


def _timed(waits: Waits, owner: type, name: str, what: str) -> None:
    """Measure the calls of a method."""
    plain: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(plain)
    def timed(*args: object, **named: object) -> object:
        began = time.perf_counter()
        try:
            return plain(*args, **named)
        finally:
            waits.note(what, time.perf_counter() - began)

    setattr(owner, name, timed)


def _look_into_writer(waits: Waits) -> None:
    _timed(waits, writer.Writer, "_prepare", "writer: blobs to disk")
    _timed(waits, writer.Writer, "_batch", "writer: batch, with its lock")
    _timed(waits, writer.Writer, "_try", "writer: transaction")
    put, deliver, wake = writer.Writer.put, database.SqliteDatabase.deliver, database.SqliteDatabase._wake
    left: dict[writer.Job, float] = {}
    ended: dict[writer.Job, float] = {}

    def timed_put(self: writer.Writer, jobs: Iterable[writer.Job]) -> None:
        some = list(jobs)
        left.update(dict.fromkeys(some, time.perf_counter()))
        put(self, some)

    def timed_deliver(self: database.SqliteDatabase, jobs: list[writer.Job]) -> None:
        now = time.perf_counter()
        for job in jobs:
            since = left.pop(job, None)
            if since is not None:
                waits.note("writer: from left to on disk", now - since, job.party.tenant)
            ended[job] = now
        deliver(self, jobs)

    def timed_wake(self: database.SqliteDatabase, jobs: list[writer.Job]) -> None:
        now = time.perf_counter()
        for job in jobs:
            waits.note("loop: until it hears of the end", now - ended.pop(job, now), job.party.tenant)
        wake(self, jobs)

    writer.Writer.put = timed_put  # type: ignore[method-assign]
    database.SqliteDatabase.deliver = timed_deliver  # type: ignore[method-assign]
    database.SqliteDatabase._wake = timed_wake  # type: ignore[method-assign]


def _look_into_readers(waits: Waits) -> None:
    put = readers.Readers.put

    def timed_put(self: readers.Readers, job: readers.ReadJob, call: Callable[..., Any]) -> None:
        left, tenant = time.perf_counter(), job.party.tenant

        def timed(side: readers.ReadSide) -> object:
            began, used = time.perf_counter(), time.thread_time()
            waits.note("readers: until a thread is free", began - left, tenant)
            try:
                return call(side)
            finally:
                waits.note("readers: call", time.perf_counter() - began, tenant)
                waits.note("readers: call, on a core", time.thread_time() - used, tenant)

        put(self, job, timed)

    readers.Readers.put = timed_put  # type: ignore[method-assign]


def _look_into_places(waits: Waits) -> None:
    take: Callable[..., Awaitable[None]] = fair_places.FairPlaces._take

    async def timed(self: fair_places.FairPlaces, party: parties.Party) -> None:
        began = time.perf_counter()
        await take(self, party)
        waits.note("places: until there is one", time.perf_counter() - began, party.tenant)

    fair_places.FairPlaces._take = timed  # type: ignore[method-assign]


def _look_into_commands(waits: Waits) -> None:
    enter: Callable[..., Awaitable[None]] = command_turns.CommandTurn.__aenter__

    async def timed(self: command_turns.CommandTurn) -> None:
        began = time.perf_counter()
        await enter(self)
        waits.note("commands: until one may begin", time.perf_counter() - began, self.party.tenant)

    command_turns.CommandTurn.__aenter__ = timed  # type: ignore[method-assign] # measured from outside
