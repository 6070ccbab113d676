"""Line ends of messages in files, and dates that a message tells about itself.

Standards: RFC 5322 section 2.3 (CRLF), RFC 5321 section 4.4 (Received).

Maildir and mbox write LF for CRLF; some programs write CRLF. The first line of a message decides: where it
ends with CRLF the octets are taken as they are, else every lone LF becomes CRLF.
"""

import re
from typing import Final

from pymailcore.message.dates import milliseconds, parse_date
from pymailcore.message.fields import header_end, iter_fields, unfolded
from pymailcore.message.received import parse_received

_LONE_LF: Final = re.compile(rb"(?<!\r)\n")
_HEADER_OCTETS: Final = 256 * 1024
EARLIEST_MS: Final = 315_532_800_000
"""1980: no mail is older, and clocks that were never set say so."""


def with_crlf(octets: bytes) -> bytes:
    """Give the octets of a message that was kept in a file."""
    first = octets.find(b"\n")
    if first < 0 or octets[first - 1 : first] == b"\r":
        return octets
    if b"\r\n" in octets:
        return _LONE_LF.sub(b"\r\n", octets)
    return octets.replace(b"\n", b"\r\n")


def with_lf(octets: bytes) -> tuple[bytes, bool]:
    """Give the octets for a file of LF lines, and whether `with_crlf` would give the same again."""
    written = octets.replace(b"\r\n", b"\n")
    whole = written.endswith(b"\n")
    return (written if whole else written + b"\n"), whole and with_crlf(written) == octets


def plausible(time_ms: int, now_ms: int) -> bool:
    """Whether mail can have come at a time: after 1980, and not after tomorrow."""
    return EARLIEST_MS <= time_ms <= now_ms + 86_400_000


def told_ms(octets: bytes, now_ms: int) -> int | None:
    """When a message came, as its newest Received field says, else its Date field; None when neither does."""
    end = min(header_end(octets, 0, min(len(octets), _HEADER_OCTETS)), _HEADER_OCTETS)
    date = None
    for field in iter_fields(octets, 0, end):
        name = field.name.lower()
        if name == b"received":
            moment = parse_received(octets[field.value : field.end]).date
        elif name == b"date" and date is None:
            date = moment = parse_date(unfolded(octets[field.value : field.end]))
            continue
        else:
            continue
        if moment is not None and plausible(milliseconds(moment), now_ms):
            return milliseconds(moment)
    if date is not None and plausible(milliseconds(date), now_ms):
        return milliseconds(date)
    return None
