from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.stores import EnginePlace, Opened, opened_store


@pytest.fixture
async def opened(tmp_path: Path, store_settings: EnginePlace) -> AsyncIterator[Opened]:
    """A store with one account, and what its listeners were told."""
    async with opened_store(tmp_path / "data", **store_settings) as opened:
        yield opened
