"""A power cut loses nothing that was acknowledged (DESIGN 4.2, issue 4).

PYMAILCORE_CUTS sets the count of the long run. Where there is no root or no loop device the cuts are made by
replay, as those of test_power_replay.py always are; the end of the output says which way it was.
"""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.crash.disk import LoopDisk, NoSuchDisk
from tests.support.crash.processes import Child, Line
from tests.support.crash.replay import METHOD, replayed_cuts
from tests.support.crash.rounds import Tally, crash_rounds
from tests.support.said import Say

CUTS = int(os.environ.get("PYMAILCORE_CUTS", "500"))
_PER_STORE = 25


async def cut(folder: Path, cuts: int, tally: Tally, *, seed: int, most: int = 150) -> None:
    """Cut the power of one store so often."""
    folder.mkdir()  # noqa: ASYNC240
    switch = folder / "switch"
    switch.write_bytes(b"\0")
    with LoopDisk(folder, mebibytes=512) as disk:

        def blow(children: list[Child], chance: random.Random, take: Callable[[Line], object]) -> None:
            del chance, take
            # What is said from here on is said by a machine without power. (The kernel is of the same
            # opinion: a sync that is under way during the shutdown may succeed and yet have done nothing.)
            _turn(switch, b"\1")
            disk.cut_power()
            for child in children:
                child.on_dead_disk = True
                child.kill()
            disk.restore_power()
            _turn(switch, b"\0")

        await crash_rounds(
            disk.folder / "data", folder / "ledger", cuts, blow, tally, seed=seed, most=most, switch=switch
        )
    shutil.rmtree(folder)


def _turn(switch: Path, octet: bytes) -> None:
    with switch.open("r+b") as file:
        file.write(octet)


async def cut_by_either_way(folder: Path, cuts: int, per_store: int, *, seed: int, most: int) -> str:
    """Cut the power so often: of a real file system, else by replay; gives what was seen."""
    tally = Tally()
    try:
        for number in range(0, cuts, per_store):
            some = min(per_store, cuts - number)
            await cut(folder / f"disk{number}", some, tally, seed=seed + number, most=most)
    except NoSuchDisk as why:
        if tally.crashes:
            raise
        acknowledged = await replayed_cuts(folder, cuts, failing=0.02, seed=seed)
        return (
            f"power cuts, method: {METHOD}, as ext4 on a loop device cannot be had ({why}): {cuts} cuts,"
            f" {acknowledged} acknowledged, 0 lost, 0 twice; {tally.seconds:.0f} s"
        )
    assert tally.crashes == cuts
    assert tally.acknowledged > 10 * cuts
    assert tally.unanswered
    return f"power cuts, method: ext4 on a loop device, shut down: {tally}"


@pytest.mark.slow
async def test_what_was_acknowledged_survives_power_cuts(tmp_path: Path, say: Say) -> None:
    """Five cuts."""
    say(await cut_by_either_way(tmp_path, 5, 5, seed=5, most=150))


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_nothing_is_lost_by_five_hundred_power_cuts(tmp_path: Path, say: Say) -> None:
    """The stated count."""
    say(await cut_by_either_way(tmp_path, CUTS, _PER_STORE, seed=0, most=200))
