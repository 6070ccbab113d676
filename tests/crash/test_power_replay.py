"""A power cut by replay of recorded writes: lost, torn and reordered; needs no root (DESIGN 4.2, issue 4).

PYMAILCORE_CUTS sets the count of the long run.
"""

import os
import random
import time
from pathlib import Path

import pytest
from tests.support.crash.replay import METHOD, cut, record, replayed_cuts
from tests.support.said import Say

CUTS = int(os.environ.get("PYMAILCORE_CUTS", "500"))


@pytest.mark.slow
@pytest.mark.parametrize("failing", [0.0, 0.05], ids=["sound", "failing-syncs"])
async def test_what_was_acknowledged_survives_lost_and_torn_writes(
    tmp_path: Path, failing: float, say: Say
) -> None:
    recorder = await record(tmp_path / "data", operations=40, failing=failing, seed=7)
    assert bool(recorder.failed) == bool(failing)
    total = len(recorder.events)
    places = random.Random(8).sample(range(total), 8)  # noqa: S311
    acknowledged = [await cut(tmp_path / "data", recorder, at, seed=at) for at in places]
    assert max(acknowledged) > 20
    say(
        f"power cuts, method: {METHOD}: {len(places)} cuts in {total} calls of which {recorder.failed} syncs"
        f" failed, {sum(acknowledged)} acknowledged, 0 lost, 0 twice"
    )


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("failing", [0.0, 0.05], ids=["sound", "failing-syncs"])
async def test_nothing_is_lost_by_five_hundred_replayed_cuts(
    tmp_path: Path, failing: float, say: Say
) -> None:
    """The stated count, half of it with syncs that fail."""
    begun = time.monotonic()
    cuts = CUTS // 2
    acknowledged = await replayed_cuts(tmp_path, cuts, failing=failing, seed=9)
    say(
        f"power cuts, method: {METHOD}, {failing:.0%} of syncs failing: {cuts} cuts,"
        f" {acknowledged} acknowledged, 0 lost, 0 twice; {time.monotonic() - begun:.0f} s"
    )
