"""Settings of SMTP: limits and deadlines of the server, deadlines of the client."""

from dataclasses import dataclass, field
from typing import Final

VRFY: Final = ("nobody", "signed-in", "everybody")
EXPN: Final = ("nobody", "signed-in")
SPF: Final = ("off", "note", "refuse")
HELLO_MARKS: Final = (
    "hello-own-name",
    "hello-localhost",
    "hello-bare-address",
    "hello-foreign-literal",
    "hello-short-name",
    "hello-no-name",
)
"""What can be said of the name that a peer gives itself; see mx.hello."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """Limits and deadlines of SMTP and submission, receiving and sending."""

    max_message_octets: int = field(
        default=52_428_800,
        metadata={"doc": "Largest message taken, in octets; announced with SIZE (RFC 1870)."},
    )
    max_recipients_count: int = field(
        default=1_000,
        metadata={"doc": "Most recipients of one message; each further one gets 452 (RFC 5321 4.5.3.1.10)."},
    )
    max_mail_data_memory_octets: int = field(
        default=536_870_912,
        metadata={
            "doc": "Memory that mail data in transit, by SMTP or IMAP APPEND, may take in one process. "
            "Beyond it clients get 452 or NO, and come again."
        },
    )
    spool_memory_octets: int = field(
        default=1_048_576,
        metadata={
            "doc": "How much of a message is held in memory while it arrives, once all of them together have "
            "an eighth of `max_mail_data_memory_octets`; what is beyond waits in a file without name in the "
            "folder `spool` of the data folder, encrypted."
        },
    )
    transactions_count: int = field(
        default=0,
        metadata={
            "doc": "Most messages of one connection, announced with LIMITS (RFC 9422); further ones get 421. "
            "0: as many as the client likes."
        },
    )
    max_hold_seconds: int = field(
        default=2_592_000,
        metadata={
            "doc": "How far ahead a client of `submission` can have a message released (FUTURERELEASE, RFC "
            "4865). 0: not at all."
        },
    )
    no_soliciting: tuple[str, ...] = field(
        default=(),
        metadata={
            "doc": "Kinds of mail that are not wanted, announced with NO-SOLICITING (RFC 3865); who says "
            "that its mail is of such a kind gets 550. Empty: not announced.",
            "example": ["org.example:ADV"],
        },
    )
    unknown_recipients_count: int = field(
        default=200,
        metadata={
            "doc": "Recipients that nobody here has, which one network (IPv4 /24, IPv6 /56; not loopback) "
            "may ask an `smtp` listener for in ten minutes; then its connections end with 421. Each front "
            "worker counts for itself. 0: as many as it likes."
        },
    )
    vrfy: str = field(
        default="nobody",
        metadata={
            "doc": "Who is told with VRFY whether an address exists: `nobody`, `signed-in` (users of "
            "`submission`, about addresses of their tenant) or `everybody`. All others get 252, without a "
            "look."
        },
    )
    expn: str = field(
        default="nobody",
        metadata={
            "doc": "Who is told with EXPN who the members of a group are: `nobody`, or `signed-in` (users of "
            "`submission`, about groups of their tenant to which they may write). All others get 252."
        },
    )
    lost_replies_count: int = field(
        default=1_024,
        metadata={
            "doc": "Messages that were taken from clients who went away without having heard that, of which "
            "each front worker remembers the reply; when the same comes again it is not filed twice (RFC "
            "1047). 0: none."
        },
    )
    lost_reply_seconds: float = field(
        default=600.0,
        metadata={"doc": "How long such a reply is remembered."},
    )
    refuse_early_talkers: bool = field(
        default=True,
        metadata={
            "doc": "Whether `smtp` listeners end a connection whose client speaks before the greeting, or "
            "sends a message before DATA is answered: mail programs do not, spam programs do."
        },
    )
    greeting_delay_seconds: float = field(
        default=0.0,
        metadata={
            "doc": "How long `smtp` listeners wait with the greeting, to see who speaks before it; only with "
            "`refuse_early_talkers`."
        },
    )
    hello_refused: tuple[str, ...] = field(
        default=("hello-own-name",),
        metadata={
            "doc": "What a peer of an `smtp` listener may not say that its name is: `hello-own-name` (ours), "
            "`hello-localhost`, `hello-bare-address` (without brackets), `hello-foreign-literal` (an "
            "address that is not its own), `hello-short-name` (without a dot), `hello-no-name` (anything "
            "else that no host is called). It gets 550. Those that are not refused make a peer look bad: "
            "it waits after each error, and greylisting applies to it. Peers over loopback may say anything."
        },
    )
    peer_name_seconds: float = field(
        default=2.0,
        metadata={
            "doc": "How long MAIL waits at most until the DNS has said what the peer is called; asked since "
            "the connection began. A peer without a name that leads back to it looks bad. 0: not asked."
        },
    )
    spf: str = field(
        default="note",
        metadata={
            "doc": "What is done with the answer to whether a peer of an `smtp` listener may send as it says "
            "(SPF, RFC 7208): `note` writes it into the log and the message, and `fail` and `softfail` make "
            "the peer look bad; `refuse` also refuses recipients with 550 after `fail`, but for `postmaster` "
            "and `abuse`; `off` does not ask. Peers in `[connections] trusted_networks`, and those with "
            "private addresses, are not judged."
        },
    )
    spf_seconds: float = field(
        default=20.0,
        metadata={
            "doc": "Time that the DNS has for all questions of SPF about one message; after that the result "
            "is `temperror`."
        },
    )
    spf_note_seconds: float = field(
        default=1.0,
        metadata={
            "doc": "How long the reply to a message waits at most for the result of SPF, which is asked for "
            "since MAIL, to write it into the message. 0: it is written where it is known by then."
        },
    )
    max_header_octets: int = field(
        default=10_485_760,
        metadata={"doc": "Largest header of a message for `smtp` and `lmtp`; a larger one gets 554."},
    )
    max_header_fields_count: int = field(
        default=10_000,
        metadata={"doc": "Most header fields of a message for `smtp` and `lmtp`; more get 554."},
    )
    max_received_count: int = field(
        default=50,
        metadata={
            "doc": "Most Received fields of a message that comes in; more are a loop and get 554 5.4.6."
        },
    )
    soft_errors_count: int = field(
        default=10,
        metadata={
            "doc": "Refused commands from which on replies wait, `error_delay_seconds` at first. A peer that "
            "looks like no mail server waits from the first."
        },
    )
    hard_errors_count: int = field(
        default=20,
        metadata={"doc": "Refused commands after which the connection is closed with 421."},
    )
    junk_commands_count: int = field(
        default=100,
        metadata={
            "doc": "Repeated EHLO, NOOP, RSET, VRFY, EXPN, HELP and repeated recipients between two "
            "messages; each further one is an error."
        },
    )
    failed_logins_count: int = field(
        default=3,
        metadata={"doc": "Failed logins after which a connection is closed with 421."},
    )
    error_delay_seconds: float = field(
        default=1.0,
        metadata={"doc": "First pause before a reply; it doubles with each error."},
    )
    max_error_delay_seconds: float = field(
        default=8.0,
        metadata={"doc": "Longest pause before a reply."},
    )
    idle_seconds: float = field(
        default=300.0,
        metadata={"doc": "Longest time that a whole command may take to arrive (RFC 5321 4.5.3.2.7)."},
    )
    min_mail_data_rate_octets: int = field(
        default=500,
        metadata={"doc": "Octets a second that mail data must come in with, after the first `idle_seconds`."},
    )
    tls_handshake_seconds: float = field(
        default=30.0,
        metadata={"doc": "Longest time that a TLS handshake may take, receiving and sending."},
    )
    postmaster_domain: str = field(
        default="",
        metadata={
            "doc": "Domain whose postmaster gets mail for a bare `<postmaster>`; empty: the host name."
        },
    )
    connect_seconds: float = field(
        default=30.0,
        metadata={"doc": "Sending: longest time until a connection stands."},
    )
    reply_seconds: float = field(
        default=300.0,
        metadata={"doc": "Sending: longest wait for a reply (RFC 5321 4.5.3.2.1 to 4.5.3.2.3)."},
    )
    data_reply_seconds: float = field(
        default=120.0,
        metadata={"doc": "Sending: longest wait for the go-ahead for mail data (RFC 5321 4.5.3.2.4)."},
    )
    final_reply_seconds: float = field(
        default=600.0,
        metadata={"doc": "Sending: longest wait for the reply to a whole message (RFC 5321 4.5.3.2.6)."},
    )
    block_seconds: float = field(
        default=180.0,
        metadata={"doc": "Longest time in which 64 KiB must leave (RFC 5321 4.5.3.2.5)."},
    )

    reuse_idle_seconds: float = field(
        default=10.0,
        metadata={"doc": "Sending: how long a connection is kept for the next message to the same host."},
    )
    reuse_messages_count: int = field(
        default=100,
        metadata={"doc": "Sending: most messages over one connection; 1 means that none is used again."},
    )

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in (
            "max_message_octets",
            "max_recipients_count",
            "soft_errors_count",
            "hard_errors_count",
            "failed_logins_count",
            "idle_seconds",
            "min_mail_data_rate_octets",
            "spool_memory_octets",
            "reply_seconds",
            "max_header_octets",
            "max_header_fields_count",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: must be greater than 0")
        for name in ("transactions_count", "unknown_recipients_count", "lost_replies_count"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must not be less than 0")
        if self.max_mail_data_memory_octets < self.max_message_octets:
            raise ValueError("max_mail_data_memory_octets: must hold one message of max_message_octets")
        self._check_times()
        self._check_words()

    def _check_times(self) -> None:
        if not 0 <= self.max_hold_seconds <= 999_999_999:
            raise ValueError("max_hold_seconds: must be from 0 to 999999999")
        if not 0 <= self.error_delay_seconds <= self.max_error_delay_seconds <= 60:
            raise ValueError("max_error_delay_seconds: must be from error_delay_seconds to 60")
        for name in ("peer_name_seconds", "spf_note_seconds"):
            if not 0 <= getattr(self, name) <= 30:
                raise ValueError(f"{name}: must be from 0 to 30")
        if not 0 < self.spf_seconds <= 60:
            raise ValueError("spf_seconds: must be above 0 and at most 60")
        if not 0 < self.lost_reply_seconds <= 86_400:
            raise ValueError("lost_reply_seconds: must be above 0 and at most 86400")
        if not 0 <= self.greeting_delay_seconds <= 60:
            raise ValueError("greeting_delay_seconds: must be from 0 to 60")

    def _check_words(self) -> None:
        if self.vrfy not in VRFY:
            raise ValueError(f"vrfy: must be one of {', '.join(VRFY)}")
        if self.expn not in EXPN:
            raise ValueError(f"expn: must be one of {', '.join(EXPN)}")
        if self.spf not in SPF:
            raise ValueError(f"spf: must be one of {', '.join(SPF)}")
        if unknown := set(self.hello_refused) - set(HELLO_MARKS):
            raise ValueError(f"hello_refused: there is no {', '.join(sorted(unknown))}")
