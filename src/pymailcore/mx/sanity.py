"""What a message's header says against it, before it is stored.

Standards: RFC 5322 sections 2.1.1 (lines of 998 characters), 2.2 (no NUL) and 3.6 (From and Date, once);
RFC 5321 section 6.3 and RFC 9228 section 4 (loops).

Theory: programs that send mail are sloppy, and a reader wants their mail all the same. So only what no reader
could show, what costs too much, and what goes round in circles is refused; the rest is noted, since a From
that is missing or there twice tells who checks senders that nothing here is proved.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from pymailcore.base.address import Address
from pymailcore.message.complete import field_values
from pymailcore.message.fields import every_field, header_end
from pymailcore.message.slices import MAX_CALL
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.settings import SmtpSettings

TOO_MANY_HOPS: Final = Reply(554, "5.4.6", "Too many Received fields, this looks like a loop")
WAS_HERE: Final = Reply(554, "5.4.6", "This message was delivered here before, this looks like a loop")
HEADER_TOO_LARGE: Final = Reply(554, "5.6.0", "Message header too large")
NUL_IN_HEADER: Final = Reply(554, "5.6.0", "Message header holds a NUL")

_NAMES: Final = re.compile(rb"^([!-9;-~]++)[ \t]*+:", re.MULTILINE)
_LONG_LINE: Final = re.compile(rb"[^\n]{1000}")  # 998, CR, and one more


class Sanity(NamedTuple):
    """What is wrong with a header.

    Attributes:
        refusal: why the message is not taken; None when it is.
        marks: "no-from", "several-from", "no-date", "long-line".
    """

    refusal: Reply | None = None
    marks: tuple[str, ...] = ()


def inspect(octets: bytes, recipients: Iterable[Address], settings: SmtpSettings) -> Sanity:
    """Judge the header of a message.

    Args:
        recipients: those of whom a Delivered-To field says that the message has been here.
    """
    end = header_end(octets, 0, len(octets))
    if end > settings.max_header_octets:
        return Sanity(HEADER_TOO_LARGE)
    names = _count_names(octets, end)
    if names.total() > settings.max_header_fields_count:
        return Sanity(HEADER_TOO_LARGE)
    if octets.find(b"\0", 0, end) >= 0:
        return Sanity(NUL_IN_HEADER)
    if names[b"received"] > settings.max_received_count:
        return Sanity(TOO_MANY_HOPS)
    if names[b"delivered-to"] and _was_here(octets[:end], recipients):
        return Sanity(WAS_HERE)
    found = (
        ("no-from", not names[b"from"]),
        ("several-from", names[b"from"] > 1),
        ("no-date", not names[b"date"]),
        ("long-line", end > 998 and _LONG_LINE.search(octets, 0, min(end, MAX_CALL)) is not None),
    )
    return Sanity(None, tuple(mark for mark, there in found if there))


def _count_names(octets: bytes, end: int) -> Counter[bytes]:
    if end <= MAX_CALL:
        return Counter(name.lower() for name in _NAMES.findall(octets, 0, end))
    return Counter(field.name.lower() for field in every_field(octets, 0, end))


def _was_here(header: bytes, recipients: Iterable[Address]) -> bool:
    keys = {recipient.key for recipient in recipients}
    for value in field_values(header, "Delivered-To"):
        address = Address.parse(value.decode("utf-8", "replace").strip().strip("<>"))
        if address is not None and address.key in keys:
            return True
    return False
