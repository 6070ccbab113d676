"""Power cuts by replay: work on a store is recorded, and each disk that a cut could leave is looked at."""

import random
import shutil
from pathlib import Path
from typing import Final

import trio
from tests.support.crash.check import Clients, check, prepare
from tests.support.crash.child import BOXES, fresh_ids
from tests.support.crash.ledger import Ledger
from tests.support.crash.load import Worker, boxes_of
from tests.support.crash.recording import Recorder, leave
from tests.support.crash.taps import tapped
from tests.support.stores import opened_store

from pymailcore.base.errors import TemporaryFailure

TASKS: Final = 4
METHOD: Final = "replay of recorded writes, lost, torn and reordered"
_PER_RECORDING: Final = 25


async def record(folder: Path, *, operations: int, failing: float, seed: int) -> Recorder:
    """Make a store, copy it to `folder`.before, work on it and keep what was written."""
    await prepare(folder)
    shutil.copytree(folder, folder.with_suffix(".before"))
    recorder = Recorder(folder, failing=failing, seed=seed)
    ledger = Ledger()
    with tapped(recorder) as files:
        async with opened_store(
            folder, files=files, ids=fresh_ids(), maintain=True, passive_checkpoint_octets=100_000
        ) as opened:
            boxes = await boxes_of(opened.store, BOXES)

            async def task(number: int) -> None:
                source = random.Random(f"{seed} {number}")  # noqa: S311
                worker = Worker(opened.store, f"p0t{number}", ledger, boxes, recorder.report, source)
                try:
                    await worker.work(operations)
                except TemporaryFailure:
                    return  # whether it is done shows after the cut

            async with trio.open_nursery() as nursery:
                for number in range(TASKS):
                    nursery.start_soon(task, number)
            recorder.heal()  # SQLite says nothing of a sync that fails while it closes, our VFS does
    return recorder


async def cut(folder: Path, recorder: Recorder, at: int, *, seed: int) -> int:
    """Cut the power after so many calls and look at what is left; how much had been acknowledged."""
    left = folder.with_suffix(".left")
    events = recorder.events[:at]
    ledger = Ledger()
    for event in events:
        if event.line is not None:
            ledger.take(event.line)
    acknowledged = ledger.acknowledged
    leave(folder.with_suffix(".before"), [event for event in events if event.line is None], left, seed=seed)
    async with opened_store(left, ids=fresh_ids()) as opened:
        await check(opened, ledger, Clients(), sample=None)
        boxes = await boxes_of(opened.store, BOXES)
        source = random.Random(seed)  # noqa: S311
        for _ in range(3):  # it goes on working
            await Worker(opened.store, "p1t0", ledger, boxes, lambda _: None, source).once()
    await trio.to_thread.run_sync(shutil.rmtree, left)
    return acknowledged


async def replayed_cuts(folder: Path, cuts: int, *, failing: float, seed: int) -> int:
    """Cut the power so often, at any calls of some recordings; how much had been acknowledged."""
    source = random.Random(seed)  # noqa: S311
    acknowledged = 0
    for done in range(0, cuts, _PER_RECORDING):
        data = folder / f"data{done}"
        recorder = await record(data, operations=60, failing=failing, seed=source.getrandbits(32))
        for _ in range(min(_PER_RECORDING, cuts - done)):
            at = source.randrange(len(recorder.events))
            acknowledged += await cut(data, recorder, at, seed=source.getrandbits(32))
    return acknowledged
