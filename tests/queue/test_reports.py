"""reports: what a sender is told."""

import pytest
from tests.support.deliveries import MESSAGE
from tests.support.directories import START_MS, address

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.queue.reports import recipient_status, report
from pymailcore.queue.types import Bounce, Failure, Message


@pytest.mark.parametrize(
    ("reply", "status", "host", "diagnostic"),
    [
        ("mx.b.example: 550 5.1.1 no such user", "5.1.1", "mx.b.example", "550 5.1.1 no such user"),
        ("mx.b.example: 550 no code", "5.0.0", "mx.b.example", "550 no code"),
        ("5.1.2 there is no domain b.example", "5.1.2", None, "5.1.2 there is no domain b.example"),
        ("4.4.7 gave up; last: mx: 450 4.2.1 x", "4.4.7", None, "4.4.7 gave up; last: mx: 450 4.2.1 x"),
        ("mx: 554 from 15.1.1.9 refused", "5.0.0", "mx", "554 from 15.1.1.9 refused"),
        ("", "5.0.0", None, ""),
        ("mx: 550 2.0.0 fine", "5.0.0", "mx", "550 2.0.0 fine"),
        ("mx: 550 see 4.7.1 or 5.7.1", "5.7.1", "mx", "550 see 4.7.1 or 5.7.1"),
        ("mx: 550 see 4.7.1", "5.0.0", "mx", "550 see 4.7.1"),
        ("4.4.1 no host could be reached", "4.4.1", None, "4.4.1 no host could be reached"),
        ("mx: 451 later", "4.0.0", "mx", "451 later"),
    ],
)
def test_a_reply_is_read(reply: str, status: str, host: str | None, diagnostic: str) -> None:
    """RFC 3464 sections 2.3.4 to 2.3.6."""
    read = recipient_status(Failure("x@b.example", 1, reply))
    assert (read.status, read.remote_mta, read.diagnostic) == (status, host, diagnostic)


def test_a_report_names_every_failed_recipient() -> None:
    """RFC 3464 section 2.1."""
    message = Message(7, DEFAULT_TENANT, address("ann@a.example"), 1, b"", False, False, START_MS)
    failures = (
        Failure("x@b.example", 1, "mx: 550 5.1.1 no x"),
        Failure("y@b.example", 1, "mx: 550 5.7.1 no y"),
    )
    octets = report(Bounce(message, failures, 0), MESSAGE, hostname="mx.a.example", number=9, now_ms=START_MS)
    assert b"To: ann@a.example\r\n" in octets or b"To: <ann@a.example>\r\n" in octets
    for line in (
        b"Reporting-MTA: dns; mx.a.example",
        b"Final-Recipient: rfc822; x@b.example",
        b"Status: 5.1.1",
        b"Final-Recipient: rfc822; y@b.example",
        b"Status: 5.7.1",
        b"Auto-Submitted: auto-replied",
        b"Subject: hi",
    ):
        assert line + b"\r\n" in octets
