"""What one listener offers, and the limits of a conversation.

Standards: RFC 5321 sections 4.1.1.1 and 4.5.3.1; RFC 1870, 2034, 2920, 3207, 4954, 6152, 6531.
"""

from dataclasses import dataclass

from pymailcore.sasl.registry import NOTHING, Offer
from pymailcore.smtp.protocol.reply import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Facts that a server core is given; they do not change during its life.

    Attributes:
        hostname: in the greeting and the answer to EHLO.
        postmaster_domain: where `RCPT TO:<postmaster>` goes.
        max_message_octets: of mail data, dots removed.
        max_recipients: in one transaction.
        soft_errors: commands refused with 5yz after which the core is `tardy`.
        hard_errors: commands refused with 5yz after which it says 421.
        junk_commands: EHLO, NOOP, RSET, VRFY, HELP and repeated recipients between two messages; each one
            more is an error.
        starttls: STARTTLS can be had.
        offer: how a client may log in; AUTH is not announced without a mechanism.
        encrypted: the octets come out of TLS.
    """

    hostname: str
    postmaster_domain: str
    max_message_octets: int = 52_428_800
    max_recipients: int = 1_000
    soft_errors: int = 10
    hard_errors: int = 20
    junk_commands: int = 100
    starttls: bool = False
    offer: Offer = NOTHING
    encrypted: bool = False

    @property
    def greeting(self) -> Reply:
        """What a client reads first."""
        return Reply(220, "", f"{self.hostname} ESMTP pymailcore")

    @property
    def extended_hello(self) -> Reply:
        """The answer to EHLO: exactly what works."""
        keywords = [
            self.hostname,
            "PIPELINING",
            f"SIZE {self.max_message_octets}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        ]
        if self.starttls:
            keywords.append("STARTTLS")
        if self.offer.names:
            keywords.append("AUTH " + " ".join(self.offer.names))
        return Reply(250, "", "\n".join(keywords))

    @property
    def plain_hello(self) -> Reply:
        """The answer to HELO."""
        return Reply(250, "", self.hostname)
