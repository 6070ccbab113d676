"""Counts what an account does at one time in this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymailcore.base.ids import AccountId
from pymailcore.jmap.protocol import problems


class Gate:
    """Lets at most `most` pass at a time for each account.

    Standards: RFC 8620 section 2 (maxConcurrentRequests, maxConcurrentUpload).

    The count is this process's; with several front workers an account can reach the limit in each of them.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._inside: dict[AccountId, int] = {}

    @contextmanager
    def enter(self, account: AccountId) -> Iterator[None]:
        """Pass, for as long as the context lasts.

        Raises:
            RequestProblem: limit, as many as may are inside (status 429).
        """
        inside = self._inside.get(account, 0)
        if inside >= self._most:
            raise problems.over_limit(self._name, f"at most {self._most} at a time", status=429)
        self._inside[account] = inside + 1
        try:
            yield
        finally:
            left = self._inside[account] - 1
            if left:
                self._inside[account] = left
            else:
                del self._inside[account]
