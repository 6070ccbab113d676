"""Trace fields."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.headers import split_fields
from pymailcore.message.trace import canonical, count_received, received_field, return_path_field

DATE = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_received_has_all_its_clauses() -> None:
    """RFC 5321 section 4.4."""
    assert received_field(
        hello="mail.example.com",
        peer="192.0.2.1",
        peer_name="mail.example.com",
        by="mx.example.org",
        with_protocol="ESMTPS",
        id="abc",
        recipient="user@example.org",
        tls="TLSv1.3 with cipher TLS_AES_256_GCM_SHA384",
        via="TCP",
        date=DATE,
    ) == (
        b"Received: from mail.example.com (mail.example.com [192.0.2.1])\r\n"
        b"\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\r\n"
        b"\tby mx.example.org via TCP with ESMTPS id abc\r\n"
        b"\tfor <user@example.org>;\r\n"
        b"\tThu, 02 Jan 2020 03:04:05 +0000\r\n"
    )


def test_received_in_short() -> None:
    """RFC 5321 section 4.1.3: an IPv6 address carries its tag."""
    assert received_field(hello="", peer="2001:db8::1", by="m", with_protocol="SMTP", id="1", date=DATE) == (
        b"Received: from unknown ([IPv6:2001:db8::1])\r\n\tby m with SMTP id 1;\r\n"
        b"\tThu, 02 Jan 2020 03:04:05 +0000\r\n"
    )


@given(st.text(max_size=600), st.text(max_size=600))
def test_what_a_peer_says_cannot_leave_its_place(hello: str, recipient: str) -> None:
    field = received_field(
        hello=hello,
        peer="192.0.2.1",
        by="m",
        with_protocol="SMTP",
        id="1",
        date=DATE,
        recipient=recipient,
        tls=hello,
    )
    assert len(split_fields(field)) == 1
    assert field.count(b"\r\n\t") + 1 == field.count(b"\n")
    assert all(len(line) <= 998 * 4 for line in field.split(b"\r\n"))
    assert b"\r\n" not in return_path_field(recipient)[:-2]


def test_return_path() -> None:
    """RFC 5321 section 4.4."""
    assert return_path_field(None) == b"Return-Path: <>\r\n"
    assert return_path_field("a@b") == b"Return-Path: <a@b>\r\n"
    assert return_path_field("a>\r\nb") == b"Return-Path: <a???b>\r\n"


def test_received_fields_of_the_header_are_counted() -> None:
    """RFC 5321 section 6.3."""
    octets = b"Received: a\r\n\tx\r\nRECEIVED : b\nX-Received: c\r\n Received: d\r\n\r\nReceived: e\r\n"
    assert count_received(octets) == 2
    assert count_received(b"") == 0


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", b""),
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\nb\rc\r\nd", b"a\r\nb\r\nc\r\nd"),
        (b"\r\r\n\n", b"\r\n\r\n\r\n"),
    ],
)
def test_line_ends_become_crlf(octets: bytes, expected: bytes) -> None:
    """RFC 5321 section 2.3.8."""
    assert canonical(octets) == expected


@given(st.lists(st.sampled_from([b"\r", b"\n", b"a"])).map(b"".join))
def test_canonical_is_idempotent_and_leaves_no_lone_end(octets: bytes) -> None:
    result = canonical(octets)
    assert canonical(result) is result
    assert result.count(b"\r") == result.count(b"\n") == result.count(b"\r\n")


@pytest.mark.parametrize("place", [262_142, 262_143, 262_144, 262_145])
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\n\r", b"\r\r\n"])
def test_line_ends_on_the_border_of_two_slices_are_one(place: int, end: bytes) -> None:
    """RFC 5321 section 2.3.8."""
    octets = b"x" * place + end + b"y" * 300_000 + b"\r\n"
    expected = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    assert canonical(octets) == expected
    assert canonical(expected) is expected
