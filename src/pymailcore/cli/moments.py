"""Moments and sizes as the command line shows them."""

from datetime import UTC, datetime


def moment(ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339, UTC, to the second."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
