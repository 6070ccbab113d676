from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.postgres_proxy import Proxy, proxying
from tests.support.stores import EnginePlace, Opened, opened_store


@pytest.fixture
async def proxy(store_settings: EnginePlace) -> AsyncIterator[Proxy]:
    """A way to the database that can be cut."""
    async with proxying(store_settings["metadata"]) as proxy:
        yield proxy


@pytest.fixture
async def cuttable(tmp_path: Path, proxy: Proxy) -> AsyncIterator[Opened]:
    """A store that reaches its database by the proxy."""
    async with opened_store(tmp_path / "data", metadata=proxy.url) as opened:
        yield opened
