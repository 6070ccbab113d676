"""How much an account may send in an hour.

Theory: a bucket for messages and one for recipients, filled at a steady rate up to an hour's worth. A
cracked account can send one hour's worth at once and then no faster than the rate. Buckets are kept for a
bounded number of accounts; one that is forgotten is full again.
"""

from typing import Final

from pymailcore.base.ids import AccountId
from pymailcore.submission.errors import RateExceeded
from pymailcore.submission.settings import SubmissionSettings

_HOUR_MS: Final = 3_600_000


class SendingLimits:
    """Counts what the accounts of one process send."""

    def __init__(self, settings: SubmissionSettings) -> None:
        self._capacity = (float(settings.messages_per_hour), float(settings.recipients_per_hour))
        self._limit = settings.accounts_count
        self._buckets: dict[AccountId, tuple[float, float, int]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def spend(self, account: AccountId, recipients: int, now_ms: int) -> None:
        """Count one message.

        Raises:
            RateExceeded: it would be too many messages or recipients; nothing is counted.
        """
        messages, addresses = self._filled(account, now_ms)
        if messages < 1:
            raise RateExceeded("this account has sent too many messages in the last hour")
        if addresses < recipients:
            raise RateExceeded("this account has sent to too many recipients in the last hour")
        self._keep(account, messages - 1, addresses - recipients, now_ms)

    def give_back(self, account: AccountId, recipients: int, now_ms: int) -> None:
        """Take a message out of the count that was refused after all."""
        messages, addresses = self._filled(account, now_ms)
        capacity = self._capacity
        self._keep(account, min(messages + 1, capacity[0]), min(addresses + recipients, capacity[1]), now_ms)

    def _filled(self, account: AccountId, now_ms: int) -> tuple[float, float]:
        found = self._buckets.get(account)
        if found is None:
            return self._capacity
        share = max(0, now_ms - found[2]) / _HOUR_MS
        return (
            min(self._capacity[0], found[0] + share * self._capacity[0]),
            min(self._capacity[1], found[1] + share * self._capacity[1]),
        )

    def _keep(self, account: AccountId, messages: float, addresses: float, now_ms: int) -> None:
        self._buckets.pop(account, None)
        while self._buckets and len(self._buckets) >= self._limit:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[account] = (messages, addresses, now_ms)
