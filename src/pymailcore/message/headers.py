"""Header fields in the parsed forms that JMAP names.

Standards: RFC 8621 section 4.1.2 (Raw, Text, Addresses, GroupedAddresses, MessageIds, Date, URLs),
RFC 5322 section 3.6, RFC 2369 section 2 (URLs).
"""

import re
import unicodedata
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from pymailcore.message.addresses import RawAddress, parse_addresses
from pymailcore.message.charsets import decode_replacing
from pymailcore.message.dates import parse_date
from pymailcore.message.fields import iter_fields, structured, unfolded, without_comments
from pymailcore.message.limits import MAX_FIELD_OCTETS, MAX_NORMALISED, MAX_STRUCTURED_OCTETS
from pymailcore.message.slices import stripped, without
from pymailcore.message.words import decode_words

_ANGLE: Final = re.compile(r"<([^<>]*+)>")
_MAX_IDS: Final = 10_000


class EmailAddress(NamedTuple):
    """One mailbox (RFC 8621 section 4.1.2.3): decoded display name or None, and the addr-spec."""

    name: str | None
    email: str


class EmailAddressGroup(NamedTuple):
    """A group (RFC 8621 section 4.1.2.4); `name` is None for mailboxes outside of any."""

    name: str | None
    addresses: tuple[EmailAddress, ...]


def split_fields(header: bytes) -> list[tuple[str, bytes]]:
    """Cut a header into (name as written, raw value): folding and the blank after the colon included.

    The line end that ends the field is not part of the value. Fields beyond the limits are left out.
    """
    return [
        (field.name.decode("ascii"), header[field.value : field.end].removesuffix(b"\r"))
        for field in iter_fields(header, 0, len(header))
        if field.end - field.start <= MAX_FIELD_OCTETS
    ]


def normalised(text: str) -> str:
    """Put a text into NFC, unless it is so long that this could take long."""
    if text.isascii() or len(text) > MAX_NORMALISED:
        return text
    return unicodedata.normalize("NFC", text)


def as_raw(raw: bytes) -> str:
    """Give the Raw form: as written; U+FFFD for what is not UTF-8, no NUL (RFC 8621 section 4.1.2.1)."""
    return without(decode_replacing(raw), "\0")


def as_text(raw: bytes) -> str:
    """Give the Text form: unfolded, encoded-words decoded, NFC, without white space around."""
    return decoded_text(unfolded(raw))


def decoded_text(text: str) -> str:
    """Give the Text form of an unfolded value."""
    return normalised(stripped(without(decode_words(text), "\0")))


def decoded(address: RawAddress) -> EmailAddress:
    """Decode the display name of one mailbox."""
    name = address.name
    if name is not None and not (name.isascii() and "=?" not in name):
        name = normalised(decode_words(name).replace("\0", "").strip()) or None
    return EmailAddress(name, address.email)


def as_grouped_addresses(raw: bytes) -> list[EmailAddressGroup]:
    """Give the GroupedAddresses form; as good as it can be for what breaks the syntax."""
    return [
        EmailAddressGroup(
            None if group.name is None else normalised(decode_words(group.name)),
            tuple(decoded(address) for address in group.addresses),
        )
        for group in parse_addresses(structured(raw))
    ]


def as_addresses(raw: bytes) -> list[EmailAddress]:
    """Give the Addresses form: the mailboxes, those of groups included."""
    return [decoded(address) for group in parse_addresses(structured(raw)) for address in group.addresses]


def as_message_ids(raw: bytes) -> list[str] | None:
    """Give the MessageIds form: without angle brackets, comments and white space; None without any."""
    return message_ids(unfolded(raw))


def message_ids(text: str) -> list[str] | None:
    """Give the message-ids in an unfolded text; None when there is none."""
    found = []
    for match in _ANGLE.finditer(without_comments(text[:MAX_STRUCTURED_OCTETS])):
        joined = "".join(match[1].split())
        if joined:
            found.append(joined)
            if len(found) == _MAX_IDS:
                break
    return found or None


def as_date(raw: bytes) -> datetime | None:
    """Give the Date form, with the zone that was written; None when it cannot be read."""
    return parse_date(unfolded(raw[:65536]))


def as_urls(raw: bytes) -> list[str] | None:
    """Give the URLs form: what stands in angle brackets; None without any."""
    text = without_comments(unfolded(raw)[:MAX_STRUCTURED_OCTETS])
    found = ["".join(match[1].split()) for match in islice(_ANGLE.finditer(text), _MAX_IDS)]
    return [url for url in found if url] or None
