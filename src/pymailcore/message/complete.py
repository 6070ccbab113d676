"""What a submission server may add to a message and must take away.

Standards: RFC 6409 section 8 (Date, Message-ID), RFC 5322 section 3.6.3 (Bcc), RFC 5321 section 4.4
(Return-Path is of final delivery only).

These functions look at the whole header, without the limits of `message.limits`: what they miss would be
sent in the account's name.
"""

from datetime import datetime
from typing import Final

from pymailcore.message.addresses import parse_addresses
from pymailcore.message.encode import address_header, date_header, message_ids_header
from pymailcore.message.fields import every_field, header_end, structured
from pymailcore.message.headers import EmailAddress, decoded
from pymailcore.message.limits import MAX_STRUCTURED_OCTETS

_REMOVED: Final = frozenset((b"bcc", b"resent-bcc", b"return-path"))


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
    kept = _without_removed(header)
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


def _without_removed(header: bytes) -> bytes:
    out = []
    position = 0
    for field in every_field(header, 0, len(header)):
        if field.name.lower() in _REMOVED:
            out.append(header[position : field.start])
            position = field.end + 1  # with its line end
    return b"".join([*out, header[position:]]) if out else header


def field_values(octets: bytes, name: str) -> list[bytes]:
    """Give the raw values of all fields of a name in the message's header, in their order."""
    wanted = name.encode("ascii", "replace").lower()
    return [
        octets[field.value : field.end]
        for field in every_field(octets, 0, header_end(octets, 0, len(octets)))
        if field.name.lower() == wanted
    ]


def has_field(octets: bytes, name: str) -> bool:
    """Tell whether the message's header has a field of a name."""
    return bool(field_values(octets, name))


def header_addresses(octets: bytes, name: str) -> list[EmailAddress]:
    """Give all mailboxes in all fields of a name, so that a check of From or Sender misses none.

    A mailbox that is no address at all is given as it stands. Of a field that is too long to be read, the
    empty address is given beside what was read, so that it fails each check.
    """
    out = []
    for raw in field_values(octets, name):
        text = structured(raw)
        for group in parse_addresses(text, len(text) + 1):
            out += [decoded(address) for address in group.addresses]
        if len(raw) > MAX_STRUCTURED_OCTETS:
            out.append(EmailAddress(None, ""))
    return out
