"""Completion of submitted messages."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.errors import InvalidValue
from pymailcore.message.complete import complete_headers, field_values, has_field, header_addresses
from pymailcore.message.headers import EmailAddress
from pymailcore.message.limits import MAX_FIELD_OCTETS, MAX_FIELDS, MAX_STRUCTURED_OCTETS
from pymailcore.message.slices import MAX_CALL

DATE = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


def complete(octets: bytes, sender: str | None = None) -> bytes:
    return complete_headers(octets, date=DATE, message_id="1@example.org", sender=sender)


def test_what_is_missing_is_added() -> None:
    """RFC 6409 section 8."""
    assert complete(b"From: a@b\r\n\r\nx") == (
        b"Date: Thu, 02 Jan 2020 03:04:05 +0000\r\nMessage-ID: <1@example.org>\r\nFrom: a@b\r\n\r\nx"
    )
    assert complete(b"\r\nx").endswith(b"org>\r\n\r\nx")


def test_what_is_there_stays() -> None:
    octets = b"date: x\r\nMESSAGE-id: y\r\nSender: z\r\n\r\nBcc: body\r\n"
    assert complete(octets, "s@t") is octets


def test_bcc_and_return_path_are_removed() -> None:
    """RFC 5322 section 3.6.3; RFC 5321 section 4.4."""
    octets = (
        b"Date: x\r\nBcc: a@b,\r\n c@d\r\nMessage-ID: y\r\nbcc:e@f\r\nResent-BCC : g@h\r\n"
        b"Return-Path: <x>\r\n"
        b"X-Bcc: stays\r\n\r\nBcc: stays\r\n"
    )
    assert complete(octets) == b"Date: x\r\nMessage-ID: y\r\nX-Bcc: stays\r\n\r\nBcc: stays\r\n"


def test_no_bcc_hides_behind_the_limits_of_reading() -> None:
    octets = b"A: 1\r\n" * (MAX_FIELDS + 1) + b"Bcc: a@b\r\nBcc: " + b"x" * MAX_FIELD_OCTETS + b"\r\n\r\n"
    assert b"Bcc" not in complete(octets)


def test_a_sender_is_added_on_request() -> None:
    assert b"Sender: s@t\r\n" in complete(b"From: a@b\r\n\r\n", "s@t")
    with pytest.raises(InvalidValue):
        complete(b"\r\n", "s@t\r\nx")


def test_all_addresses_of_all_fields_are_found() -> None:
    """RFC 5322 section 3.6.2; several From fields are one known way to deceive."""
    octets = b"From: A <a@b>, c@d\r\nfrom : g: e@f;\r\nX: y\r\n\r\nFrom: h@i\r\n"
    assert header_addresses(octets, "From") == [
        EmailAddress("A", "a@b"),
        EmailAddress(None, "c@d"),
        EmailAddress(None, "e@f"),
    ]
    assert header_addresses(octets, "Sender") == []
    many = b"From: " + b"a@b," * 10_001 + b"c@d\r\n\r\n"
    assert header_addresses(many, "From")[-1].email == "c@d"


@pytest.mark.parametrize(("over", "refused"), [(-1, False), (0, False), (1, True)])
def test_a_field_too_long_to_be_read_fails_each_check(over: int, refused: bool) -> None:
    """RFC 6409 section 6.1: who has said nothing that can be read has not said who he is."""
    value = b"a@b (" + b"x" * (MAX_STRUCTURED_OCTETS - 7 + over) + b")"
    assert len(value) + 1 == MAX_STRUCTURED_OCTETS + over  # the line end has one CR
    found = header_addresses(b"From:" + value + b"\r\n\r\n", "From")
    assert [address.email for address in found] == ["a@b", ""][: 1 + refused]


def test_each_field_of_a_long_header_is_found() -> None:
    fill = b"X: " + b"y" * 70 + b"\r\n"
    header = (fill * (MAX_CALL // len(fill)) + b"Bcc: a@b\r\n c@d\r\nFrom: e@f\r\n") * 3
    octets = header + b"\r\nBcc: stays\r\n"
    assert field_values(octets, "bcc") == [b" a@b\r\n c@d\r"] * 3
    kept = header.replace(b"Bcc: a@b\r\n c@d\r\n", b"")
    assert complete(octets).endswith(kept + b"\r\nBcc: stays\r\n")


def test_fields_are_found_in_their_order() -> None:
    assert field_values(b"A: 1\r\na: 2\r\n x\r\nAB: 3\r\n\r\n", "A") == [b" 1\r", b" 2\r\n x\r"]
    assert has_field(b"A:\r\n\r\n", "a")
    assert not has_field(b"B:\r\n\r\nA: 1", "a")


@given(st.binary(max_size=200))
def test_any_octets_can_be_completed(octets: bytes) -> None:
    result = complete(octets)
    assert complete(result) == result
    assert not has_field(result, "Bcc")
    header_addresses(octets, "From")
