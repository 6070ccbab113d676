"""An installation whose operations are called: in memory; the matrix calls them on both engines."""

import pytest
from tests.support.administration import Installation, memory_installation


@pytest.fixture
async def it() -> Installation:
    return await memory_installation()
