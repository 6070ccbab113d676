"""A whole server of one process over a new store, for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.jmap_world import JmapWorld, jmap_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[JmapWorld]:
    """Two accounts; Anna asks."""
    async with jmap_world(tmp_path) as opened:
        yield opened
