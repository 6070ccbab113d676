from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.imap_client import ImapWorld, imap_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ImapWorld]:
    """A server over a real store with one account."""
    async with imap_world(tmp_path) as running:
        yield running
