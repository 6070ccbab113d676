from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol.dates import day_ms, encode_internal_date, parse_date, parse_date_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"17-Jul-1996 02:44:25 -0700", datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)),
        (b" 1-Jan-2026 00:00:00 +0000", datetime(2026, 1, 1, tzinfo=UTC)),
        (b"01-jan-2026 01:30:00 +0130", datetime(2026, 1, 1, tzinfo=UTC)),
        (b"31-Dec-2016 23:59:60 +0000", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_date_and_time_is_read(text: bytes, expected: datetime) -> None:
    """RFC 3501 section 9 (`date-time`)."""
    assert parse_date_time(text) == int(expected.timestamp()) * 1000


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"17-Jul-1996",
        b"32-Jul-1996 02:44:25 -0700",
        b"17-Foo-1996 02:44:25 -0700",
        b"17-Jul-1996 24:44:25 -0700",
        b"17-Jul-1996 02:44:25 0700",
        b"17-Jul-1996 02:44:25 +9999",
        b"17-Jul-1969 02:44:25 +0000",
        b"00-Jul-1996 02:44:25 +0000",
        b"17-Jul-1996x02:44:25 +0000",
    ],
)
def test_what_is_no_date_and_time_is_refused(text: bytes) -> None:
    """RFC 3501 section 9; the store has no times before 1970."""
    assert parse_date_time(text) is None


@given(st.integers(min_value=0, max_value=253_402_300_799))
def test_an_internal_date_comes_back(seconds: int) -> None:
    """RFC 3501 section 2.3.3."""
    text = encode_internal_date(seconds * 1000 + 999)
    assert len(text) == 26
    assert parse_date_time(text) == seconds * 1000


def test_the_day_has_a_space_before_one_digit() -> None:
    """RFC 3501 section 9 (`date-day-fixed`)."""
    assert encode_internal_date(0) == b" 1-Jan-1970 00:00:00 +0000"


@pytest.mark.parametrize(
    ("text", "day"), [(b"1-Feb-1994", date(1994, 2, 1)), (b"01-FEB-1994", date(1994, 2, 1))]
)
def test_a_date_is_read(text: bytes, day: date) -> None:
    """RFC 3501 section 9 (`date`)."""
    assert parse_date(text) == day


@pytest.mark.parametrize("text", [b"1-2-1994", b"1-Feb-94", b"30-Feb-1994", b"", b"x-Feb-1994"])
def test_what_is_no_date_is_refused(text: bytes) -> None:
    """RFC 3501 section 9 (`date`)."""
    assert parse_date(text) is None


def test_a_day_begins_at_midnight_utc() -> None:
    """RFC 3501 section 6.4.4: time and zone are disregarded."""
    assert day_ms(date(1970, 1, 2)) == 86_400_000
