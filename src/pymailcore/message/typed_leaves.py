"""Leaves that stand for a message that is elsewhere: message/partial and message/external-body.

Standards: RFC 2046 sections 5.2.2 and 5.2.3.

Nothing is fetched or put together; what the parameters say is given as values.
"""

from datetime import datetime
from typing import NamedTuple

from pymailcore.message.dates import parse_date
from pymailcore.message.fields import Fields, header_end, read_fields, unfolded
from pymailcore.message.slices import encoded
from pymailcore.message.structure import Part

_MAX_NUMBER = 9  # digits
_KNOWN = ("access-type", "expiration", "size", "permission")


class PartialMessage(NamedTuple):
    """A fragment of a message; `total` may be given by the last fragment only."""

    id: str
    number: int
    total: int | None


class ExternalBody(NamedTuple):
    """Where a body is.

    Attributes:
        access_type: in lower case: "url", "ftp", "anon-ftp", "tftp", "local-file", "mail-server", …
        size: in octets.
        permission: "read" when nothing is said.
        parameters: those of the access type, such as `name`, `site`, `url`.
        fields: of the header of the body that is elsewhere: its Content-Type, Content-ID.
        phantom: octets of the phantom body, which only mail-server uses.
    """

    access_type: str
    expiration: datetime | None
    size: int | None
    permission: str
    parameters: dict[str, str]
    fields: Fields
    phantom: bytes


def partial_message(part: Part) -> PartialMessage | None:
    """Read a message/partial; None for other parts and when id or number are missing."""
    if part.mime_type != "message/partial":
        return None
    number = _number(part.parameters.get("number"))
    id_ = part.parameters.get("id")
    if not id_ or not number:
        return None
    total = _number(part.parameters.get("total"))
    return PartialMessage(id_, number, total if total and total >= number else None)


def external_body(octets: bytes, part: Part) -> ExternalBody | None:
    """Read a message/external-body; None for other parts and when there is no access type."""
    parameters = part.parameters
    access_type = parameters.get("access-type", "").lower()
    if part.mime_type != "message/external-body" or not access_type:
        return None
    end = header_end(octets, part.body_start, part.body_end)
    expiration = parameters.get("expiration")
    return ExternalBody(
        access_type,
        None if expiration is None else parse_date(expiration),
        _number(parameters.get("size")),
        parameters.get("permission", "read").lower(),
        {name: value for name, value in parameters.items() if name not in _KNOWN},
        {
            name: encoded(unfolded(value), "utf-8")
            for name, value in read_fields(octets, part.body_start, end).items()
        },
        octets[end : part.body_end],
    )


def _number(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > _MAX_NUMBER:
        return None
    return int(text)
