"""Quotas of domains and tenants: what they hold, summed in slices, and remembered for some seconds.

Standards: RFC 9208 section 3.
"""

import functools
import math
import time
from collections.abc import Callable, Iterable
from typing import Final

from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store.ops import quota
from pymailcore.store.ops.quota import Limits
from pymailcore.store.types import Database, Quota, Transaction

COUNT_SECONDS: Final = 5.0
"""How often the back worker is to count; with `REMEMBER_SECONDS` it makes the ten of DESIGN's promise."""

REMEMBER_SECONDS: Final = 4.0
"""How long a process goes by what it read."""

SLICE_ACCOUNTS: Final = 5_000

FULL_SECONDS: Final = 600.0
"""For how long a mailbox counts as full for messages of unknown length, after one did not fit."""

_REMEMBERED_ACCOUNTS: Final = 10_000


class Quotas:
    """Limits of accounts, domains and tenants.

    Args:
        now_ms: milliseconds since 1970.
        clock: seconds that only go forward.
    """

    def __init__(
        self, database: Database, now_ms: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._now_ms = now_ms
        self._clock = clock
        self._limits = quota.NO_LIMITS
        self._read_at = -REMEMBER_SECONDS
        self._free: dict[AccountId, tuple[float, float]] = {}
        self._full: dict[AccountId, float] = {}

    async def limits(self) -> Limits:
        """The limits that accounts share with what is held, as they were a few seconds ago."""
        now = self._clock()
        if now - self._read_at >= REMEMBER_SECONDS:
            self._limits = await self._database.look(quota.read_limits)
            self._read_at = now
        return self._limits

    async def count(self) -> bool:
        """Sum what domains and tenants hold; tells whether it was something else than before.

        Where nobody has such a limit it costs one look.
        """
        if await self._database.look(quota.read_limits) is quota.NO_LIMITS:
            return False
        domains: dict[str, Quota] = {}
        tenants: dict[int, Quota] = {}
        after = -1
        while True:
            rows = await self._database.read(
                functools.partial(quota.some_accounts, after=after, most=SLICE_ACCOUNTS)
            )
            for _, tenant, name, *used in rows:
                domain = name.rpartition("@")[2]
                domains[domain] = _sum(domains.get(domain), used)
                tenants[tenant] = _sum(tenants.get(tenant), used)
            if len(rows) < SLICE_ACCOUNTS:
                break
            after = rows[-1][0]
        now_ms = self._now_ms()

        async def work(tx: Transaction) -> bool:
            return await quota.write_used(tx, domains, tenants, now_ms) > 0

        return await self._database.write(work)

    async def of_account(self, account: AccountId) -> tuple[Quota, Quota]:
        """An account's own limits and what it holds.

        Raises:
            NotFound: no such account.
        """
        return await self._database.look(lambda tx: quota.of_account(tx, account))

    async def reclaimable(self, account: AccountId, mailbox: MailboxId) -> int:
        r"""Octets that come free when what has `\Deleted` in a Mailbox is expunged (RFC 9208 4.1.4)."""
        return await self._database.read(lambda tx: quota.reclaimable(tx, account, mailbox))

    async def has_room(self, account: AccountId, octets: int) -> bool:
        """Whether an account can take so many octets more, as it was a few seconds ago; storing decides.

        Args:
            octets: 0 where that is not known: then one that had no room for a message lately has none.
        """
        now = self._clock()
        free, until = self._free.get(account, (0.0, -math.inf))
        if now >= until:
            limits = await self.limits()
            free = await self._database.look(lambda tx: quota.free_octets(tx, account, limits))
            if len(self._free) >= _REMEMBERED_ACCOUNTS:
                self._free.clear()
            self._free[account] = free, now + REMEMBER_SECONDS
        full = not octets and now < self._full.get(account, -math.inf)
        return not full and free >= max(octets, 1)

    async def without_room(self, accounts: Iterable[AccountId], octets: int) -> list[AccountId]:
        """Those of some accounts that cannot take so many octets; remembered for `FULL_SECONDS`."""
        limits, now = await self.limits(), self._clock()

        async def work(tx: Transaction) -> list[AccountId]:
            return [one for one in accounts if await quota.free_octets(tx, one, limits) < octets]

        full = await self._database.read(work)
        if len(self._full) >= _REMEMBERED_ACCOUNTS:
            self._full.clear()
        self._full.update(dict.fromkeys(full, now + FULL_SECONDS))
        return full

    async def set_account(self, account: AccountId, limits: Quota) -> None:
        """Give an account its limits.

        Raises:
            NotFound, InvalidValue: as their names say.
        """
        await self._database.write(lambda tx: quota.set_account(tx, account, limits))

    async def recount(self) -> None:
        """Count anew what is shared, after somebody else changed such a limit (`ops.quota.change`)."""
        await self.count()
        self._read_at = -REMEMBER_SECONDS

    async def listed(self, scope: str) -> list[tuple[str, Quota, Quota]]:
        """All accounts, or all domains that have limits: name, limits, what is held."""
        return await self._database.read(lambda tx: quota.listed(tx, scope))

    async def set_shared(self, scope: str, id_: int, limits: Quota) -> None:
        """Give a domain or tenant its limits, and count what it holds.

        Args:
            scope: "domain" or "tenant"; `id_` is of the directory.

        Raises:
            InvalidValue: as its name says.
        """
        await self._database.write(lambda tx: quota.set_shared(tx, scope, id_, limits))
        await self.recount()


def _sum(sums: Quota | None, used: list[int]) -> Quota:
    octets, emails, mailboxes = used
    if sums is None:
        return Quota(octets, emails, mailboxes)
    return Quota((sums.octets or 0) + octets, (sums.emails or 0) + emails, (sums.mailboxes or 0) + mailboxes)
