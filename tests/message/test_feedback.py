"""Feedback reports."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.errors import InvalidValue
from pymailcore.message.feedback import Feedback, feedback_report, read_feedback_report
from pymailcore.message.headers import EmailAddress
from pymailcore.message.parse import parse

DATE = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


def written(feedback: Feedback) -> bytes:
    return feedback_report(
        to="abuse@example.com",
        from_=EmailAddress(None, "fbl@example.org"),
        subject="FW: Earn money",
        text="This is an abuse report.",
        feedback=feedback,
        original=b"From: <s@example.net>\r\nSubject: Earn money\r\n\r\nSpam\r\n",
        date=DATE,
        message_id="f1@example.org",
        boundary="=_b",
    )


FEEDBACK = st.builds(
    Feedback,
    feedback_type=st.sampled_from(["abuse", "fraud", "virus", "other", "not-spam"]),
    user_agent=st.just("pymailcore/1 (x)"),
    original_envelope_id=st.sampled_from([None, "e1"]),
    original_mail_from=st.sampled_from([None, "", "s@example.net"]),
    original_rcpt_to=st.sampled_from([(), ("u@example.org",), ("u@example.org", "v@example.org")]),
    arrival=st.sampled_from([None, DATE]),
    reporting_mta=st.sampled_from([None, "mx.example.org"]),
    source_ip=st.sampled_from([None, "192.0.2.1", "2001:db8::1"]),
    incidents=st.sampled_from([None, 0, 12]),
    authentication_results=st.sampled_from([(), ("mx.example.org; spf=fail smtp.mailfrom=s@example.net",)]),
    reported_domains=st.sampled_from([(), ("example.net", "b.example")]),
    reported_uris=st.sampled_from([(), ("http://example.net/earn?x=(1)",)]),
    extensions=st.sampled_from([{}, {"x-more": "words"}]),
)


@given(FEEDBACK)
def test_what_we_write_we_read_back(feedback: Feedback) -> None:
    """RFC 5965, whose text was not at hand: the names of its fields."""
    octets = written(feedback)
    root = parse(octets).root
    assert [part.mime_type for part in root.children] == [
        "text/plain",
        "message/feedback-report",
        "message/rfc822",
    ]
    assert root.parameters["report-type"] == "feedback-report"
    read = read_feedback_report(octets, root)
    assert read is not None
    assert read[0] == feedback
    assert read[1] == b"From: <s@example.net>\r\nSubject: Earn money\r\n\r\n"


def test_reports_of_others_are_read() -> None:
    """Empty lines between fields, Received-Date, values that are none."""
    octets = (
        b"Content-Type: message/feedback-report\r\n\r\n"
        b"Feedback-Type: Abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n\r\n"
        b"Received-Date: Thu, 2 Jan 2020 03:04:05 +0000\r\nIncidents: many\r\n"
    )
    read = read_feedback_report(octets, parse(octets).root)
    assert read is not None
    assert (read[0].feedback_type, read[0].arrival, read[0].incidents, read[1]) == ("abuse", DATE, None, b"")
    for other in (b"", b"Content-Type: message/feedback-report\r\n\r\nVersion: 1\r\n"):
        assert read_feedback_report(other, parse(other).root) is None


def test_what_cannot_stand_in_a_field_is_refused() -> None:
    for feedback in (
        Feedback(feedback_type="a\r\nb", user_agent="x"),
        Feedback(feedback_type="abuse", user_agent="x", extensions={"a b": "c"}),
        Feedback(feedback_type="abuse", user_agent="x", extensions={"Version": "2"}),
    ):
        with pytest.raises(InvalidValue):
            written(feedback)
    assert b"\r\nX: y" not in written(Feedback(feedback_type="abuse", user_agent="a\r\nX: y"))
