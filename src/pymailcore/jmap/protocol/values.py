"""JSON values as this package passes them, and the whole numbers and ids among them.

Standards: RFC 8620 sections 1.2 (Id), 1.3 (Int, UnsignedInt) and 1.4 (Date, UTCDate).
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

JsonObject = dict[str, object]

MAX_INT: Final = 2**53 - 1  # RFC 8620 section 1.3

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
_DATE: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d*[1-9])?(Z|[+-]\d\d:\d\d)\Z"
)  # RFC 8620 section 1.4: no fraction that ends in 0, letters in upper case
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def is_id(value: object) -> bool:
    """Whether a value is an Id (RFC 8620 section 1.2)."""
    return isinstance(value, str) and _ID.match(value) is not None


def is_int(value: object, least: int = -MAX_INT, most: int = MAX_INT) -> bool:
    """Whether a value is an Int within a range (RFC 8620 section 1.3); true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def parse_date(text: str) -> datetime | None:
    """Read a Date (RFC 8620 section 1.4); None when it is none."""
    match = _DATE.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        # RFC 3339 section 5.6 allows second 60; Python does not know it.
        local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        zone = match[8]
        if zone != "Z":
            ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
            if ahead >= timedelta(days=1) or int(zone[4:6]) > 59 or second > 60:
                return None
            local = local - ahead if zone[0] == "+" else local + ahead
        elif second > 60:
            return None
        fraction = match[7]
        if fraction:
            local += timedelta(seconds=float(fraction))
    except (ValueError, OverflowError):
        return None
    return local


def parse_utc_date(text: str) -> int | None:
    """Read a UTCDate as milliseconds since 1970; None when it is none, or its zone is not Z."""
    date = parse_date(text) if text.endswith("Z") else None
    return None if date is None else (date - _EPOCH) // timedelta(milliseconds=1)


def utc_date(milliseconds: int) -> str:
    """Give milliseconds since 1970 the form of a UTCDate, whole seconds."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment.year >= 1000 else "0001-01-01T00:00:00Z"
