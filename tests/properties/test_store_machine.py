r"""The store against a simple model of it: what IMAP and JMAP see must be the same after every step.

RFC 9051 sections 2.3.1.1 and 6.4, RFC 7162 section 3.2 (a client that follows the deltas), RFC 8620
section 5.2 (a client that follows the changes), RFC 8621 section 2 (counters).
"""

import functools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.properties.store_machine import StoreMachine
from tests.properties.store_thread import StoreThread
from tests.support.stores import EnginePlace


def run(folder: Path, store_settings: EnginePlace, *, examples: int, steps: int) -> None:
    """So many machines on one store, each with accounts of its own."""
    with StoreThread(folder / "data", store_settings) as thread:
        run_state_machine_as_test(
            functools.partial(StoreMachine, thread),  # type: ignore[arg-type]  # a factory will do
            settings=settings(
                max_examples=examples, stateful_step_count=steps, deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(600)  # a fault takes Hypothesis some minutes to make small
def test_the_store_is_as_its_model(tmp_path: Path, engine: str, store_settings: EnginePlace) -> None:
    run(tmp_path, store_settings, examples=20 if engine == "sqlite" else 5, steps=25)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_the_store_is_as_its_model_for_long(tmp_path: Path, engine: str, store_settings: EnginePlace) -> None:
    """The stated count."""
    run(tmp_path, store_settings, examples=1500 if engine == "sqlite" else 300, steps=50)
