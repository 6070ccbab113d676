"""The machine-readable parts of reports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.parse import parse
from pymailcore.message.reports import bare_header, first, read_groups, read_report, typed

REPORT = (
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    b"--b\r\n\r\nwords\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\nA: 1\r\n\r\nB: 2\r\nB: 3\r\n\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody\r\n--b--\r\n"
)


def test_the_report_and_what_it_returned_are_found() -> None:
    """RFC 6522 section 3."""
    report = read_report(REPORT, parse(REPORT).root, ("delivery-status",))
    assert report is not None
    assert report.groups == ({"a": ["1"]}, {"b": ["2", "3"]})
    assert bare_header(REPORT, report.returned) == b"Subject: x\r\n\r\n"
    assert read_report(REPORT, parse(REPORT).root, ("feedback-report",)) is None


def test_a_report_inside_of_a_message_is_not_this_ones() -> None:
    octets = b"Content-Type: message/rfc822\r\n\r\n" + REPORT
    assert read_report(octets, parse(octets).root, ("delivery-status",)) is None
    only = REPORT.replace(b"message/rfc822", b"text/x-other")
    report = read_report(only, parse(only).root, ("delivery-status",))
    assert report is not None
    assert report.returned is None
    assert bare_header(only, None) == b""


def test_groups_are_apart_by_empty_lines() -> None:
    """RFC 3464 section 2.1."""
    assert read_groups(b"") == ()
    assert read_groups(b"\r\n\r\nA: 1\n\n\n\nB: 2\r\n folded\n") == ({"a": ["1"]}, {"b": ["2 folded"]})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, None),
        ("rfc822; user@example.com", ("rfc822", "user@example.com")),
        ("RFC822;<user@example.com>", ("rfc822", "user@example.com")),
        ("user@example.com", ("rfc822", "user@example.com")),
        (r"utf-8; \x{E9}\x{1F600}@x", ("utf-8", "é\U0001f600@x")),
        (r"utf-8; \x{D800}\x{0A}\x{110000}@x", ("utf-8", r"\x{D800}\x{0A}\x{110000}@x")),
        ("dns; mx.example.com", ("dns", "mx.example.com")),
        ("smtp; 550 5.1.1 <a@b>: no", ("smtp", "550 5.1.1 <a@b>: no")),
    ],
)
def test_typed_values_are_cut_and_decoded(text: str | None, value: object) -> None:
    """RFC 3464 section 2.1.2; RFC 6533 section 3."""
    assert typed(text) == value


def test_comments_are_no_values() -> None:
    assert first({"a": ["5.1.1 (bad mailbox)"]}, "a") == "5.1.1"
    assert first({"a": ["(nothing)"]}, "a") is None
    assert first({}, "a") is None


@given(st.binary(max_size=200))
def test_no_octets_raise(octets: bytes) -> None:
    read_groups(octets)
    read_report(octets, parse(octets).root, ("delivery-status",))
