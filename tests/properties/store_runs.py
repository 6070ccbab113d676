"""Runs of the state machine: on a store of this process, or in several processes at once, each with its own.

`python -m tests.properties.store_runs ORDER` is one of those processes; it prints what it has counted.
"""

import contextlib
import functools
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.properties.store_machine import StoreMachine
from tests.properties.store_thread import StoreThread
from tests.support.postgres import cluster
from tests.support.stores import EnginePlace, template

from pymailcore.store import compiling
from pymailcore.store.fulltext import indexer, writer
from pymailcore.store.postgres import text_writing

ROOT = Path(__file__).parents[2]


def run(folder: Path, place: EnginePlace, *, examples: int, steps: int) -> Counter[str]:
    """So many machines on one store, each with accounts of its own; gives what was compared how often."""
    with _small_stretches(), StoreThread(folder / "data", place) as thread:
        run_state_machine_as_test(
            functools.partial(StoreMachine, thread),  # type: ignore[arg-type]  # a factory will do
            settings=settings(
                max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
    return thread.tally


@contextlib.contextmanager
def _small_stretches() -> Iterator[None]:
    """Searches ask the index whatever it costs, and it is kept some Emails at a time."""
    small = (
        (compiling, "SHORT", 0), (compiling, "FEW", 0),
        (indexer, "MOST_DOCUMENTS", 1), (indexer, "_LISTED", 2),
        (writer, "CHUNK_WORDS", 4), (text_writing, "CHUNK_WORDS", 4),
    )  # fmt: skip
    with contextlib.ExitStack() as stack:
        for module, name, value in small:
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def run_in_processes(folder: Path, engine: str, *, examples: int, steps: int) -> Counter[str]:
    """The same by as many processes as there are processors; each draws on its own."""
    number = os.cpu_count() or 1
    with contextlib.ExitStack() as stack:
        running = []
        for one in range(number):
            order = {
                "folder": str(folder / str(one)),
                "place": _own_place(engine),
                "examples": examples // number + (one < examples % number),
                "steps": steps,
            }
            running.append(stack.enter_context(_started(order)))
        tally: Counter[str] = Counter()
        for process in running:
            said, _ = process.communicate()
            assert process.returncode == 0, said[-30_000:]
            tally.update(json.loads(said.splitlines()[-1]))
    return tally


def _own_place(engine: str) -> EnginePlace:
    return {} if engine == "sqlite" else {"metadata": cluster().url(cluster().new_database(template()))}


@contextlib.contextmanager
def _started(order: dict[str, Any]) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.properties.store_runs", json.dumps(order)],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def main() -> None:
    """Do what the order says."""
    order = json.loads(sys.argv[1])
    folder = Path(order["folder"])
    folder.mkdir()
    tally = run(folder, order["place"], examples=order["examples"], steps=order["steps"])
    sys.stdout.write(f"\n{json.dumps(tally)}\n")


if __name__ == "__main__":
    main()
