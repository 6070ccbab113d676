"""What a submission server may add to a message and must take away.

Standards: RFC 6409 section 8 (Date, Message-ID), RFC 5322 section 3.6.3 (Bcc), RFC 5321 section 4.4
(Return-Path is of final delivery only).

These functions look at the whole header, without the limits of `message.limits`: what they miss would be
sent in the account's name.
"""

import re
from datetime import datetime
from typing import Final

from pymailcore.message.addresses import parse_addresses
from pymailcore.message.encode import address_header, date_header, message_ids_header
from pymailcore.message.fields import header_end, unfolded
from pymailcore.message.headers import EmailAddress, decoded

_REMOVED: Final = re.compile(
    rb"^(?:(?:resent-)?bcc|return-path)[ \t]*+:.*+(?:\n[ \t].*+)*+\n?", re.IGNORECASE | re.MULTILINE
)


def complete_headers(octets: bytes, *, date: datetime, message_id: str, sender: str | None = None) -> bytes:
    """Add Date and Message-ID where they are missing, and remove Bcc and Return-Path.

    What is added goes on top; all other octets stay as they are.

    Args:
        date: aware; for a Date that is missing.
        message_id: without angle brackets; for a Message-ID that is missing.
        sender: address for a Sender field, when the message has none; None adds none.

    Raises:
        InvalidValue: `message_id` or `sender` cannot stand in a field.
    """
    end = header_end(octets, 0, len(octets))
    header = octets[:end]
    kept = _REMOVED.sub(b"", header)
    added = []
    if not has_field(octets, "Date"):
        added.append(date_header("Date", date))
    if not has_field(octets, "Message-ID"):
        added.append(message_ids_header("Message-ID", [message_id]))
    if sender is not None and not has_field(octets, "Sender"):
        added.append(address_header("Sender", [EmailAddress(None, sender)]))
    if not added and kept == header:
        return octets
    return b"".join([*added, kept, octets[end:]])


def field_values(octets: bytes, name: str) -> list[bytes]:
    """Give the raw values of all fields of a name in the message's header, in their order."""
    pattern = rb"^" + re.escape(name.encode("ascii", "replace")) + rb"[ \t]*+:(.*+(?:\n[ \t].*+)*+)"
    found: list[bytes] = re.compile(pattern, re.IGNORECASE | re.MULTILINE).findall(
        octets, 0, header_end(octets, 0, len(octets))
    )
    return found


def has_field(octets: bytes, name: str) -> bool:
    """Tell whether the message's header has a field of a name."""
    return bool(field_values(octets, name))


def header_addresses(octets: bytes, name: str) -> list[EmailAddress]:
    """Give all mailboxes in all fields of a name, so that a check of From or Sender misses none.

    A mailbox that is no address at all is given as it stands.
    """
    out = []
    for raw in field_values(octets, name):
        text = unfolded(raw)
        for group in parse_addresses(text, len(text) + 1):
            out += [decoded(address) for address in group.addresses]
    return out
