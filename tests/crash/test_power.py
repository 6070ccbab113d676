"""A power cut loses nothing that was acknowledged (DESIGN 4.2, issue 4).

PYMAILCORE_CUTS sets the count of the long run. Where there is no root or no loop device this way cannot
run; the one of test_power_replay.py always does. The output says so.
"""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.crash.disk import LoopDisk, NoSuchDisk
from tests.support.crash.processes import Child, Line
from tests.support.crash.rounds import Tally, crash_rounds

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


@pytest.mark.slow
@pytest.mark.needs_root
async def test_what_was_acknowledged_survives_power_cuts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five cuts of a real file system."""
    tally = Tally()
    method = "ext4 on a loop device, shut down"
    try:
        await cut(tmp_path / "a", 5, tally, seed=5)
    except NoSuchDisk as why:
        method = f"only replay of recorded writes ({why})"
    else:
        assert tally.acknowledged > 50
        assert tally.unanswered
    with capsys.disabled():
        print(f"\npower cut, method: {method}; {tally}")  # noqa: T201


@pytest.mark.long
@pytest.mark.needs_root
@pytest.mark.timeout(7200)
async def test_nothing_is_lost_by_five_hundred_power_cuts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stated count; it prints what it saw."""
    tally = Tally()
    for number in range(0, CUTS, _PER_STORE):
        cuts = min(_PER_STORE, CUTS - number)
        await cut(tmp_path / f"disk{number}", cuts, tally, seed=number, most=300)
    with capsys.disabled():
        print(f"\npower cut by ext4 shutdown: {tally}")  # noqa: T201
