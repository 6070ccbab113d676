"""Servers that the interoperation tests share."""

from collections.abc import Iterator

import pytest
from tests.support.family import Family


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    """A family of two front workers and one back worker, with the accounts anna and ben."""
    with Family(tmp_path_factory.mktemp("family")) as running:
        yield running
