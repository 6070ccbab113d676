"""The one place that reads the wall clock."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def now() -> datetime:
    """The present moment, aware, UTC."""
    return datetime.now(UTC)
