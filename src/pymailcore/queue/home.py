"""Queued mail for domains that are kept here, brought to its accounts without a way through the network.

Standards: RFC 5321 sections 4.4 (Received) and 6.3 (loops).

Theory: a message is stored for one tenant in one transaction. What it has for recipients of other tenants,
and for those who are suspended just then, waits in the queue like mail for other hosts, and comes back here.
It gets a Received field on its way, so that rules of two tenants that forward to each other come to an end.
Where several of them forward to several, each of these would get it once for each way to him, which are more
with every step; so nobody gets a message twice by this way, whichever process brings it: those fields tell
with which entry of the queue it began, and who has got it is kept in the transaction that brings it.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import MailError, OverQuota, TemporaryFailure
from pymailcore.base.ids import TenantId
from pymailcore.delivery.delivery import Delivery
from pymailcore.directory.directory import Directory
from pymailcore.directory.errors import Loop
from pymailcore.directory.routing import ACTIVE, SUSPENDED
from pymailcore.message.trace import received_field
from pymailcore.queue import brought
from pymailcore.queue.types import Lease, Result, Verdict
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.store.types import StoredMessage, Transaction

_LOOPBACK: Final = "127.0.0.1"
_WAY: Final = re.compile(
    rb"Received: from (\S+) \(\[127\.0\.0\.1\]\)\r\n\tby \1 with LMTP id q(\d+);\r\n\t[^\r\n]*\r\n"
)
"""A field that was put in front here."""
_LOOKED_AT_OCTETS: Final = 16_384


class Attempts(Protocol):
    """Tries to bring a message to the recipients of a lease; `relay.Relay` does it for those elsewhere."""

    async def attempt(self, lease: Lease, octets: bytes) -> list[Result]:
        """Try once; never raises a `MailError`."""
        ...


class HomeRelay:
    """Brings messages to recipients here, and hands all others on.

    Args:
        elsewhere: takes the messages for domains that are not kept here.
        hostname: our name in Received.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self,
        elsewhere: Attempts,
        directory: Directory,
        delivery: Delivery,
        *,
        hostname: str,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._elsewhere = elsewhere
        self._directory = directory
        self._delivery = delivery
        self._hostname = hostname
        self._now_ms = now_ms

    async def attempt(self, lease: Lease, octets: bytes) -> list[Result]:
        """Try once to bring a message to the recipients of a lease; never raises a `MailError`.

        Cancellation: the outcome is unknown then, and the recipients are tried again.
        """
        domain = await self._directory.routes.domain(lease.domain)
        if domain is None:
            return await self._elsewhere.attempt(lease, octets)
        origin, octets = _origin(lease, octets), self._received(lease) + octets
        return [await self._bring(origin, lease, text, domain.tenant, octets) for text in lease.recipients]

    def _received(self, lease: Lease) -> bytes:
        return received_field(
            hello=self._hostname,
            peer=_LOOPBACK,
            by=self._hostname,
            with_protocol="LMTP",
            id=f"q{lease.message.id}",
            date=datetime.fromtimestamp(self._now_ms() / 1000, UTC),
        )

    async def _bring(self, origin: bytes, lease: Lease, text: str, tenant: TenantId, octets: bytes) -> Result:
        """Bring a message to one recipient, unless he has got it by another way or from another process."""
        address = Address.parse(text)
        if address is None:
            return Result(text, Verdict.FAILED, "5.1.3 that is no address")
        message = lease.message
        envelope = Envelope(
            reverse_path=message.reverse_path,
            recipients=(address,),
            smtputf8=message.smtputf8,
            eight_bit=message.eight_bit,
        )
        token, now_ms = hashlib.blake2b(origin + text.encode(), digest_size=16).digest(), self._now_ms()

        async def once(tx: Transaction, _: StoredMessage) -> None:
            await brought.once(tx, token, now_ms)

        try:
            route = await self._directory.route(address)
            if route.state != ACTIVE:
                return _held_up(text, route.state)
            asked = message.tenant == tenant or await self._directory.may_post(
                route, reverse_path=message.reverse_path
            )
            if not asked:
                return Result(text, Verdict.FAILED, "5.7.2 the sender may not write to this group")
            await self._delivery.accept(envelope, octets, tenant=tenant, received_ms=now_ms, also=once)
        except brought.BroughtBefore:
            return Result(text, Verdict.SENT, "2.1.5 delivered here before", _told(lease, text))
        except Loop:
            return Result(text, Verdict.FAILED, "5.4.6 too many hops")
        except (TemporaryFailure, OverQuota) as failure:
            return Result(text, Verdict.LATER, f"4.3.0 {failure}")
        except MailError as failure:
            return Result(text, Verdict.FAILED, f"5.1.1 {failure}")
        return Result(text, Verdict.SENT, "2.1.5 delivered here", _told(lease, text))


def _told(lease: Lease, text: str) -> str:
    """RFC 3461 section 5.2.3."""
    return "delivered" if lease.wants(text, "SUCCESS") else ""


def _origin(lease: Lease, octets: bytes) -> bytes:
    """What a message is known by on all its ways: the entry of the queue that it began with, and its text.

    The text, because who sends it could have written such fields himself.
    """
    begun, start = lease.message.id, 0
    while way := _WAY.match(octets, start):
        begun, start = int(way[2]), way.end()
    text = octets[start : start + _LOOKED_AT_OCTETS]
    return hashlib.blake2b(b"%d %d " % (begun, len(octets) - start) + text, digest_size=16).digest()


def _held_up(text: str, state: str) -> Result:
    if state == SUSPENDED:
        return Result(text, Verdict.LATER, "4.2.1 the mailbox takes no mail now")
    return Result(text, Verdict.FAILED, "5.2.1 the mailbox takes no mail any more")
