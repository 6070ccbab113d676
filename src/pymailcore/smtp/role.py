"""What stands behind the wire: the contract between the SMTP server and its roles.

Standards: RFC 5598 section 4 (MSA, MTA as roles of one protocol).
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import AccountId
from pymailcore.sasl.steps import ScramKeys
from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.reply import Reply


@dataclass(slots=True)
class Lasting:
    """What is known of a connection however often it begins a conversation anew, with STARTTLS.

    Attributes:
        tags: of plug-ins, made when the connection began.
        fields: header fields, as octets, for each of its messages.
        transactions_count: MAIL commands until now.
    """

    tags: list[str] = field(default_factory=list)
    fields: list[bytes] = field(default_factory=list)
    transactions_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Facts about one conversation; a new one begins after STARTTLS.

    Attributes:
        connection_id: names the connection in the logs.
        peer: the peer's address as text.
        peer_name: the peer's host name, where somebody we trust has looked it up; else "".
        tls: version and cipher, such as "TLSv1.3 TLS_AES_256_GCM_SHA384"; "" in clear.
        certificate: the client's, DER, verified; None when it gave none.
        whole: what is entered here is left when the conversation ends.
        lmtp: the protocol is LMTP.
        marks: words for what makes the peer look like no honest mail server: "hello-localhost" …
        lasting: the same for all conversations of a connection, as long as it is of one client.
        signed_in: a role calls it with account and login name of who has logged in.
        put_out: ends the conversation soon, with 421; for who is signed in and no longer may be.
    """

    connection_id: str
    peer: str
    tls: str
    peer_name: str = ""
    certificate: bytes | None = None
    whole: ExitStack = field(default_factory=ExitStack)
    marks: set[str] = field(default_factory=set)
    lasting: Lasting = field(default_factory=Lasting)
    signed_in: Callable[[AccountId, str], None] = lambda _account, _login: None
    put_out: Callable[[], None] = lambda: None
    lmtp: bool = False


class RoleFault(Exception):
    """A fault of ours while a role decided; its cause may be of a network, but not of the peer."""


class Conversation(Protocol):
    """A role's side of one conversation.

    Each method decides one event. It returns a reply, or None to accept with the reply that the standard has.
    It may raise a `MailError`, which becomes the reply of `smtp.outcomes`. Any other exception is a fault of
    ours: the peer gets 421. A reply with code 421 ends the connection.
    """

    async def opened(self) -> Reply | None:
        """Greet or turn away."""
        ...

    async def hello(self, event: events.Hello) -> Reply | None:
        """The client has said who it is; may happen again at any time."""
        ...

    async def mail(self, event: events.Mail) -> Reply | None:
        """Judge the reverse-path."""
        ...

    async def recipient(self, mail: events.Mail, event: events.Recipient) -> Reply | None:
        """Judge one forward-path."""
        ...

    def withdraw(self, event: events.Recipient) -> None:
        """Forget the recipient that was accepted last: the client is told that it is refused."""
        ...

    async def data(self, event: events.DataRequested) -> Reply | None:
        """Judge whether mail data may come now."""
        ...

    async def verify(self, event: events.Verify) -> Reply | None:
        """Tell about an address; None to tell nothing. Only what the role has in `lookups` is asked."""
        ...

    async def message(self, envelope: Envelope, octets: bytes, digest: str) -> Reply | Sequence[Reply] | None:
        """Take over a message; returns only when it is safe on disk, or was refused.

        In LMTP it may give a reply for each recipient of the envelope, in their order.

        Args:
            octets: without dot-stuffing, in lines; what was binary is encoded.
            digest: SHA-256, in hexadecimal digits, of the mail data as it came: without dot-stuffing, mended
                where the listener does so, and before binary parts were encoded.
        """
        ...

    async def scram_keys(self, event: events.KeysNeeded) -> ScramKeys | Reply:
        """Give the keys of a name, made-up ones of a name that does not exist."""
        ...

    async def authenticate(self, event: events.Authenticate) -> Reply | None:
        """Decide who logs in."""
        ...


class SmtpRole(Protocol):
    """A role: the MX or the MSA."""

    @property
    def way(self) -> str:
        """The name for metrics: `mx`, `lmtp` or `submission`."""
        ...

    @property
    def takes_logins(self) -> bool:
        """Whether AUTH is offered where it is safe."""
        ...

    @property
    def lookups(self) -> frozenset[str]:
        """Which of VRFY and EXPN it answers."""
        ...

    def begin(self, session: Session) -> Conversation:
        """Begin a conversation; nothing of one before it on the same connection is known."""
        ...
