import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.stores import Opened, opened_store

Put = Callable[..., Path]
RECEIVED_S = 1_600_000_000


@pytest.fixture
async def opened(tmp_path: Path, store_settings: dict[str, Any]) -> AsyncIterator[Opened]:
    """A store with one account."""
    async with opened_store(tmp_path / "data", **store_settings) as opened:
        yield opened


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Put a file into a Maildir below `tmp_path / "md"`."""

    def put(
        name: str,
        octets: bytes = b"Subject: x\n\ntext\n",
        *,
        folder: str = "",
        place: str = "cur",
        seconds: float = RECEIVED_S,
    ) -> Path:
        for sub in ("cur", "new", "tmp"):
            (tmp_path / "md" / folder / sub).mkdir(parents=True, exist_ok=True)
        path = tmp_path / "md" / folder / place / name
        path.write_bytes(octets)
        os.utime(path, (seconds, seconds))
        return path

    return put
