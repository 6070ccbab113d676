"""Kill -9 of processes that share a store loses nothing that was acknowledged (DESIGN 4.2, issue 4).

PYMAILCORE_KILLS sets the count of the long run.
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.crash.processes import Child, Line, follow
from tests.support.crash.rounds import Tally, crash_rounds
from tests.support.said import Say
from tests.support.stores import EnginePlace, engine_settings

from pymailcore.store.keyfile import create_key_file

KILLS = int(os.environ.get("PYMAILCORE_KILLS", "1000"))
_PER_STORE = 50


def kill(children: list[Child], chance: random.Random, take: Callable[[Line], object]) -> None:
    """Kill both at once, or one, and the other when it has gone on working."""
    first, second = chance.sample(children, 2)
    first.kill()
    if chance.random() < 0.4:
        left = chance.randrange(1, 40)

        def enough(line: Line) -> bool:
            nonlocal left
            take(line)
            left -= "ack" in line
            return left <= 0

        follow([second], enough, seconds=5.0)  # nobody waits for a lock of the dead
    second.kill()


@pytest.mark.slow
async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, say: Say) -> None:
    tally = Tally()
    await crash_rounds(tmp_path / "data", tmp_path / "ledger", 10, kill, tally, seed=4)
    assert tally.acknowledged > 100
    assert tally.unanswered
    say(f"kill -9: {tally}")


@pytest.fixture
def postgresql() -> Iterator[EnginePlace]:
    """Settings of a store on PostgreSQL."""
    with engine_settings("postgresql") as settings:
        yield settings


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_nothing_on_postgresql_is_lost_by_kills(
    tmp_path: Path, postgresql: EnginePlace, say: Say
) -> None:
    """The server lives and rolls back what its clients had open."""
    tally = Tally()
    await crash_rounds(
        tmp_path / "data", tmp_path / "ledger", KILLS // 5, kill, tally, seed=6, most=150,
        settings={**postgresql},
    )  # fmt: skip
    say(f"kill -9 on PostgreSQL: {tally}")


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_nothing_is_lost_by_a_thousand_kills(tmp_path: Path, say: Say) -> None:
    """The stated count, every other store encrypted."""
    tally = Tally()
    create_key_file(tmp_path / "keys")
    for number in range(0, KILLS, _PER_STORE):
        crashes = min(_PER_STORE, KILLS - number)
        await crash_rounds(
            tmp_path / f"data{number}", tmp_path / "ledger", crashes, kill, tally, seed=number, most=250,
            settings={"encryption_key_file": str(tmp_path / "keys")} if number // _PER_STORE % 2 else None,
        )  # fmt: skip
    say(f"kill -9, every other store encrypted: {tally}")
