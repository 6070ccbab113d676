"""How the queue's runner speaks SMTP: the client of `smtp` behind the queue's interface."""

import ssl
from collections.abc import Mapping

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.queue.nexthop import Hop
from pymailcore.smtp.client import deliver
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.settings import SmtpSettings


class SmtpCarrier:
    """Speaks SMTP with one host; a `queue.relay.Carrier`.

    Standards: RFC 7435 section 3 (opportunistic security): TLS where the host offers it, whatever its
    certificate, because the alternative is to send in clear.
    """

    def __init__(self, settings: SmtpSettings, *, hostname: str, deadline_seconds: float) -> None:
        self._settings = settings
        self._hostname = hostname
        self._deadline_seconds = deadline_seconds
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    async def carry(self, hop: Hop, envelope: Envelope, octets: bytes) -> Mapping[Address, Reply]:
        """Run one mail transaction and give a reply for every recipient.

        Raises:
            TemporaryFailure: no such reply was had; another host, or another time, may be better.
        """
        outcome = await deliver(
            hop.address,
            hop.port,
            envelope,
            octets,
            hello=self._hostname,
            settings=self._settings,
            tls=self._tls,
            tls_name=hop.host,
            deadline_seconds=self._deadline_seconds,
        )
        return outcome.replies
