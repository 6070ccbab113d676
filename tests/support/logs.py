"""What is logged while a test looks, whatever level an earlier test has set."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict


@contextmanager
def captured() -> Iterator[list[EventDict]]:
    """Every line of every level that is logged meanwhile."""
    before = structlog.get_config()
    structlog.reset_defaults()
    try:
        with capture_logs() as lines:
            yield lines
    finally:
        structlog.configure(**before)
