"""Header forms of JMAP."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.addresses import RawAddress
from pymailcore.message.headers import (
    EmailAddress,
    EmailAddressGroup,
    as_addresses,
    as_date,
    as_grouped_addresses,
    as_message_ids,
    as_raw,
    as_text,
    as_urls,
    decoded,
    split_fields,
)
from pymailcore.message.limits import MAX_FIELD_OCTETS, MAX_NORMALISED, MAX_STRUCTURED_OCTETS, MAX_WORDS


def test_the_raw_form_is_all_behind_the_colon() -> None:
    """RFC 8621 section 4.1.2.1."""
    assert split_fields(b"Subject:  a\r\n b\r\nX-Y:z\nlast: \xff\r\n\r\n") == [
        ("Subject", b"  a\r\n b"),
        ("X-Y", b"z"),
        ("last", b" \xff"),
    ]
    assert split_fields(b"A:" + b"x" * MAX_FIELD_OCTETS + b"\r\nB: c\r\n") == [("B", b" c")]


def test_the_text_form_is_unfolded_decoded_and_nfc() -> None:
    """RFC 8621 section 4.1.2.2."""
    assert as_text(b" =?utf-8?Q?e=CC=81?=\r\n =?utf-8?Q?x?= ") == "\u00e9x"
    assert as_text("e\u0301".encode()) == "\u00e9"
    assert as_text(b"=?utf-8?Q?a=00b?=") == "ab"
    long = "e\u0301" * MAX_NORMALISED
    assert as_text(long.encode()) == long


def test_the_example_of_addresses() -> None:
    """RFC 8621 sections 4.1.2.3 and 4.1.2.4."""
    raw = (
        b'"  James Smythe" <james@example.com>, Friends:\r\n  jane@example.com,'
        b" =?UTF-8?Q?John_Sm=C3=AEth?=\r\n"
        b"  <john@example.com>;"
    )
    james = EmailAddress("James Smythe", "james@example.com")
    jane = EmailAddress(None, "jane@example.com")
    john = EmailAddress("John Smîth", "john@example.com")
    assert as_addresses(raw) == [james, jane, john]
    assert as_grouped_addresses(raw) == [
        EmailAddressGroup(None, (james,)),
        EmailAddressGroup("Friends", (jane, john)),
    ]


def test_message_ids_come_without_brackets() -> None:
    """RFC 8621 section 4.1.2.5."""
    assert as_message_ids(b" <a@b> (c <x@y>)\r\n <c @d>") == ["a@b", "c@d"]
    assert as_message_ids(b" none <>") is None
    assert as_message_ids(b"<" * 1000) is None
    assert len(as_message_ids(b"<a@b>" * 10_001) or ()) == 10_000


def test_dates_keep_their_zone() -> None:
    """RFC 8621 section 4.1.2.6."""
    expected = datetime(2020, 1, 1, 10, tzinfo=timezone(timedelta(hours=2)))
    moment = as_date(b" Wed, 1 Jan 2020\r\n 10:00:00 +0200")
    assert moment == expected
    assert moment is not None
    assert moment.utcoffset() == timedelta(hours=2)
    assert as_date(b"x") is None


def test_urls_come_without_brackets() -> None:
    """RFC 8621 section 4.1.2.7; RFC 2369 section 2."""
    assert as_urls(b" <mailto:list@host.com?subject=help> (List),\r\n <http://x/\r\n y>") == [
        "mailto:list@host.com?subject=help",
        "http://x/y",
    ]
    assert as_urls(b" NO ") is None


@given(st.binary(max_size=120))
def test_no_form_raises_whatever_the_octets(octets: bytes) -> None:
    split_fields(octets)
    as_text(octets).encode()
    as_addresses(octets)
    as_grouped_addresses(octets)
    as_message_ids(octets)
    as_date(octets)
    as_urls(octets)


def test_a_name_of_nothing_is_none() -> None:
    assert decoded(RawAddress("=?utf-8?q??=", "a@b")) == EmailAddress(None, "a@b")


def test_the_raw_form_is_text_as_written() -> None:
    """RFC 8621 section 4.1.2.1."""
    assert as_raw(b" a\r\n b\0 =?utf-8?q?x?= ") == " a\r\n b =?utf-8?q?x?= "
    assert as_raw(" é".encode() + b"\xff") == " é\ufffd"


@pytest.mark.parametrize(("over", "there"), [(-1, True), (0, True), (1, False)])
def test_lists_are_read_up_to_the_limit(over: int, there: bool) -> None:
    """security.md section 4.4; no address is cut in two, and the raw and the text form are whole."""
    last = b"\r\n <z@example.com>"
    line = b"\r\n <" + b"a" * 1000 + b"@example.com>,"
    length = MAX_STRUCTURED_OCTETS + over
    count = (length - len(last)) // len(line)
    raw = b" " * (length - len(last) - count * len(line)) + line * count + last
    assert len(raw) == length
    assert len(as_addresses(raw)) == count + there
    assert {address.email for address in as_addresses(raw)} == {"a" * 1000 + "@example.com"} | (
        {"z@example.com"} if there else set()
    )
    assert as_text(raw).endswith("<z@example.com>")
    assert as_raw(raw).endswith("<z@example.com>")


@pytest.mark.parametrize(("over", "there"), [(-1, True), (0, True), (1, False)])
def test_ids_and_urls_are_read_up_to_the_limit(over: int, there: bool) -> None:
    """security.md section 4.4."""
    raw = b"<a@b>" + b" " * (MAX_STRUCTURED_OCTETS + over - 10) + b"<c@d>"
    assert as_message_ids(raw) == as_urls(raw) == ["a@b", "c@d"][: 1 + there]


def test_the_text_of_a_long_field_is_decoded_whole() -> None:
    unit = b"a caf\xc3\xa9 =?utf-8?q?=C3=A9?= b \r\n "
    count = 300_000 // len(unit)
    raw = unit * count
    assert count < MAX_WORDS
    assert as_text(raw) == ("a caf\u00e9 \u00e9 b  " * count).strip()
    assert as_raw(raw) == raw.decode()
