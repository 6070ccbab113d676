"""Settings of the IMAP server."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapSettings:
    """Deadlines and limits of IMAP connections."""

    login_seconds: float = field(
        default=60.0,
        metadata={
            "doc": "Longest time in which a client that has not logged in must send a whole command, and "
            "longest TLS handshake."
        },
    )
    idle_seconds: float = field(
        default=1800.0,
        metadata={
            "doc": "Longest time in which a client that has logged in must send a whole command "
            "(RFC 3501 section 5.4)."
        },
    )
    min_literal_rate_octets: int = field(
        default=500,
        metadata={
            "doc": "Octets a second that a literal must come in with, after the first `login_seconds` or "
            "`idle_seconds`."
        },
    )
    send_seconds: float = field(
        default=120.0,
        metadata={"doc": "Longest time that a client may take to receive 256 KiB."},
    )
    message_octets: int = field(
        default=52_428_800,
        metadata={"doc": "Largest message that APPEND takes."},
    )
    failed_logins: int = field(
        default=3,
        metadata={"doc": "Failed logins after which a connection ends."},
    )
    failed_login_pause_seconds: float = field(
        default=1.0,
        metadata={"doc": "Pause before a failed login is answered; it grows with each failure."},
    )
    search_seconds: float = field(
        default=30.0,
        metadata={
            "doc": "Longest time that a SEARCH, SORT or THREAD may take, waiting for a place included."
        },
    )
    search_progress_seconds: float = field(
        default=10.0,
        metadata={
            "doc": "A SEARCH, SORT or THREAD that takes longer tells the client that it is still at work, "
            "each time this has passed (RFC 9585)."
        },
    )
    searches_per_account: int = field(
        default=2,
        metadata={
            "doc": "SEARCHes, SORTs and THREADs of one account that run at the same time in a process; "
            "others wait."
        },
    )
    recheck_seconds: float = field(
        default=5.0,
        metadata={"doc": "After this time a selected mailbox is looked at even if no change was announced."},
    )
    fetch_rows: int = field(
        default=1000,
        metadata={"doc": "Messages that FETCH reads from the store at a time."},
    )
