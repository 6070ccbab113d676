r"""The store against a simple model of it: what IMAP and JMAP see must be the same after every step.

RFC 9051 sections 2.3.1.1 and 6.4, RFC 7162 section 3.2 (a client that follows the deltas), RFC 8620
section 5.2 (a client that follows the changes), RFC 8621 section 2 (counters).
"""

import time
from pathlib import Path

import pytest
from tests.properties.store_runs import run, run_in_processes
from tests.support.said import Say
from tests.support.stores import EnginePlace


@pytest.mark.slow
@pytest.mark.timeout(600)  # a fault takes Hypothesis some minutes to make small
def test_the_store_is_as_its_model(tmp_path: Path, engine: str, store_settings: EnginePlace) -> None:
    tally = run(tmp_path, store_settings, examples=36 if engine == "sqlite" else 8, steps=25)
    assert tally["moments compared"] > 50


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_store_is_as_its_model_for_long(tmp_path: Path, engine: str, say: Say) -> None:
    """The stated count; a step is one operation or a short story of up to five."""
    begun = time.monotonic()
    examples = 1500 if engine == "sqlite" else 300
    tally = run_in_processes(tmp_path, engine, examples=examples, steps=40)
    assert tally["examples"] >= examples
    seconds = time.monotonic() - begun
    counts = ", ".join(f"{number} {what}" for what, number in tally.items())
    say(f"state machine on {engine}: {counts}; 0 differences; {seconds:.0f} s")
