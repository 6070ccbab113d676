"""Settings of the IMAP server."""

import re
from dataclasses import dataclass, field
from typing import Final

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")


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
        metadata={"doc": "Largest message that APPEND takes; clients are told (APPENDLIMIT)."},
    )
    failed_logins: int = field(
        default=3,
        metadata={"doc": "Failed logins after which a connection ends."},
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
    admin_uri: str = field(
        default="",
        metadata={
            "doc": "How to reach the administrator, as a URI (`mailto:`, `tel:`, `https:`), for IMAP's "
            "annotation `/shared/admin`; empty for mailto:postmaster@ and the domain of who asks."
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

    def __post_init__(self) -> None:
        """Refuse what is no URI (RFC 5464 section 6.2.2)."""
        if self.admin_uri and not _URI.fullmatch(self.admin_uri):
            raise ValueError("admin_uri: not a URI, such as mailto:admin@example.org")
