"""When to try again.

Standards: RFC 5321 section 4.5.4.1: at least 30 minutes between tries after the first ones, four to five
days in all. RFC 4865 section 4 (release), RFC 2852 section 4 (a time to deliver by), RFC 6710 section 5.1
(priority).
"""

from typing import Final

from pymailcore.base.envelope import Terms
from pymailcore.queue.settings import QueueSettings

_HEAD_START_MS: Final = 60_000
_STEP_BACK_MS: Final = 10_000


def first_try_ms(now_ms: int, terms: Terms) -> int:
    """Say when a new message is due.

    What is due longest goes first, so priority is a head start: each step lets a message go before what has
    waited a minute longer than it, and each step below 0 lets go before it what comes within ten seconds.
    """
    begin_ms = max(now_ms, terms.hold_until_ms or 0)
    step = _HEAD_START_MS if terms.priority > 0 else _STEP_BACK_MS
    return begin_ms - terms.priority * step if begin_ms == now_ms else begin_ms


def by_deadline(due_ms: int, now_ms: int, terms: Terms) -> int:
    """Let a message come due when it must have been delivered, if that is before the next try."""
    by = terms.deliver_by
    return min(due_ms, by.at_ms) if by is not None and by.at_ms > now_ms else due_ms


def has_missed(now_ms: int, terms: Terms) -> bool:
    """Whether the time is over by which a message must have been delivered."""
    return terms.deliver_by is not None and terms.deliver_by.at_ms <= now_ms


def next_try_ms(created_ms: int, tries: int, now_ms: int, settings: QueueSettings) -> int | None:
    """Say when to try again after a failed try; None when it is time to give up.

    The last try is made when the message reaches the age of giving up, not a whole interval before it.

    Args:
        tries: how often it was tried, this time included; from 1.
    """
    end_ms = created_ms + int(settings.give_up_hours * 3_600_000)
    if now_ms >= end_ms:
        return None
    minutes = settings.retry_minutes[min(tries, len(settings.retry_minutes)) - 1]
    return min(now_ms + int(minutes * 60_000), end_ms)
