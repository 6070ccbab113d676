"""Queued mail for domains that are kept here, brought to its accounts without a way through the network.

Standards: RFC 5321 sections 4.4 (Received) and 6.3 (loops).

Theory: a message is stored for one tenant in one transaction. What it has for recipients of other tenants,
and for those who are suspended just then, waits in the queue like mail for other hosts, and comes back here.
It gets a Received field on its way, so that rules of two tenants that forward to each other come to an end.
"""

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
from pymailcore.queue.types import Lease, Result, Verdict
from pymailcore.runtime.clock import now_ms as wall_clock_ms

_LOOPBACK: Final = "127.0.0.1"


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
        field = self._received(lease)
        return [await self._bring(lease, text, domain.tenant, field + octets) for text in lease.recipients]

    def _received(self, lease: Lease) -> bytes:
        return received_field(
            hello=self._hostname,
            peer=_LOOPBACK,
            by=self._hostname,
            with_protocol="LMTP",
            id=f"q{lease.message.id}",
            date=datetime.fromtimestamp(self._now_ms() / 1000, UTC),
        )

    async def _bring(self, lease: Lease, text: str, tenant: TenantId, octets: bytes) -> Result:
        """Bring a message to one recipient."""
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
        try:
            route = await self._directory.route(address)
            if route.state != ACTIVE:
                return _held_up(text, route.state)
            asked = message.tenant == tenant or await self._directory.may_post(
                route, reverse_path=message.reverse_path
            )
            if not asked:
                return Result(text, Verdict.FAILED, "5.7.2 the sender may not write to this group")
            await self._delivery.accept(envelope, octets, tenant=tenant, received_ms=self._now_ms())
        except Loop:
            return Result(text, Verdict.FAILED, "5.4.6 too many hops")
        except (TemporaryFailure, OverQuota) as failure:
            return Result(text, Verdict.LATER, f"4.3.0 {failure}")
        except MailError as failure:
            return Result(text, Verdict.FAILED, f"5.1.1 {failure}")
        return Result(text, Verdict.SENT, "2.1.5 delivered here")


def _held_up(text: str, state: str) -> Result:
    if state == SUSPENDED:
        return Result(text, Verdict.LATER, "4.2.1 the mailbox takes no mail now")
    return Result(text, Verdict.FAILED, "5.2.1 the mailbox takes no mail any more")
