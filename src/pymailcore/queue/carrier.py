"""Carries messages to hosts with the SMTP client.

Standards: RFC 3207 (STARTTLS), RFC 7435 section 3 (opportunistic security: TLS where it can be had, without
asking who is there, because otherwise it would be in clear), RFC 8689 section 4.2.1 (REQUIRETLS).
"""

import ssl
from dataclasses import replace

from pymailcore.base.envelope import Envelope
from pymailcore.message.tls_required import tls_optional
from pymailcore.queue.nexthop import Hop
from pymailcore.smtp.client import Endpoint, Outcome
from pymailcore.smtp.pool import Pool
from pymailcore.smtp.protocol.outgoing import needs_tls


def opportunistic_context() -> ssl.SSLContext:
    """Make the context of a client that takes any certificate, because it would also go on in clear."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class SmtpCarrier:
    """`relay.Carrier` over `smtp.pool`.

    A message that requires TLS, or is for a domain that does, goes over a connection on which the host has
    proved its name, or not at all; unless it says itself that it need not (RFC 8689 section 4.2.2).

    Args:
        attempt_seconds: longest time with one host.
        tls: context for STARTTLS where it is offered; None makes one that takes any certificate.
        verifying: context that takes only certificates of the hosts; None trusts the system's authorities.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        attempt_seconds: float,
        tls: ssl.SSLContext | None = None,
        verifying: ssl.SSLContext | None = None,
    ) -> None:
        self._pool = pool
        self._attempt_seconds = attempt_seconds
        self._tls = opportunistic_context() if tls is None else tls
        self._verifying = verifying

    async def carry(self, hop: Hop, envelope: Envelope, octets: bytes) -> Outcome:
        """Run one mail transaction with one host; see `relay.Carrier`.

        Raises:
            TemporaryFailure: no connection, no SMTP, no sense, or no end.
        """
        if hop.is_here:
            envelope = replace(envelope, terms=replace(envelope.terms, require_tls=False))
        strict = needs_tls(envelope) or (hop.tls.required and not tls_optional(octets))
        return await self._pool.deliver(
            self._endpoint(hop, strict=strict),
            envelope,
            octets,
            deadline_seconds=self._attempt_seconds,
        )

    def _endpoint(self, hop: Hop, *, strict: bool) -> Endpoint:
        if strict and self._verifying is None:
            self._verifying = ssl.create_default_context()
        return Endpoint(
            host=hop.address,
            port=hop.port,
            tls=self._verifying if strict else self._tls,
            tls_required=strict,
            tls_name=hop.host.strip("[]"),
            verified=strict and hop.tls.certain,
            lmtp=hop.lmtp,
        )
