"""Dates."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.dates import milliseconds, parse_date


def zone(hours: float) -> timezone:
    return timezone(timedelta(hours=hours))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fri, 21 Nov 1997 09:55:06 -0600", datetime(1997, 11, 21, 9, 55, 6, tzinfo=zone(-6))),
        (
            "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600",
            datetime(1997, 11, 21, 9, 55, 6, tzinfo=zone(-6)),
        ),
        ("21 Nov 97 09:55:06 GMT", datetime(1997, 11, 21, 9, 55, 6, tzinfo=UTC)),
        (
            "Thu,\t13\tFeb\t1969\t23:32\t-0330 (Newfoundland Time)",
            datetime(1969, 2, 13, 23, 32, tzinfo=zone(-3.5)),
        ),
        ("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", datetime(1996, 7, 17, 2, 23, 25, tzinfo=zone(-7))),
        ("1 Jan 2020 00:00:00 EST", datetime(2020, 1, 1, tzinfo=zone(-5))),
        ("1 Jan 2020 00:00:00 Z", datetime(2020, 1, 1, tzinfo=UTC)),
        ("1 Jan 2020 00:00:00 Q", datetime(2020, 1, 1, tzinfo=UTC)),
        ("1 Jan 2020 00:00:00 Nowhere", datetime(2020, 1, 1, tzinfo=UTC)),
        ("1 Jan 2020 00:00:00 -0000", datetime(2020, 1, 1, tzinfo=UTC)),
        ("1 Jan 2020 00:00", datetime(2020, 1, 1, tzinfo=UTC)),
        ("1 Jan 2020", datetime(2020, 1, 1, tzinfo=UTC)),
        ("1 Jan 49 00:00", datetime(2049, 1, 1, tzinfo=UTC)),
        ("1 Jan 50 00:00", datetime(1950, 1, 1, tzinfo=UTC)),
        ("1 Jan 120 00:00", datetime(2020, 1, 1, tzinfo=UTC)),
        ("31 Dec 2016 23:59:60 +0000", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Thursday, 2 January 2020 03:04:05 +0545", datetime(2020, 1, 2, 3, 4, 5, tzinfo=zone(5.75))),
        ("2-Jan-2020 03.04.05 +0000", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("Mon Jan  6 03:04:05 2020", datetime(2020, 1, 6, 3, 4, 5, tzinfo=UTC)),
        ("Mon Jan  6 03:04:05 +0100 2020", datetime(2020, 1, 6, 3, 4, 5, tzinfo=zone(1))),
    ],
)
def test_dates_are_read(text: str, expected: datetime) -> None:
    """RFC 5322 sections 3.3 and 4.3, appendix A."""
    result = parse_date(text)
    assert result == expected
    assert result is not None
    assert result.utcoffset() == expected.utcoffset()


@pytest.mark.parametrize(
    "text",
    ["", "today", "32 Jan 2020 00:00:00 +0000", "30 Feb 2020 00:00 Z", "1 Foo 2020 00:00 Z",
     "1 Jan 2020 24:00:00 Z", "1 Jan 2020 00:60:00 Z", "1 Jan 2020 00:00:61 Z", "1 Jan 2020 00:00:00 +9999",
     "1 Jan 2020 00:00:00 +0060", "1 Jan 0001 00:00:00 +0100", "31 Dec 9999 23:00:00 -0200",
     "1 Jan 0000 00:00:00 Z", "(" * 5000, "x" * 100_000],
)  # fmt: skip
def test_times_that_cannot_be_are_none(text: str) -> None:
    assert parse_date(text) is None


def test_milliseconds_count_from_1970() -> None:
    assert milliseconds(datetime(1970, 1, 2, tzinfo=zone(1))) == 82_800_000
    assert milliseconds(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)) == -1000


@given(st.text(alphabet="0123456789 :+-JanFeb(),.", max_size=60) | st.text(max_size=40))
def test_nothing_makes_it_raise(text: str) -> None:
    moment = parse_date(text)
    if moment is not None:
        milliseconds(moment)
