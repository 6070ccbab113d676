from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.imap_client import ImapWorld, imap_world

from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import TlsContexts


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsContexts:
    """A self-signed certificate for all tests."""
    folder = tmp_path_factory.mktemp("tls")
    return TlsContexts(load_material(TlsSettings(), folder, "imap.example.test"))


@pytest.fixture
async def world(tmp_path: Path, tls: TlsContexts) -> AsyncIterator[ImapWorld]:
    """A server over a real store with one account."""
    async with imap_world(tmp_path, tls) as running:
        yield running
