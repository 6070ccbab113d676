"""One try to relay a message to the recipients in one domain.

Standards: RFC 5321 sections 3.6.2, 4.2.1 (what 4yz and 5yz mean) and 5.1 (the next host when one fails).

Theory: hosts are tried in order until one takes up the mail transaction. Its replies are final for this
try: a recipient that was refused for good fails, one that was put off waits. Trouble before that (no
connection, a greeting that turns us away, a lost connection) says nothing about the message, so the next
host is tried; when none is left, all recipients wait.
"""

from collections.abc import Mapping
from typing import Protocol

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import MailError, TemporaryFailure
from pymailcore.queue.nexthop import Hop, NextHops, Unroutable
from pymailcore.queue.types import Lease, Result, Verdict
from pymailcore.runtime.logs import get_logger
from pymailcore.smtp.protocol.reply import Reply

log = get_logger()


class Carrier(Protocol):
    """Speaks SMTP with one host."""

    async def carry(self, hop: Hop, envelope: Envelope, octets: bytes) -> Mapping[Address, Reply]:
        """Run one mail transaction and give a reply for every recipient.

        A positive reply means that the host has answered for the message (RFC 5321 section 6.1).

        Raises:
            TemporaryFailure: no such reply was had; another host, or another time, may be better.
            PermanentFailure: the host cannot take this message for anybody.
        """
        ...


class Relay:
    """Brings messages to other hosts."""

    def __init__(self, hops: NextHops, carrier: Carrier) -> None:
        self._hops = hops
        self._carrier = carrier

    async def attempt(self, lease: Lease, octets: bytes) -> list[Result]:
        """Try once to relay a message to the recipients of a lease; never raises a `MailError`.

        Cancellation: the outcome is unknown then, and the recipients are tried again.
        """
        try:
            hops = await self._hops.find(lease.domain)
        except Unroutable as outcome:
            return [Result(text, Verdict.FAILED, str(outcome)) for text in lease.recipients]
        except TemporaryFailure as outcome:
            return [Result(text, Verdict.LATER, f"4.4.3 {outcome}") for text in lease.recipients]
        addresses = {text: Address.parse(text) for text in lease.recipients}
        envelope = Envelope(
            reverse_path=lease.message.reverse_path,
            recipients=tuple(address for address in addresses.values() if address is not None),
            smtputf8=lease.message.smtputf8,
            eight_bit=lease.message.eight_bit,
        )
        reason = "4.4.1 no host could be reached"
        for hop in hops:
            try:
                replies = await self._carrier.carry(hop, envelope, octets)
            except TemporaryFailure as failure:
                reason = f"{hop.host}: {failure}"
                log.info("host not usable", host=hop.host, address=hop.address, reason=str(failure))
                continue
            except MailError as failure:
                return [Result(text, Verdict.FAILED, f"{hop.host}: {failure}") for text in lease.recipients]
            return [
                _result(hop, text, replies.get(address)) for text, address in addresses.items() if address
            ]
        return [Result(text, Verdict.LATER, reason) for text in lease.recipients]


def _result(hop: Hop, text: str, reply: Reply | None) -> Result:
    if reply is None:
        return Result(text, Verdict.LATER, f"{hop.host}: 4.5.0 no reply for this recipient")
    verdict = Verdict.SENT if reply.positive else Verdict.LATER if reply.temporary else Verdict.FAILED
    return Result(text, verdict, f"{hop.host}: {reply}")
