"""How far a round through everything is, and what of it is due. Pure."""

from typing import Final, NamedTuple

DAY_MS: Final = 86_400_000


class Progress(NamedTuple):
    """Where a round is.

    Attributes:
        at: the last thing that was checked: a pack, an object or a blob, by its number.
        round: counts the rounds.
        begun_ms: when this round began.
    """

    at: int = 0
    round: int = 0
    begun_ms: int = 0


def not_ahead(progress: Progress, now_ms: int) -> Progress:
    """A round that begins in the future begins now: the clock was set back."""
    return progress._replace(begun_ms=now_ms) if progress.begun_ms > now_ms else progress


def is_over(progress: Progress, now_ms: int, days: float) -> bool:
    """Whether the time of a round is over."""
    return now_ms - progress.begun_ms >= days * DAY_MS


def is_due(done: int, total: int, progress: Progress, now_ms: int, days: float) -> bool:
    """Whether more is due: the share that is done is to keep up with the share of the time that is over."""
    return done * days * DAY_MS <= (now_ms - progress.begun_ms) * total


def upto(last: int, progress: Progress, now_ms: int, days: float) -> int:
    """How far numbers that are spread evenly up to a last one are due."""
    return min(last, int((now_ms - progress.begun_ms) / (days * DAY_MS) * last))
