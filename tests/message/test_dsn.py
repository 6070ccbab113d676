"""Delivery status notifications."""

from datetime import UTC, datetime

import pytest

from pymailcore.base.errors import InvalidValue
from pymailcore.message.dsn import MAX_RETURNED_HEADER_OCTETS, RecipientStatus, delivery_report
from pymailcore.message.headers import split_fields
from pymailcore.message.parse import parse
from pymailcore.message.structure import Part

ORIGINAL = b"From: a@example.org\r\nSubject: x\r\n\r\nbody\r\n"
FAILED = RecipientStatus(
    final_recipient="user@example.com",
    action="failed",
    status="5.1.1",
    original_recipient="rfc822;u@example.com",
    remote_mta="mx.example.com",
    diagnostic="550 5.1.1 no such\r\n user",
    last_attempt=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
)


def report(
    *recipients: RecipientStatus,
    original: bytes = ORIGINAL,
    to: str = "a@example.org",
    return_whole: bool = True,
) -> tuple[bytes, Part]:
    octets = delivery_report(
        to=to,
        postmaster="postmaster@mx.example.org",
        reporting_mta="mx.example.org",
        recipients=recipients,
        original=original,
        date=datetime(2020, 1, 3, tzinfo=UTC),
        message_id="dsn-1@mx.example.org",
        boundary="=_dsn",
        arrival=datetime(2020, 1, 1, tzinfo=UTC),
        envelope_id="E1",
        return_whole=return_whole,
    )
    return octets, parse(octets).root


def body(octets: bytes, part: Part) -> bytes:
    return octets[part.body_start : part.body_end]


def test_a_failure_is_reported() -> None:
    """RFC 3464 section 2; RFC 6522 section 3."""
    octets, root = report(FAILED)
    assert root.mime_type == "multipart/report"
    assert root.parameters["report-type"] == "delivery-status"
    assert [part.mime_type for part in root.children] == [
        "text/plain",
        "message/delivery-status",
        "message/rfc822",
    ]
    fields = dict(split_fields(octets[: root.body_start]))
    assert fields["Auto-Submitted"] == b" auto-replied"
    assert fields["To"] == b" a@example.org"
    assert fields["Subject"] == b" Undelivered mail returned to sender"
    assert body(octets, root.children[1]) == (
        b"Original-Envelope-Id: E1\r\n"
        b"Reporting-MTA: dns; mx.example.org\r\n"
        b"Arrival-Date: Wed, 01 Jan 2020 00:00:00 +0000\r\n"
        b"\r\n"
        b"Original-Recipient: rfc822;u@example.com\r\n"
        b"Final-Recipient: rfc822; user@example.com\r\n"
        b"Action: failed\r\n"
        b"Status: 5.1.1\r\n"
        b"Remote-MTA: dns; mx.example.com\r\n"
        b"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
        b"Last-Attempt-Date: Thu, 02 Jan 2020 03:04:05 +0000\r\n"
    )
    assert body(octets, root.children[2]) == ORIGINAL
    assert b"mx.example.com said: 550 5.1.1 no such user" in body(octets, root.children[0])


def test_a_delay_says_how_long_it_will_be_retried() -> None:
    """RFC 3464 section 2.3.9."""
    delayed = RecipientStatus(
        final_recipient="u@example.com",
        action="delayed",
        status="4.4.1",
        diagnostic="no answer",
        will_retry_until=datetime(2020, 1, 6, tzinfo=UTC),
    )
    octets, root = report(delayed, FAILED)
    assert b"Will-Retry-Until: Mon, 06 Jan 2020 00:00:00 +0000\r\n" in body(octets, root.children[1])
    assert b"retried until" in body(octets, root.children[0])
    assert body(octets, root.children[1]).count(b"Final-Recipient") == 2
    assert b"Subject: Delayed mail" in octets


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_other_actions_have_their_subject(action: str) -> None:
    """RFC 3464 section 2.3.3."""
    octets, _ = report(RecipientStatus(final_recipient="u@example.com", action=action, status="2.0.0"))
    assert f"Subject: Mail {action}".encode() in octets


def test_the_message_comes_back_octet_for_octet() -> None:
    """RFC 6522 section 3."""
    original = ORIGINAL + b"x" * 100_000
    octets, root = report(FAILED, original=original)
    returned = root.children[2]
    assert (returned.mime_type, body(octets, returned)) == ("message/rfc822", original)


def test_ret_hdrs_returns_the_header_only() -> None:
    """RFC 3461 section 4.3."""
    octets, root = report(FAILED, return_whole=False)
    assert body(octets, root.children[2]) == ORIGINAL[:-6]
    _, root = report(FAILED, original=b"A: " + b"x" * 2 * MAX_RETURNED_HEADER_OCTETS, return_whole=False)
    assert root.children[2].size == MAX_RETURNED_HEADER_OCTETS


def test_an_address_beyond_ascii_makes_the_report_global() -> None:
    """RFC 6533 section 3."""
    octets, root = report(RecipientStatus(final_recipient="é@example.com", action="failed", status="5.1.1"))
    assert root.children[1].mime_type == "message/global-delivery-status"
    assert "Final-Recipient: utf-8; é@example.com".encode() in octets


def test_replies_cannot_add_lines() -> None:
    evil = RecipientStatus(
        final_recipient="u@example.com\r\nAction: delivered",
        action="failed",
        status="5.0.0",
        diagnostic="x\r\n\r\n--=_dsn\r\nevil" + "y" * 5000,
        remote_mta="a\nb",
    )
    octets, root = report(evil)
    assert len(root.children) == 3
    assert max(len(line) for line in octets.split(b"\r\n")) <= 998
    assert body(octets, root.children[1]).count(b"\r\nAction:") == 1


def test_what_is_not_known_is_left_out() -> None:
    octets = delivery_report(
        to="a@example.org",
        postmaster="p@example.org",
        reporting_mta="mx.example.org",
        recipients=[RecipientStatus(final_recipient="u@example.com", action="failed", status="5.0.0")],
        original=ORIGINAL,
        date=datetime(2020, 1, 3, tzinfo=UTC),
        message_id="d@x",
        boundary="=_dsn",
    )
    assert parse(octets).root.children[2].mime_type == "message/rfc822"
    assert body(octets, parse(octets).root.children[1]) == (
        b"Reporting-MTA: dns; mx.example.org\r\n\r\n"
        b"Final-Recipient: rfc822; u@example.com\r\nAction: failed\r\nStatus: 5.0.0\r\n"
    )


def test_a_reverse_path_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidValue):
        report(FAILED, to="a@b\r\nBcc: c@d")
