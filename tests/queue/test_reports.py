"""reports: what a sender is told."""

import pytest
from tests.support.deliveries import MESSAGE
from tests.support.directories import START_MS, address

from pymailcore.base.envelope import Terms
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.queue.reports import recipient_status, report
from pymailcore.queue.types import Bounce, Failure, Message
from pymailcore.smtp.protocol.outgoing import NEEDS_REQUIRETLS


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
    octets = report(
        Bounce(message, failures, 0),
        MESSAGE,
        hostname="mx.a.example",
        number=9,
        now_ms=START_MS,
        max_returned_octets=1_000,
    )
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


def about(
    *failures: Failure,
    terms: Terms | None = None,
    hours: float = 0.0,
    original: bytes = MESSAGE,
    most: int = 65_536,
) -> bytes:
    message = Message(
        7, DEFAULT_TENANT, address("ann@a.example"), 1, b"", False, False, START_MS, terms=terms or Terms()
    )
    bounce = Bounce(message, failures, 0)
    return report(
        bounce,
        original,
        hostname="mx.a.example",
        number=9,
        now_ms=START_MS + HOUR,
        give_up_hours=hours,
        max_returned_octets=most,
    )


HOUR = 3_600_000
NO = Failure("x@b.example", 1, "mx: 550 5.1.1 no x", "failed", "rfc822;Old@b.example")


def test_a_report_says_what_the_sender_named_it_by() -> None:
    """RFC 3461 section 6.3; RFC 3464 sections 2.2.1 and 2.3.1."""
    octets = about(NO, terms=Terms(envid="QQ 1"))
    assert b"\r\nOriginal-Envelope-Id: QQ 1\r\n" in octets
    assert (
        b"\r\nOriginal-Recipient: rfc822;Old@b.example\r\nFinal-Recipient: rfc822; x@b.example\r\n" in octets
    )


@pytest.mark.parametrize(
    ("terms", "action", "whole"),
    [
        (Terms(), "failed", True),
        (Terms(ret="FULL"), "failed", True),
        (Terms(ret="HDRS"), "failed", False),
        (Terms(ret="FULL", require_tls=True), "failed", False),
        (Terms(ret="FULL"), "relayed", False),
    ],
)
def test_the_message_comes_back_where_it_may(terms: Terms, action: str, whole: bool) -> None:
    """RFC 3461 section 4.3; RFC 8689 section 5."""
    octets = about(NO._replace(action=action), terms=terms)
    assert (b"\r\n\r\ntext\r\n" in octets) is whole
    assert (b"text/rfc822-headers" in octets) is not whole
    assert b"\r\nSubject: hi\r\n" in octets


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Failure("x@b.example", 1, "mx: 250 2.0.0 ok", "relayed"), "2.1.9"),
        (Failure("x@b.example", 1, "2.1.5 delivered here", "delivered"), "2.1.5"),
        (Failure("x@b.example", 1, "2.1.5 expanded", "expanded"), "2.1.5"),
        (Failure("x@b.example", 3, "mx: 450 4.2.1 busy", "delayed"), "4.2.1"),
        (Failure("x@b.example", 3, "the connection was lost", "delayed"), "4.4.0"),
    ],
)
def test_each_action_has_a_status_of_its_class(failure: Failure, status: str) -> None:
    """RFC 3464 sections 2.3.3 and 2.3.4."""
    octets = about(failure, hours=120)
    assert b"\r\nAction: %s\r\nStatus: %s\r\n" % (failure.action.encode(), status.encode()) in octets
    assert (b"\r\nWill-Retry-Until: " in octets) is (failure.action == "delayed")


@pytest.mark.parametrize("most", [len(MESSAGE) - 1, len(MESSAGE), len(MESSAGE) + 1, 0])
def test_a_large_message_comes_back_as_its_header(most: int) -> None:
    """RFC 3461 section 6.2."""
    octets = about(NO, terms=Terms(ret="FULL"), most=most)
    assert (b"\r\n\r\ntext\r\n" in octets) is (most >= len(MESSAGE))
    assert (b"text/rfc822-headers" in octets) is (most < len(MESSAGE))
    assert b"\r\nSubject: hi\r\n" in octets


@pytest.mark.parametrize(
    ("reply", "diagnostic"),
    [
        ("mx: 550 5.1.1 no x", b"Diagnostic-Code: smtp; 550 5.1.1 no x"),
        ("5.1.2 there is no domain", b"Diagnostic-Code: X-pymailcore; 5.1.2 there is no domain"),
        ("mx: 5.7.10 no TLS", b"Diagnostic-Code: X-pymailcore; 5.7.10 no TLS"),
        (f"mx: {NEEDS_REQUIRETLS}", b"Diagnostic-Code: X-pymailcore; 5.7.30 The next host does not"),
    ],
)
def test_our_own_words_are_no_reply_of_smtp(reply: str, diagnostic: bytes) -> None:
    """RFC 3461 section 6.3 (i), RFC 3464 section 2.3.6."""
    octets = about(Failure("x@b.example", 1, reply))
    assert b"\r\n" + diagnostic in octets
    assert (b"\r\nRemote-MTA: dns; mx\r\n" in octets) is reply.startswith("mx")


def test_a_report_of_what_may_go_in_clear_may_too() -> None:
    """RFC 8689 section 6."""
    header = about(NO, original=b"TLS-Required: no\r\n" + MESSAGE).partition(b"\r\n\r\n")[0]
    assert header.endswith(b"TLS-Required: No") or b"\r\nTLS-Required: No\r\n" in header
    assert b"TLS-Required" not in about(NO).partition(b"\r\n\r\n")[0]
