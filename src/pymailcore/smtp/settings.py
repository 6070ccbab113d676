"""Settings of SMTP: limits and deadlines of the server, deadlines of the client."""

from dataclasses import dataclass, field


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
    max_received_count: int = field(
        default=50,
        metadata={
            "doc": "Most Received fields of a message that comes in; more are a loop and get 554 5.4.6."
        },
    )
    soft_errors_count: int = field(
        default=10,
        metadata={"doc": "Refused commands after which every reply waits for `error_delay_seconds`."},
    )
    hard_errors_count: int = field(
        default=20,
        metadata={"doc": "Refused commands after which the connection is closed with 421."},
    )
    junk_commands_count: int = field(
        default=100,
        metadata={
            "doc": "Repeated EHLO, NOOP, RSET, VRFY, HELP and repeated recipients between two messages; each "
            "further one is an error."
        },
    )
    failed_logins_count: int = field(
        default=3,
        metadata={"doc": "Failed logins after which a connection is closed with 421."},
    )
    error_delay_seconds: float = field(
        default=1.0,
        metadata={"doc": "Pause before a reply once the soft limit of errors is reached."},
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
    final_reply_seconds: float = field(
        default=600.0,
        metadata={"doc": "Sending: longest wait for the reply to a whole message (RFC 5321 4.5.3.2.6)."},
    )
    block_seconds: float = field(
        default=180.0,
        metadata={"doc": "Longest time in which 64 KiB must leave (RFC 5321 4.5.3.2.5)."},
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
            "reply_seconds",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: must be greater than 0")
        if self.max_mail_data_memory_octets < self.max_message_octets:
            raise ValueError("max_mail_data_memory_octets: must hold one message of max_message_octets")
