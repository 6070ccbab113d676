"""A power cut by replay of recorded writes: lost, torn and reordered; needs no root (DESIGN 4.2, issue 4).

PYMAILCORE_CUTS sets the count of the long run.
"""

import os
import random
import shutil
from pathlib import Path

import pytest
import trio
from tests.support.crash.check import Clients, check, prepare
from tests.support.crash.child import BOXES, fresh_ids
from tests.support.crash.ledger import Ledger
from tests.support.crash.load import Worker, boxes_of
from tests.support.crash.recording import Recorder, leave
from tests.support.crash.taps import tapped
from tests.support.stores import opened_store

from pymailcore.base.errors import TemporaryFailure

CUTS = int(os.environ.get("PYMAILCORE_CUTS", "500"))
TASKS = 4


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


@pytest.mark.slow
@pytest.mark.parametrize("failing", [0.0, 0.05], ids=["sound", "failing-syncs"])
async def test_what_was_acknowledged_survives_lost_and_torn_writes(
    tmp_path: Path, failing: float, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = await record(tmp_path / "data", operations=40, failing=failing, seed=7)
    assert bool(recorder.failed) == bool(failing)
    total = len(recorder.events)
    places = random.Random(8).sample(range(total), 8)  # noqa: S311
    acknowledged = [await cut(tmp_path / "data", recorder, at, seed=at) for at in places]
    assert max(acknowledged) > 20
    with capsys.disabled():
        print(f"\npower cut, method: replay of {total} recorded calls, {len(places)} cuts, 0 lost")  # noqa: T201


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("failing", [0.0, 0.05], ids=["sound", "failing-syncs"])
async def test_nothing_is_lost_by_five_hundred_replayed_cuts(
    tmp_path: Path, failing: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stated count; it prints what it saw."""
    source = random.Random(9)  # noqa: S311
    done = acknowledged = 0
    while done < CUTS:
        folder = tmp_path / f"data{done}"
        recorder = await record(folder, operations=60, failing=failing, seed=done)
        for _ in range(min(25, CUTS - done)):
            acknowledged += await cut(
                folder, recorder, source.randrange(len(recorder.events)), seed=source.getrandbits(32)
            )
            done += 1
    with capsys.disabled():
        print(  # noqa: T201
            f"\npower cut by replay: {done} cuts, {acknowledged} acknowledged operations looked for, 0 lost"
        )
