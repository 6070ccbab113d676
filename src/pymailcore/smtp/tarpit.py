"""How long a peer waits for a reply that makes mistakes, or looks like no mail server.

Theory: a peer that is made to wait tries fewer addresses; one that is honest makes hardly any mistake. The
waits double, so that few mistakes cost little, and are bounded, so that no connection is held for long.
"""

from pymailcore.smtp.settings import SmtpSettings


def delay_seconds(settings: SmtpSettings, errors_count: int, *, suspicious: bool) -> float:
    """Give the wait before the next reply of a peer that made so many errors.

    Args:
        suspicious: it waits from its first error, others from the `soft_errors_count`-th.
    """
    beyond = errors_count - (1 if suspicious else settings.soft_errors_count)
    if beyond < 0:
        return 0.0
    longest = settings.max_error_delay_seconds
    return float(min(settings.error_delay_seconds * 2 ** min(beyond, 30), longest))
