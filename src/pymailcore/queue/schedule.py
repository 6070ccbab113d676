"""When to try again.

Standards: RFC 5321 section 4.5.4.1: at least 30 minutes between tries after the first ones, four to five
days in all.
"""

from pymailcore.queue.settings import QueueSettings


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
