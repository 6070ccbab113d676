"""Dates and times on the wire.

Standards: RFC 3501 section 9 (`date`, `date-time`).

INTERNALDATE is written in UTC. Times are milliseconds since 1970, as the store keeps them; the text of a
day is made once and remembered, because a FETCH asks for ten thousand of them.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

MONTHS: Final = (
    b"Jan",
    b"Feb",
    b"Mar",
    b"Apr",
    b"May",
    b"Jun",
    b"Jul",
    b"Aug",
    b"Sep",
    b"Oct",
    b"Nov",
    b"Dec",
)
DAY_MS: Final = 86_400_000

_MONTH: Final = {name.upper(): number for number, name in enumerate(MONTHS, 1)}
_DATE: Final = re.compile(rb"([ 0-9]?[0-9])-([A-Za-z]{3})-([0-9]{4})\Z")
_TIME: Final = re.compile(rb"([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})\Z")


@lru_cache(maxsize=4096)
def _day(number: int) -> bytes:
    day = date(1970, 1, 1) + timedelta(days=number)
    return b"%2d-%s-%04d" % (day.day, MONTHS[day.month - 1], day.year)


def encode_internal_date(time_ms: int) -> bytes:
    """Write a `date-time` without its quotes."""
    day, rest = divmod(time_ms // 1000, 86_400)
    minutes, seconds = divmod(rest, 60)
    return b"%s %02d:%02d:%02d +0000" % (_day(day), minutes // 60, minutes % 60, seconds)


def parse_date(text: bytes) -> date | None:
    """Read a `date` such as `1-Feb-1994`; None when it is none."""
    match = _DATE.match(text)
    month = _MONTH.get(match[2].upper()) if match else None
    if match is None or month is None:
        return None
    try:
        return date(int(match[3]), month, int(match[1]))
    except ValueError:
        return None


def day_ms(day: date) -> int:
    """Give the beginning of a day, taken as UTC (RFC 3501 section 6.4.4 disregards time and zone)."""
    return (day - date(1970, 1, 1)).days * DAY_MS


def parse_date_time(text: bytes) -> int | None:
    """Read a `date-time` without its quotes; gives milliseconds since 1970, None when it is none."""
    day = parse_date(text[:11])
    match = _TIME.match(text[12:])
    if day is None or match is None or text[11:12] != b" " or day.year < 1970:
        return None
    hour, minute, second = int(match[1]), int(match[2]), min(59, int(match[3]))  # a leap second is the 59th
    east = 1 if match[4] == b"+" else -1
    try:
        zone = timezone(east * timedelta(hours=int(match[5]), minutes=int(match[6])))
        moment = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone)
        seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
    return max(0, seconds) * 1000
