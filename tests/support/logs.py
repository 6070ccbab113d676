"""What is logged while a test looks, whatever level an earlier test has set."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict, Processor


@contextmanager
def captured(processors: Iterable[Processor] = ()) -> Iterator[list[EventDict]]:
    """Every line of every level that is logged meanwhile, as these leave it."""
    before = structlog.get_config()
    structlog.reset_defaults()
    try:
        with capture_logs(processors=processors) as lines:
            yield lines
    finally:
        structlog.configure(**before)
