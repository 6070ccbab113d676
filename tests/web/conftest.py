"""A whole server of one process over a new store, with a small build of the web UI."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.jmap_world import JmapWorld, jmap_world


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A build: an index, a hashed file with compressed forms, a plain file."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>UI</title>")
    (folder / "assets" / "app-1234.js").write_text("let a = 1")
    (folder / "assets" / "app-1234.js.br").write_bytes(b"br form")
    (folder / "assets" / "app-1234.js.gz").write_bytes(b"gz form")
    (folder / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return folder


@pytest.fixture
async def world(tmp_path: Path, static: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JmapWorld]:
    """Two accounts; Anna asks, and waits for no answer."""
    async with jmap_world(tmp_path / "data", static=static) as opened:
        monkeypatch.setattr(opened.directory, "failure_pause_seconds", lambda _peer: 0.0)
        yield opened
