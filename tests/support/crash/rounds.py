"""Rounds of crashes on one store: two processes work, the blow falls, the store is looked at."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support.crash.check import Clients, check, prepare
from tests.support.crash.child import fresh_ids, usable
from tests.support.crash.ledger import Ledger
from tests.support.crash.processes import Child, Line, Nursery, drain, follow
from tests.support.stores import opened_store

PROCESSES: Final = 2
TASKS: Final = 5
SERVICE_SECONDS: Final = 5.0
"""After a crash the store takes mail again within this (issue 4)."""


@dataclass
class Tally:
    """What the rounds saw."""

    crashes: int = 0
    acknowledged: int = 0
    unanswered: int = 0
    messages: int = 0
    slowest_seconds: float = 0.0
    begun: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it has taken by now."""
        return time.monotonic() - self.begun

    def __str__(self) -> str:
        return (
            f"{self.crashes} crashes, {self.acknowledged} operations acknowledged,"
            f" {self.unanswered} unanswered,"
            f" {self.messages} messages at the end; 0 lost, 0 twice, 0 corrupt, 0 contradictions;"
            f" in service again after at most {self.slowest_seconds:.2f} s; {self.seconds:.0f} s"
        )


Blow = Callable[[list[Child], random.Random, Callable[[Line], object]], None]
"""Makes the children end, all of them; takes them, chance, and what takes their lines."""


async def crash_rounds(
    folder: Path,
    ledger_file: Path,
    crashes: int,
    blow: Blow,
    tally: Tally,
    *,
    seed: int,
    most: int = 150,
    switch: Path | None = None,
    settings: dict[str, Any] | None = None,
) -> None:
    """Crash a new store so often, looking at all of it after each time.

    Args:
        switch: a file; when its first octet is not 0 the processes report nothing more.
        most: operations that are acknowledged before the blow, at most.
        settings: of the store, where they are not the usual ones; paths as text.
    """
    chance = random.Random(seed)  # noqa: S311
    ledger = Ledger()
    clients = Clients()
    settings = settings or {}
    await prepare(folder, **usable(settings))
    with Nursery() as nursery:
        for turn in range(crashes):
            ledger.save(ledger_file)
            before = ledger.acknowledged
            begun = time.monotonic()
            children = [
                nursery.start(
                    role="load", folder=str(folder), ledger=str(ledger_file), process=process, tasks=TASKS,
                    seed=f"{seed} {turn} {process}", maintain=process == 0, switch=switch and str(switch),
                    settings=settings,
                )
                for process in range(PROCESSES)
            ]  # fmt: skip
            follow(children, _until(ledger, before + 1))
            tally.slowest_seconds = max(tally.slowest_seconds, time.monotonic() - begun)
            assert time.monotonic() - begun < SERVICE_SECONDS
            follow(children, _until(ledger, before + chance.randrange(2, most)))
            blow(children, chance, ledger.take)
            drain(children, ledger.take)
            for child in children:
                child.close()
            tally.crashes += 1
            tally.unanswered += len(ledger.pending)
            last = turn == crashes - 1
            async with opened_store(folder, ids=fresh_ids(), **usable(settings)) as opened:
                await check(opened, ledger, clients, sample=None if last else 20)
    tally.acknowledged += ledger.acknowledged
    tally.messages += len(ledger.mails)


def _until(ledger: Ledger, acknowledged: int) -> Callable[[Line], bool]:
    """Take lines until so much was acknowledged."""

    def enough(line: Line) -> bool:
        ledger.take(line)
        return ledger.acknowledged >= acknowledged

    return enough
