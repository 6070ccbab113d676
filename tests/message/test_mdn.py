"""Disposition notifications."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.errors import InvalidValue
from pymailcore.message.headers import EmailAddress
from pymailcore.message.mdn import (
    Disposition,
    disposition_notification,
    parse_disposition,
    read_disposition_notification,
)
from pymailcore.message.parse import parse

DATE = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


def written(disposition: Disposition, recipient: str = "joe@example.com") -> bytes:
    return disposition_notification(
        to="jane@example.com",
        from_=EmailAddress("Joe", "joe@example.com"),
        final_recipient=recipient,
        disposition=disposition,
        subject="Disposition notification",
        text="The message was displayed.",
        date=DATE,
        message_id="n1@example.com",
        boundary="=_b",
        reporting_ua="joes-pc.example.com; Foomail 97.1",
        original_recipient="rfc822;joe@example.com",
        original_message_id="199509192301.23456@example.org",
        errors=("could not do all of it",),
        original=b"Subject: asked\r\n\r\nbody",
    )


@given(
    st.builds(
        Disposition,
        type=st.sampled_from(["displayed", "deleted", "dispatched", "processed"]),
        automatic_action=st.booleans(),
        sent_automatically=st.booleans(),
        modifiers=st.sampled_from([(), ("error",), ("error", "x-two")]),
    ),
    st.sampled_from(["joe@example.com", "jürgen@example.com"]),
)
def test_what_we_write_we_read_back(disposition: Disposition, recipient: str) -> None:
    """RFC 8098 section 3.2."""
    octets = written(disposition, recipient)
    root = parse(octets).root
    assert root.mime_type == "multipart/report"
    assert root.parameters["report-type"] == "disposition-notification"
    read = read_disposition_notification(octets, root)
    assert read is not None
    assert read.disposition == disposition
    assert read.final_recipient == recipient
    assert read.reporting_ua == "joes-pc.example.com; Foomail 97.1"
    assert read.original_recipient == "rfc822;joe@example.com"
    assert read.original_message_id == "199509192301.23456@example.org"
    assert read.errors == ("could not do all of it",)
    assert read.header == b"Subject: asked\r\n\r\n"


def test_an_address_beyond_ascii_makes_it_global() -> None:
    """RFC 6533 section 5."""
    assert b"message/global-disposition-notification" in written(Disposition(type="displayed"), "é@x")
    assert b"message/disposition-notification" in written(Disposition(type="displayed"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("manual-action/MDN-sent-manually; displayed", Disposition(type="displayed")),
        ("Manual-Action / mdn-sent-manually ;DISPLAYED", Disposition(type="displayed")),
        (
            "automatic-action/MDN-sent-automatically; processed/Error, other",
            Disposition(
                type="processed", automatic_action=True, sent_automatically=True, modifiers=("error", "other")
            ),
        ),
        ("displayed", None),
        ("", None),
        ("manual-action; displayed", None),
    ],
)
def test_dispositions_of_others_are_read(text: str, expected: Disposition | None) -> None:
    """RFC 8098 section 3.2.6: in any case."""
    assert parse_disposition(text) == expected


def test_what_is_no_notification_is_none() -> None:
    for octets in (
        b"",
        b"Content-Type: message/disposition-notification\r\n\r\n",
        b"Content-Type: message/disposition-notification\r\n\r\nDisposition: x\r\n",
    ):
        assert read_disposition_notification(octets, parse(octets).root) is None


def test_what_is_no_disposition_is_refused() -> None:
    with pytest.raises(InvalidValue):
        written(Disposition(type="eaten"))
    octets = written(Disposition(type="displayed"), "joe@x\r\nBcc: a@b")
    assert b"Bcc: a@b\r\n" not in octets
