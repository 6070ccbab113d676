"""The extensions that a listener has, and how they are announced.

Standards: RFC 5321 section 4.1.1.1 and the standards of the extensions, each named where its keyword is made.

What is announced works: an extension whose wishes nobody could keep is left off by who makes the options.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MAX_HOLD_SECONDS: Final = 999_999_999
"""The longest time that HOLDFOR can say (RFC 4865 section 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """The extensions that can be left off; those that never are not in here.

    Attributes:
        chunking: BDAT is served.
        binarymime: BODY=BINARYMIME is taken; needs `chunking`.
        dsn: the wishes of RFC 3461 are kept with the message.
        requiretls: REQUIRETLS is kept; announced inside TLS only.
        max_hold_seconds: how far ahead a message can be released; 0 for no FUTURERELEASE.
        deliverby: a time to deliver by is kept.
        priority: MT-PRIORITY is kept.
        limits: LIMITS tells the limits of a session.
        no_soliciting: keywords of mail that is not wanted, separated by commas; None for no NO-SOLICITING.
    """

    chunking: bool = False
    binarymime: bool = False
    dsn: bool = False
    requiretls: bool = False
    max_hold_seconds: int = 0
    deliverby: bool = False
    priority: bool = False
    limits: bool = False
    no_soliciting: str | None = None


NO_EXTENSIONS: Final = Extensions()


def keywords(extensions: Extensions, *, encrypted: bool, now_ms: int) -> list[str]:
    """Give the lines of the answer to EHLO for what is offered."""
    offered = [
        (extensions.chunking, "CHUNKING"),  # RFC 3030 section 2
        (extensions.chunking and extensions.binarymime, "BINARYMIME"),  # RFC 3030 section 3
        (extensions.dsn, "DSN"),  # RFC 3461 section 4
        (extensions.requiretls and encrypted, "REQUIRETLS"),  # RFC 8689 section 2
        (extensions.deliverby, "DELIVERBY"),  # RFC 2852 section 4
        (extensions.priority, "MT-PRIORITY"),  # RFC 6710 section 4.1
    ]
    lines = [keyword for offer, keyword in offered if offer]
    if extensions.max_hold_seconds:
        lines.append(_future_release(extensions.max_hold_seconds, now_ms))
    if extensions.no_soliciting is not None:  # RFC 3865 section 2.2
        lines.append(f"NO-SOLICITING {extensions.no_soliciting}".rstrip())
    return lines


def limits(*, max_recipients: int, max_transactions: int) -> str:
    """Give the LIMITS line (RFC 9422 section 4)."""
    mails = f" MAILMAX={max_transactions}" if max_transactions else ""
    return f"LIMITS{mails} RCPTMAX={max_recipients}"


def _future_release(max_hold_seconds: int, now_ms: int) -> str:
    """RFC 4865 section 3: how long, and until when, mail can be held."""
    seconds = min(max_hold_seconds, MAX_HOLD_SECONDS)
    latest = datetime.fromtimestamp(now_ms // 1000 + seconds, UTC)
    return f"FUTURERELEASE {seconds} {latest:%Y-%m-%dT%H:%M:%SZ}"
