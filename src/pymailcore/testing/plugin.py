"""The pytest fixture `mail_server`; pytest finds it where pymailcore is installed."""

from collections.abc import Iterator

import pytest

from pymailcore.testing.server import MailServer


@pytest.fixture(scope="session")
def mail_server() -> Iterator[MailServer]:
    """A mail server for the whole test session, with the domain `example.test` and no accounts."""
    with MailServer() as server:
        yield server
