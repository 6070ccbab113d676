"""ENOSPC, EIO and EROFS at every write-class call (issue 4; DESIGN 4.2).

The k-th call fails, for k = 1, 2, 3 … until a whole run of work meets no fault. After each: what was refused
was not done, what was acknowledged is there, and the same open store takes work again as soon as the fault
has ended.
"""

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest
import trio
from tests.support.crash.check import Clients, check, prepare
from tests.support.crash.child import BOXES, fresh_ids
from tests.support.crash.faults import ERRORS, Faults
from tests.support.crash.ledger import Ledger
from tests.support.crash.load import Worker, boxes_of
from tests.support.crash.taps import tapped
from tests.support.said import Say
from tests.support.stores import Opened, opened_store

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.layout import Layout

TASKS = 3
OPERATIONS = 4
SERVICE_SECONDS = 5.0


class Sweep:
    """One open store under which calls fail."""

    def __init__(self, opened: Opened, faults: Faults, folder: Path, boxes: dict[int, list[int]]) -> None:
        self._opened = opened
        self._faults = faults
        self._folder = folder
        self._boxes = boxes
        self.ledger = Ledger()
        self.clients = Clients()
        self.refused = 0

    def _worker(self, number: int, seed: str) -> Worker:
        return Worker(
            self._opened.store,
            f"p0t{number}",
            self.ledger,
            self._boxes,
            lambda _: None,
            random.Random(seed),  # noqa: S311
        )

    async def _task(self, number: int, seed: str) -> None:
        worker = self._worker(number, seed)
        for _ in range(OPERATIONS):
            try:
                await worker.once()
            except TemporaryFailure:
                self.ledger.refuse(f"p0t{number}")
                self.refused += 1

    def _checkpoint(self) -> None:
        """What the back worker does; its failure is nobody's."""
        connection = apsw.Connection(str(Layout(self._folder).database))
        try:
            connection.execute("PRAGMA synchronous = extra")
            connection.wal_autocheckpoint(0)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error:
            return
        finally:
            connection.close(True)

    async def run(self, at: int, error: int, *, lasting: bool) -> list[str]:
        """One run of work, then a checkpoint; gives the calls of the work that failed."""
        self._faults.arm(at, error, lasting=lasting)
        async with trio.open_nursery() as nursery:
            for number in range(TASKS):
                nursery.start_soon(self._task, number, f"{at} {error} {lasting} {number}")
        fired = self._faults.fired
        self._faults.arm(1 + at % 7, error, lasting=lasting)
        await trio.to_thread.run_sync(self._checkpoint)
        self._faults.lift()
        await self._is_in_service(f"after {at}")
        await check(self._opened, self.ledger, self.clients, sample=3)
        return fired

    async def _is_in_service(self, seed: str) -> None:
        worker = self._worker(TASKS, seed)
        deadline = time.monotonic() + SERVICE_SECONDS
        while True:
            try:
                await worker.once()
            except TemporaryFailure:
                self.ledger.refuse(f"p0t{TASKS}")
                assert time.monotonic() < deadline, "the fault has ended and the store does not work"
            else:
                return


@asynccontextmanager
async def swept(folder: Path) -> AsyncIterator[Sweep]:
    """A store whose calls can be made to fail; at the end it is opened anew and compared once more."""
    await prepare(folder)
    faults = Faults()
    with tapped(faults) as files:
        async with opened_store(folder, files=files, ids=fresh_ids()) as opened:
            sweep = Sweep(opened, faults, folder, await boxes_of(opened.store, BOXES))
            yield sweep
    async with opened_store(folder, ids=fresh_ids()) as opened:
        await check(opened, sweep.ledger, sweep.clients, sample=None)


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("error", ERRORS)
async def test_some_failing_calls_lose_nothing(tmp_path: Path, error: str, *, lasting: bool) -> None:
    failed: set[str] = set()
    async with swept(tmp_path / "data") as sweep:
        for at in (1, 2, 3, 5, 8, 13, 21):
            failed |= {call.split()[0] for call in await sweep.run(at, ERRORS[error], lasting=lasting)}
        assert sweep.refused
        assert len(failed) > 1


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("error", ERRORS)
async def test_no_failing_call_loses_anything(tmp_path: Path, error: str, *, lasting: bool, say: Say) -> None:
    """Every call of a run, until a few runs in succession meet none; each twenty runs on a new store."""
    begun = time.monotonic()
    at = clean = refused = acknowledged = 0
    failed: dict[str, int] = {}
    while clean < 3:
        async with swept(tmp_path / f"data{at}") as sweep:
            for _ in range(20):
                at += 1
                fired = await sweep.run(at, ERRORS[error], lasting=lasting)
                clean = 0 if fired else clean + 1
                for call in fired[:1]:
                    failed[call.split()[0]] = failed.get(call.split()[0], 0) + 1
            refused += sweep.refused
            acknowledged += sweep.ledger.acknowledged
    calls = ", ".join(f"{number} {call}" for call, number in sorted(failed.items()))
    say(
        f"{error} {'from the k-th call on' if lasting else 'at the k-th call'}: {at} runs, first failed:"
        f" {calls}; {acknowledged} acknowledged, {refused} refused, 0 lost, 0 twice,"
        f" in service again within {SERVICE_SECONDS:.0f} s; {time.monotonic() - begun:.0f} s"
    )
