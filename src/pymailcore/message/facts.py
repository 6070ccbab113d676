"""What JMAP shows of a message in a list, taken out once and kept beside it.

Standards: RFC 8621 section 4.1.3 (header properties), section 4.1.4 (hasAttachment, preview).
"""

from datetime import datetime

import msgspec

from pymailcore.message.addresses import RawGroup
from pymailcore.message.dates import milliseconds, parse_date
from pymailcore.message.fields import Fields, unfolded
from pymailcore.message.headers import EmailAddress, decoded, decoded_text, message_ids
from pymailcore.message.wire import EnvelopeValues


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """Header values in their parsed forms, and what was found in the body.

    Attributes:
        sent_at: RFC 3339 with the zone that was written, the Date form of JMAP.
    """

    subject: str | None
    from_: list[EmailAddress] | None
    to: list[EmailAddress] | None
    cc: list[EmailAddress] | None
    bcc: list[EmailAddress] | None
    reply_to: list[EmailAddress] | None
    sender: list[EmailAddress] | None
    message_id: list[str] | None
    in_reply_to: list[str] | None
    references: list[str] | None
    sent_at: str | None
    preview: str
    has_attachment: bool


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Facts)


def pack(facts: Facts) -> bytes:
    """Give the facts their form at rest (msgpack)."""
    return _encoder.encode(facts)


def unpack(packed: bytes) -> Facts:
    """Read the facts again."""
    return _decoder.decode(packed)


def read_facts(
    fields: Fields, values: EnvelopeValues, *, preview: str, has_attachment: bool
) -> tuple[Facts, int | None]:
    """Take the facts from a header; also the Date field in milliseconds since 1970, or None."""
    sent = None if values.date is None else parse_date(values.date)
    references = fields.get(b"references")
    facts = Facts(
        None if values.subject is None else decoded_text(values.subject),
        _flat(values.from_),
        _flat(values.to),
        _flat(values.cc),
        _flat(values.bcc),
        _flat(values.reply_to),
        _flat(values.sender),
        None if values.message_id is None else message_ids(values.message_id),
        None if values.in_reply_to is None else message_ids(values.in_reply_to),
        None if references is None else message_ids(unfolded(references)),
        None if sent is None else rfc3339(sent),
        preview,
        has_attachment,
    )
    return facts, None if sent is None else milliseconds(sent)


def _flat(groups: list[RawGroup] | None) -> list[EmailAddress] | None:
    if groups is None:
        return None
    return [decoded(address) for group in groups for address in group.addresses]


def rfc3339(moment: datetime) -> str:
    """Write a time as JMAP's Date (RFC 8620 section 1.4): `2014-10-30T14:12:00+08:00`."""
    text = moment.isoformat(timespec="seconds")
    return text[:-6] + "Z" if text.endswith("+00:00") else text
