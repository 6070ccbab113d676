"""Carries messages to hosts with the SMTP client.

Standards: RFC 3207 (STARTTLS), RFC 7435 section 3 (opportunistic security: TLS where it can be had, without
asking who is there, because otherwise it would be in clear).
"""

import ssl
from collections.abc import Mapping

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.queue.nexthop import Hop
from pymailcore.smtp import client
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.settings import SmtpSettings


def opportunistic_context() -> ssl.SSLContext:
    """Make the context of a client that takes any certificate, because it would also go on in clear."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class SmtpCarrier:
    """`relay.Carrier` over `smtp.client`.

    Args:
        hostname: our own name, for EHLO.
        settings: times to wait for replies.
        attempt_seconds: longest time with one host.
        tls: context for STARTTLS where it is offered; None makes one that takes any certificate.
    """

    def __init__(
        self,
        *,
        hostname: str,
        settings: SmtpSettings,
        attempt_seconds: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hostname = hostname
        self._settings = settings
        self._attempt_seconds = attempt_seconds
        self._tls = opportunistic_context() if tls is None else tls

    async def carry(self, hop: Hop, envelope: Envelope, octets: bytes) -> Mapping[Address, Reply]:
        """Run one mail transaction with one host; see `relay.Carrier`.

        Raises:
            TemporaryFailure: no connection, no SMTP, no sense, or no end.
        """
        outcome = await client.deliver(
            hop.address,
            hop.port,
            envelope,
            octets,
            hello=self._hostname,
            settings=self._settings,
            tls=self._tls,
            tls_name=hop.host.strip("[]"),
            deadline_seconds=self._attempt_seconds,
        )
        return outcome.replies
