"""One try to relay a message to the recipients in one domain.

Standards: RFC 5321 sections 3.6.2, 4.2.1 (what 4yz and 5yz mean) and 5.1 (the next host when one fails);
RFC 8689 section 4.2.1, RFC 3461 section 5.2.

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
from pymailcore.smtp.client import Outcome, TlsUnavailable
from pymailcore.smtp.protocol.outgoing import NEEDS_REQUIRETLS, needs_tls

log = get_logger()


class Carrier(Protocol):
    """Speaks SMTP with one host."""

    async def carry(self, hop: Hop, envelope: Envelope, octets: bytes) -> Outcome:
        """Run one mail transaction, or as many as the host wants, and give a reply for every recipient.

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
        except Unroutable as reason:
            return [Result(text, Verdict.FAILED, str(reason)) for text in lease.recipients]
        except TemporaryFailure as reason:
            return [Result(text, Verdict.LATER, f"4.4.3 {reason}") for text in lease.recipients]
        addresses = {text: Address.parse(text) for text in lease.recipients}
        envelope = _envelope(lease, addresses)
        trouble, unmet = "", ""
        for hop in hops:
            try:
                outcome = await self._carrier.carry(hop, envelope, octets)
            except TlsUnavailable as failure:
                if needs_tls(envelope):
                    unmet = f"{hop.host}: 5.7.10 {failure}"
                else:  # the domain wants it, which may be able to have it later
                    trouble = f"{hop.host}: 4.7.10 {failure}"
                log.info("host without the TLS that is required", host=hop.host, reason=str(failure))
            except TemporaryFailure as failure:
                trouble = f"{hop.host}: {failure}"
                log.info("host not usable", host=hop.host, address=hop.address, reason=str(failure))
            except MailError as failure:
                return [Result(text, Verdict.FAILED, f"{hop.host}: {failure}") for text in lease.recipients]
            else:
                if NEEDS_REQUIRETLS not in outcome.replies.values():
                    return [
                        _result(hop, lease, text, outcome, address) for text, address in addresses.items()
                    ]
                unmet = f"{hop.host}: {NEEDS_REQUIRETLS}"
        return _no_host_left(lease, trouble, unmet)


def _no_host_left(lease: Lease, trouble: str, unmet: str) -> list[Result]:
    """All wait, unless no host could be what the message requires (RFC 8689 section 4.2.1)."""
    if unmet and not trouble:
        return [Result(text, Verdict.FAILED, unmet) for text in lease.recipients]
    trouble = trouble or "4.4.1 no host could be reached"
    return [Result(text, Verdict.LATER, trouble) for text in lease.recipients]


def _envelope(lease: Lease, addresses: Mapping[str, Address | None]) -> Envelope:
    message = lease.message
    said = {
        address: lease.report_terms[text]
        for text, address in addresses.items()
        if address is not None and text in lease.report_terms
    }
    return Envelope(
        reverse_path=message.reverse_path,
        recipients=tuple(address for address in addresses.values() if address is not None),
        smtputf8=message.smtputf8,
        eight_bit=message.eight_bit,
        binary=message.binary,
        terms=message.terms,
        report_terms=said,
    )


def _result(hop: Hop, lease: Lease, text: str, outcome: Outcome, address: Address | None) -> Result:
    if address is None:
        return Result(text, Verdict.FAILED, "5.1.3 that is no address")
    reply = outcome.replies.get(address)
    if reply is None:
        return Result(text, Verdict.LATER, f"{hop.host}: 4.5.0 no reply for this recipient")
    verdict = Verdict.SENT if reply.positive else Verdict.LATER if reply.temporary else Verdict.FAILED
    return Result(text, verdict, f"{hop.host}: {reply}", _told(hop, lease, text, outcome))


def _told(hop: Hop, lease: Lease, text: str, outcome: Outcome) -> str:
    """What the sender is to be told when the host has taken the message.

    A host or store that makes reports itself makes this one, too (RFC 3461 section 5.2.1); of the others a
    store has delivered it (RFC 2033 section 4.2). A sender who traces is told of each host (RFC 2852
    section 4).
    """
    by = lease.message.terms.deliver_by
    if lease.wants(text, "SUCCESS") and "DSN" not in outcome.offered:
        return "delivered" if hop.lmtp else "relayed"
    return "relayed" if by is not None and by.trace and not lease.wants(text, "NEVER") else ""
