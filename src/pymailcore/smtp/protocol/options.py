"""What one listener offers, and the limits of a conversation.

Standards: RFC 5321 sections 4.1.1.1 and 4.5.3.1; RFC 1870, 2033, 2034, 2920, 3207, 4954, 6152, 6531.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pymailcore.sasl.registry import NOTHING, Offer
from pymailcore.smtp.protocol.extensions import NO_EXTENSIONS, Extensions, keywords, limits
from pymailcore.smtp.protocol.reply import Reply

XCLIENT_KEYWORD: Final = "XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Facts that a server core is given; they do not change during its life.

    Attributes:
        hostname: in the greeting and the answer to EHLO.
        postmaster_domain: where `RCPT TO:<postmaster>` goes.
        max_message_octets: of mail data, dots removed.
        max_recipients: in one transaction.
        hard_errors: commands refused with 5yz after which it says 421.
        junk_commands: EHLO, NOOP, RSET, VRFY, EXPN, HELP and repeated recipients between two messages; each
            one more is an error.
        starttls: STARTTLS can be had.
        offer: how a client may log in; AUTH is not announced without a mechanism.
        encrypted: the octets come out of TLS.
        lmtp: the protocol is LMTP (RFC 2033): LHLO, and a reply for each recipient after the mail data.
        lookups: which of VRFY and EXPN the role answers; to the others the core says 252.
        xclient: the peer is one of ours and may say for whom it speaks.
        extensions: which of those that can be left off are offered.
        max_transactions: MAIL commands in one conversation; 0 for as many as the client likes.
        refuse_early_talkers: end the conversation with a client that does not wait for the greeting, or for
            the reply to DATA.
        repair_line_ends: mail data may hold bare CR and LF, which are made whole. What ends mail data stays
            the same.
        now_ms: the time for commands that speak of one, milliseconds since 1970.
    """

    hostname: str
    postmaster_domain: str
    max_message_octets: int = 52_428_800
    max_recipients: int = 1_000
    hard_errors: int = 20
    junk_commands: int = 100
    starttls: bool = False
    offer: Offer = NOTHING
    encrypted: bool = False
    lmtp: bool = False
    lookups: frozenset[str] = frozenset()
    xclient: bool = False
    extensions: Extensions = NO_EXTENSIONS
    max_transactions: int = 0
    refuse_early_talkers: bool = False
    repair_line_ends: bool = False
    now_ms: Callable[[], int] = lambda: 0

    @property
    def greeting(self) -> Reply:
        """What a client reads first."""
        return Reply(220, "", f"{self.hostname} {'LMTP' if self.lmtp else 'ESMTP'} pymailcore")

    @property
    def extended_hello(self) -> Reply:
        """The answer to EHLO: exactly what works."""
        lines = [
            self.hostname,
            "PIPELINING",
            f"SIZE {self.max_message_octets}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        ]
        lines += keywords(self.extensions, encrypted=self.encrypted, now_ms=self.now_ms())
        if self.extensions.limits:
            lines.append(limits(max_recipients=self.max_recipients, max_transactions=self.max_transactions))
        lines += sorted(self.lookups)  # RFC 5321 section 3.5.2
        if self.xclient:
            lines.append(XCLIENT_KEYWORD)
        if self.starttls:
            lines.append("STARTTLS")
        if self.offer.names:
            lines.append("AUTH " + " ".join(self.offer.names))
        return Reply(250, "", "\n".join(lines))

    @property
    def plain_hello(self) -> Reply:
        """The answer to HELO."""
        return Reply(250, "", self.hostname)
