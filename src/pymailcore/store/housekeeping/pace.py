"""How much work at a time: rows of a slice, octets of a second. Pure; times are given."""

from typing import Final

SLICE_SECONDS: Final = 0.002
"""So long a slice aims to hold the write lock; the longest that one may is 5 ms, on a busy machine, too."""


class Pace:
    """How many rows the next slice takes, by how long the last ones took.

    Args:
        first: rows of the first slice.
        most: rows that a slice never exceeds.
        seconds: what a slice aims at.
    """

    def __init__(self, first: int = 64, most: int = 4096, seconds: float = SLICE_SECONDS) -> None:
        self.rows = first
        self._most = most
        self._seconds = seconds

    def took(self, seconds: float) -> None:
        """Note how long a slice of `rows` held the lock."""
        if seconds > self._seconds:
            self.rows = max(1, int(self.rows * self._seconds / seconds * 0.75))
        elif seconds < self._seconds / 2:
            self.rows = min(self._most, self.rows * 2)


class Throttle:
    """At most so many octets a second, over time; a burst is paid for by a longer wait.

    Args:
        octets_per_second: 0 for no limit.
    """

    def __init__(self, octets_per_second: float) -> None:
        self._rate = octets_per_second
        self._paid_until = float("-inf")

    def wait_after(self, octets: int, now: float) -> float:
        """Note octets that were just moved; gives the seconds to wait before the next."""
        if self._rate <= 0:
            return 0.0
        self._paid_until = max(self._paid_until, now) + octets / self._rate
        return self._paid_until - now


def rest_after(worked_seconds: float, percent: float) -> float:
    """How long to wait after some work, so that work is this share of the time."""
    share = min(max(percent, 0.1), 100.0) / 100.0
    return worked_seconds * (1.0 / share - 1.0)
