"""Plug-in `greylist`: who is not known is told to come again, which mail servers do and spam programs do not.

Standards: RFC 6647 sections 2.4 (at RCPT), 2.7 (who is left out) and 5 (what is recommended).

Theory. What is remembered is (network, reverse-path, recipient) from a first attempt on; when it comes again
after the delay, (network, domain of the reverse-path) is known, and nobody of it waits any more. Networks are
IPv4 /24 and IPv6 /64, because large senders come again from another address beside. All of it lies in the
database, so that restarts and further processes and nodes know the same; as digests, because nobody needs
to read it. When there are more rows than allowed, those that end first go, and what waits ends long before
what is known: a flood of first attempts cannot make known senders forgotten.
"""

import hashlib
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple

from pymailcore.base.address import Address
from pymailcore.mx.plugins.dnsbl import GOOD, SUSPICIOUS
from pymailcore.mx.plugins.settings import GreylistSettings
from pymailcore.smtp.hooks import Client, PutOff, Transaction, hook
from pymailcore.store.types import Database
from pymailcore.store.types import Transaction as StoreTransaction

_WIDTHS: Final = {4: 24, 6: 64}
_EXEMPT: Final = frozenset({"postmaster", "abuse"})
_DAY_MS: Final = 86_400_000
_SWEEP_COUNT: Final = 1_000
"""New rows of one process after which it looks whether there are too many."""

_FIND: Final = "SELECT first_ms, expires_ms, has_passed FROM greylist WHERE digest = ?1 AND expires_ms > ?2"
_PUT: Final = (
    "INSERT INTO greylist (digest, first_ms, expires_ms, has_passed) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (digest) DO UPDATE SET first_ms = ?2, expires_ms = ?3, has_passed = ?4"
)
_DROP: Final = "DELETE FROM greylist WHERE digest = ?1"
_EXPIRE: Final = "DELETE FROM greylist WHERE expires_ms <= ?1"
_COUNT: Final = "SELECT count(*) FROM greylist"
_TRIM: Final = (
    "DELETE FROM greylist WHERE digest IN (SELECT digest FROM greylist ORDER BY expires_ms, digest LIMIT ?1)"
)


class _Keys(NamedTuple):
    """Digests of one recipient of one client."""

    attempt: str
    sender: str


class Greylist:
    """Puts off who is not known.

    Args:
        now_ms: milliseconds since 1970.
    """

    def __init__(self, settings: GreylistSettings, database: Database, now_ms: Callable[[], int]) -> None:
        self._settings = settings
        self._database = database
        self._now_ms = now_ms
        self._made = 0

    @hook(trylast=True)
    async def recipient(self, client: Client, transaction: Transaction, recipient: Address) -> PutOff | None:
        """Let who is known pass, and who comes again after the delay."""
        if not self._is_asked(client, recipient):
            return None
        keys = _digests(client.address, transaction.reverse_path, recipient)
        wait_ms = await self._look(keys)
        if not wait_ms:
            return None
        return PutOff(f"You are not known here yet, come again in {-(-wait_ms // 1_000)} seconds")

    def _is_asked(self, client: Client, recipient: Address) -> bool:
        """Whether this client is one who may have to wait."""
        if client.login or GOOD in client.tags:
            return False
        if recipient.localpart.lower() in _EXEMPT:
            return False
        return self._settings.whom == "everybody" or bool(client.marks) or SUSPICIOUS in client.tags

    async def _look(self, keys: _Keys) -> int:
        """Give for how many milliseconds somebody has to wait; 0 for not at all."""
        settings, now_ms = self._settings, self._now_ms()
        delay_ms = 1_000 * settings.delay_seconds
        known_until = now_ms + 1_000 * settings.known_seconds

        async def is_known(tx: StoreTransaction) -> bool:
            sender = await tx.row(_FIND, keys.sender, now_ms)
            return sender is not None and int(sender[1]) >= known_until - _DAY_MS

        async def work(tx: StoreTransaction) -> int:
            sender = await tx.row(_FIND, keys.sender, now_ms)
            if sender is not None:  # once a day this keeps it known
                await tx.run(_PUT, keys.sender, sender[0], known_until, 1)
                return 0
            attempt = await tx.row(_FIND, keys.attempt, now_ms)
            if attempt is None:
                await tx.run(_PUT, keys.attempt, now_ms, now_ms + 1_000 * settings.retry_seconds, 0)
                return delay_ms
            left = int(attempt[0]) + delay_ms - now_ms
            if left > 0:
                return left
            await tx.run(_DROP, keys.attempt)
            await tx.run(_PUT, keys.sender, now_ms, known_until, 1)
            return 0

        if await self._database.read(is_known):
            return 0
        wait_ms = await self._database.write(work)
        if wait_ms == delay_ms:
            self._made += 1
            if self._made % _SWEEP_COUNT == 0:
                await self.sweep()
        return wait_ms

    async def sweep(self) -> int:
        """Forget what is over, and what is too much; give how many rows are left."""
        now_ms, most = self._now_ms(), self._settings.entries_count

        async def work(tx: StoreTransaction) -> int:
            await tx.run(_EXPIRE, now_ms)
            row: Sequence[object] | None = await tx.row(_COUNT)
            count = int(str(row[0])) if row is not None else 0
            if count > most:
                await tx.run(_TRIM, count - most)
            return min(count, most)

        return await self._database.write(work)


def _digests(address: str, reverse_path: Address | None, recipient: Address) -> _Keys:
    parsed = ip_address(address.partition("%")[0])
    network = str(ip_network((parsed, _WIDTHS[parsed.version]), strict=False))
    sender = "" if reverse_path is None else str(reverse_path).lower()
    domain = "" if reverse_path is None else reverse_path.domain.lower()
    return _Keys(
        _digest("attempt", network, sender, str(recipient).lower()), _digest("sender", network, domain)
    )


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
