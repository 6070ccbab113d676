"""Hooks of the whole suite: tests that need root are counted by name where there is none."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.engines import engines_of
from tests.support.postgres import cluster
from tests.support.said import Say
from tests.support.stores import EnginePlace, Opened, engine_settings, opened_store

_not_run: pytest.StashKey[list[str]] = pytest.StashKey()
_said: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_not_run] = []
    config.stash[_said] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs root when we are not root, and remember its names."""
    if os.geteuid() == 0:
        return
    without = [item for item in items if item.get_closest_marker("needs_root") is not None]
    config.stash[_not_run] += [item.nodeid for item in without]
    items[:] = [item for item in items if item not in without]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what takes a store on both of its engines (tests.support.engines)."""
    if "engine" in metafunc.fixturenames:
        path = metafunc.definition.path.relative_to(metafunc.config.rootpath)
        metafunc.parametrize("engine", engines_of(str(path)))


@pytest.fixture
def store_settings(engine: str) -> Iterator[EnginePlace]:
    """What `opened_store` is given for the engine: on PostgreSQL a fresh database."""
    with engine_settings(engine) as settings:
        yield settings


@pytest.fixture
def say(pytestconfig: pytest.Config) -> Say:
    """Takes a line that is printed at the end of the run."""
    return pytestconfig.stash[_said].append


def pytest_sessionfinish() -> None:
    """End PostgreSQL, if a test has started it."""
    if cluster.cache_info().currsize:
        cluster().close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what tests have said, and list those that were not run."""
    if config.stash[_said]:
        terminalreporter.section("what was counted")
        for line in config.stash[_said]:
            terminalreporter.write_line(line)
    names = config.stash[_not_run]
    if names:
        terminalreporter.section("not run: they need root")
        for name in names:
            terminalreporter.write_line(name)


@pytest.fixture
async def opened(tmp_path: Path, store_settings: EnginePlace) -> AsyncIterator[Opened]:
    """A store with one account, and what its listeners were told."""
    async with opened_store(tmp_path / "data", **store_settings) as opened:
        yield opened
