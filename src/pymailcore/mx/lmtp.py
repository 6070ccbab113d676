"""The LMTP role: takes mail from a mail server of ours, and answers for each recipient.

Standards: RFC 2033 sections 3 and 4.2; RFC 3848.

Contract: as for the MX role, but for each recipient by itself: a 250 means that the message is on disk for
that one. The whole message is tried first, as one store operation; only where that fails does each recipient
get one of its own. Nobody from outside may speak here, because nothing is judged here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import MailError
from pymailcore.mx.guesses import Guesses
from pymailcore.mx.role import Deliverer, MxConversation, MxRole, Recipients
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.outcomes import reply_for
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.role import Session
from pymailcore.smtp.settings import SmtpSettings

log = get_logger()

NOT_FOR_YOU: Final = Reply(554, "5.7.1", "This service is for our own mail servers")


class LmtpRole(MxRole):
    """The role that stands behind LMTP listeners.

    Args:
        trusted: networks of the mail servers that may speak here.
    """

    way: str = "lmtp"
    names_recipients: bool = False  # who brought the message may have said so already

    def __init__(
        self,
        delivery: Deliverer,
        directory: Recipients,
        settings: SmtpSettings,
        *,
        hostname: str,
        trusted: Sequence[IPv4Network | IPv6Network],
        metrics: Metrics,
    ) -> None:
        super().__init__(delivery, directory, settings, hostname=hostname, trusted=trusted)
        self.metrics = metrics
        self.guesses = Guesses(0, self.now_ms)  # who relays to us does not guess

    def begin(self, session: Session) -> "LmtpConversation":
        """Begin a conversation."""
        return LmtpConversation(self, session, trusted=self.trusts(session.peer))


class LmtpConversation(MxConversation):
    """One conversation of the LMTP role."""

    def __init__(self, role: LmtpRole, session: Session, *, trusted: bool) -> None:
        super().__init__(role, session, trusted=trusted)
        self._metrics = role.metrics

    async def opened(self) -> Reply | None:
        """Greet our own, turn away all others."""
        return None if self._trusted else NOT_FOR_YOU

    async def _deliver(
        self, envelope: Envelope, octets: bytes, received_ms: int, name: str
    ) -> Reply | Mapping[Address, Reply]:
        """Store a message for all its recipients, or for those for which that can be done."""
        try:
            return await super()._deliver(envelope, octets, received_ms, name)
        except MailError as outcome:
            if len(envelope.recipients) == 1:
                return self._refused(envelope.recipients[0], outcome, name)
        return {
            to: await self._deliver_one(envelope, to, octets, received_ms, name) for to in envelope.recipients
        }

    async def _deliver_one(
        self, envelope: Envelope, recipient: Address, octets: bytes, received_ms: int, name: str
    ) -> Reply:
        only = replace(envelope, recipients=(recipient,))
        try:
            answer = await super()._deliver(only, octets, received_ms, name)
        except MailError as outcome:
            return self._refused(recipient, outcome, name)
        assert isinstance(answer, Reply)  # noqa: S101 - the role of one recipient gives one
        return answer

    def _refused(self, recipient: Address, outcome: MailError, name: str) -> Reply:
        """Note that one recipient does not get a message, whatever becomes of the others."""
        answer = reply_for(outcome)
        kind = "later" if answer.temporary else "failed"
        self._metrics.lmtp_refused.labels(kind).inc()
        log.info(
            "recipient refused",
            message=name,
            recipient=str(recipient),
            code=answer.code,
            outcome=repr(outcome),
        )
        return answer
