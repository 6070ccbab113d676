"""Reports read: our own come back, those of others are understood."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.dsn import RecipientStatus, delivery_report
from pymailcore.message.dsn_reading import DeliveryReport, read_delivery_report
from pymailcore.message.parse import parse

DATE = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
ORIGINAL = b"From: a@example.com\r\nSubject: hi\r\n\r\nbody\r\n"


def written(
    recipients: list[RecipientStatus], *, whole: bool = True, envelope_id: str | None = "e1"
) -> bytes:
    return delivery_report(
        to="a@example.com",
        postmaster="postmaster@mx.example.org",
        reporting_mta="mx.example.org",
        recipients=recipients,
        original=ORIGINAL,
        date=DATE,
        message_id="r1@mx.example.org",
        boundary="=_b",
        arrival=DATE,
        envelope_id=envelope_id,
        return_whole=whole,
    )


def read(octets: bytes) -> DeliveryReport | None:
    return read_delivery_report(octets, parse(octets).root)


WORDS = (
    st.text("ab1.<>(); é\\", min_size=1, max_size=30).map(lambda text: " ".join(text.split())).filter(bool)
)
STATUSES = st.builds(
    RecipientStatus,
    final_recipient=st.sampled_from(["b@example.org", "é@example.org", "x.y+z@a.example"]),
    action=st.sampled_from(["failed", "delayed", "delivered", "relayed", "expanded"]),
    status=st.sampled_from(["5.1.1", "4.0.0", "2.1.5"]),
    original_recipient=st.sampled_from([None, "rfc822;b@example.org"]),
    remote_mta=st.sampled_from([None, "mx.other.example"]),
    diagnostic=st.sampled_from([None, "550 5.1.1 <b@example.org> (no such user); bye"]),
    last_attempt=st.sampled_from([None, DATE]),
    will_retry_until=st.sampled_from([None, DATE]),
)


@given(st.lists(STATUSES, min_size=1, max_size=4), st.booleans())
def test_what_we_write_we_read_back(recipients: list[RecipientStatus], whole: bool) -> None:
    """RFC 3464 section 2; RFC 6533 section 3 for the address beyond ASCII."""
    report = read(written(recipients, whole=whole))
    assert report is not None
    assert report.reporting_mta == "mx.example.org"
    assert (report.arrival, report.envelope_id, report.whole) == (DATE, "e1", whole)
    assert report.recipients == tuple(recipients)
    assert report.header == b"From: a@example.com\r\nSubject: hi\r\n\r\n"


def test_reports_of_others_are_read() -> None:
    """Postfix and Exchange write groups and types in their own ways."""
    octets = (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; mail.example.com\r\nX-Postfix-Queue-ID: 1\r\n"
        b"Arrival-Date: Thu,  2 Jan 2020 03:04:05 +0000 (UTC)\r\n\r\n"
        b"Final-Recipient: rfc822; u@x.example\r\nOriginal-Recipient: rfc822;u@x.example\r\n"
        b"Action: failed\r\nStatus: 5.1.1 (bad)\r\nRemote-MTA: dns; x.example\r\n"
        b"Diagnostic-Code: smtp; 550 5.1.1\r\n    <u@x.example>: unknown\r\n\r\n"
        b"Final-recipient: <v@x.example>\r\nAction: FAILED\r\nStatus: broken\r\n\r\n"
        b"Final-Recipient: rfc822; w@x.example\r\nAction: eaten\r\n\r\nAction: failed\r\n\r\n--b--\r\n"
    )
    report = read(octets)
    assert report is not None
    first, second = report.recipients
    assert (first.final_recipient, first.status) == ("u@x.example", "5.1.1")
    assert first.diagnostic == "550 5.1.1    <u@x.example>: unknown"
    assert (second.final_recipient, second.action, second.status) == ("v@x.example", "failed", "")
    assert (report.header, report.whole, report.arrival) == (b"", False, DATE)


def test_a_report_without_the_empty_line_is_read() -> None:
    octets = (
        b"Content-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; m.example\r\nFinal-Recipient: rfc822; u@x\r\n"
        b"Action: delayed\r\nStatus: 4.4.1\r\n"
    )
    report = read(octets)
    assert report is not None
    assert [status.action for status in report.recipients] == ["delayed"]
    assert read(b"Content-Type: message/delivery-status\r\n\r\n") is None
    assert read(b"Subject: x\r\n\r\nno report") is None
