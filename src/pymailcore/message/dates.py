"""The Date field as a point in time that remembers its zone.

Standards: RFC 5322 sections 3.3 and 4.3 (obsolete syntax), RFC 5256 section 2.2 (unknown zone is UTC).
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from pymailcore.message.fields import without_comments

# date-time = [day-of-week ","] day month year hour ":" minute [":" second] zone
# Applied to at most 100 characters in which each run of white space is one space.
_DATE: Final = re.compile(
    r"(?:[A-Za-z]{2,9}\.? ?,? ?)?([0-9]{1,2})[ -]([A-Za-z]{3,9})[.,]?[ -]([0-9]{2,4}),?"
    r"(?: ([0-9]{1,2}) ?[:.] ?([0-9]{1,2})(?: ?[:.] ?([0-9]{1,2})(?:\.[0-9]+)?)?"
    r"(?: ?([+-][0-9]{4}|[A-Za-z]+))?)?"
)
_ASCTIME: Final = re.compile(
    r"(?:[A-Za-z]{3},? )?([A-Za-z]{3}) ([0-9]{1,2}) ([0-9]{1,2}):([0-9]{2}):([0-9]{2})"
    r"(?: ([+-][0-9]{4}|[A-Za-z]+))? ([0-9]{4})"
)
_MONTHS: Final = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_ZONES: Final = {
    "ut": 0, "utc": 0, "gmt": 0, "z": 0,
    "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
    "cet": 60, "cest": 120, "met": 60, "mest": 120, "bst": 60, "jst": 540,
}  # fmt: skip
_MAX_LENGTH: Final = 100


def parse_date(text: str) -> datetime | None:
    """Read an unfolded date-time; None when it is none or names a time that cannot be."""
    text = " ".join(without_comments(text[:4096]).split())[:_MAX_LENGTH]
    match = _DATE.match(text)
    if match:
        day, month, year, hour, minute, second, zone = match.groups()
    else:
        match = _ASCTIME.match(text)
        if not match:
            return None
        month, day, hour, minute, second, zone, year = match.groups()
    number = _MONTHS.get(month[:3].lower())
    if number is None:
        return None
    try:
        moment = datetime(
            _year(year),
            number,
            int(day),
            int(hour or 0),
            int(minute or 0),
            59 if second == "60" else int(second or 0),  # a leap second is the one before it here
            tzinfo=_zone(zone),
        )
        moment.astimezone(UTC)  # a time that has no UTC form is of no use
    except (ValueError, OverflowError):
        return None
    return moment


def _year(text: str) -> int:
    # RFC 5322 section 4.3: two digits up to 49 are of this century; three digits count from 1900.
    year = int(text)
    if len(text) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(text) == 3 else year


def _zone(text: str | None) -> timezone:
    if not text:
        return UTC
    if text[0] in "+-":
        minutes = int(text[1:3]) * 60 + int(text[3:5])
        if int(text[3:5]) > 59:
            raise ValueError
        minutes = -minutes if text[0] == "-" else minutes
    else:
        minutes = _ZONES.get(text.lower(), 0)  # military letters are "-0000" (RFC 5322 section 4.3)
    return timezone(timedelta(minutes=minutes)) if minutes else UTC


def milliseconds(moment: datetime) -> int:
    """Give whole milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
