from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.objects.conftest import bucket, proxy, s3_port, s3_store
from tests.support.house import hasty
from tests.support.stores import Opened, opened_store

from pymailcore.store.housekeeping.house import House

__all__ = ["bucket", "proxy", "s3_port", "s3_store"]


@pytest.fixture
def house(opened: Opened) -> House:
    """The store's house, where nobody rests and nothing is waited for."""
    return hasty(opened)  # type: ignore[no-any-return]


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Opened]:
    """A store with pack files, whatever else the tests run on; its packs are small."""
    async with opened_store(tmp_path / "data", pack_octets=8_192) as opened:
        yield opened


@pytest.fixture
def local_house(local: Opened) -> House:
    """The house of that store."""
    return hasty(local)  # type: ignore[no-any-return]
