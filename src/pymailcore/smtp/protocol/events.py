"""What the peer of the SMTP server asks for.

Standards: RFC 5321 section 4.1.1, RFC 3207 section 4, RFC 4954 section 4, RFC 1870, RFC 2033, RFC 3030,
RFC 3461, RFC 6152, RFC 6531.

All but `MailData` and `MailDataAborted` want an answer.
"""

from dataclasses import dataclass

from pymailcore.base.address import Address
from pymailcore.base.envelope import NOTHING_SAID, PLAIN, Envelope, ReportTerms, Terms
from pymailcore.sasl.steps import Evidence, NeedKeys


@dataclass(frozen=True, slots=True)
class Opened:
    """The connection stands; nothing was read. Refusing means 554 and serving QUIT only."""


@dataclass(frozen=True, slots=True)
class Hello:
    """EHLO or LHLO (`extended`), or HELO.

    Attributes:
        name: what the client says, of `A-Z a-z 0-9 . - _ : [ ]` only.
    """

    name: str
    extended: bool


@dataclass(frozen=True, slots=True)
class Mail:
    """MAIL opens a transaction.

    Attributes:
        reverse_path: None is the null reverse-path.
        size_octets: what the client declared with SIZE; 0 when it did not.
        eight_bit: BODY=8BITMIME was given.
        smtputf8: SMTPUTF8 was given.
        binary: BODY=BINARYMIME was given.
        terms: what the other parameters ask for.
    """

    reverse_path: Address | None
    size_octets: int = 0
    eight_bit: bool = False
    smtputf8: bool = False
    binary: bool = False
    terms: Terms = PLAIN


@dataclass(frozen=True, slots=True)
class Recipient:
    """RCPT adds a forward-path to the transaction."""

    forward_path: Address
    terms: ReportTerms = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Verify:
    """VRFY, or EXPN (`expand`), where the role tells what it knows. Accepting means to tell nothing: 252.

    Attributes:
        smtputf8: the answer may hold octets above 127 (RFC 6531 section 3.7.4.2).
    """

    address: Address
    expand: bool = False
    smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class DataRequested:
    """Mail data begins: DATA with at least one recipient accepted, or the first BDAT of a message.

    Attributes:
        chunked: by BDAT; the client waits for no answer, and a refusal is given when the chunk has been read.
    """

    chunked: bool = False


@dataclass(frozen=True, slots=True)
class MailData:
    """A stretch of mail data, dots removed. Wants no answer."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class MailDataAborted:
    """The message was refused by the core: forget its stretches. Wants no answer."""


@dataclass(frozen=True, slots=True)
class MailDataEnd:
    """The message is whole. A positive answer takes over the responsibility for it.

    Attributes:
        envelope: what was accepted; `eight_bit` is true when the mail data has octets above 127.
    """

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class StartTls:
    """STARTTLS, with nothing behind it. After a positive answer the handshake is due and this core ends."""


@dataclass(frozen=True, slots=True)
class Xclient:
    """XCLIENT: the peer speaks for somebody else. After a positive answer the driver makes a new core.

    Attributes:
        address: of the client.
        port: of the client; 0 for not known.
        name: the host name of the client, as the peer found it; "" for none.
    """

    address: str
    port: int
    name: str


@dataclass(frozen=True, slots=True)
class KeysNeeded:
    """The SASL exchange waits for the keys of a name: answered with `give_keys`, or a refusal."""

    mechanism: str
    need: NeedKeys


@dataclass(frozen=True, slots=True)
class Authenticate:
    """The SASL exchange has said who logs in, and proved it or given what proves it."""

    mechanism: str
    evidence: Evidence


Answerable = (
    Opened
    | Hello
    | Mail
    | Recipient
    | Verify
    | DataRequested
    | MailDataEnd
    | StartTls
    | Xclient
    | KeysNeeded
    | Authenticate
)
Event = Answerable | MailData | MailDataAborted
