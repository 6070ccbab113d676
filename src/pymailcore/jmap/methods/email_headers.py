"""Header fields written from the properties of an Email or EmailBodyPart that a client creates.

Standards: RFC 8621 sections 4.1.2, 4.1.3 and 4.6.
"""

from collections.abc import Callable
from typing import Final

from pymailcore.base.errors import InvalidValue
from pymailcore.jmap.methods.header_forms import parse_header_property
from pymailcore.jmap.protocol.errors import invalid_properties
from pymailcore.jmap.protocol.values import parse_date
from pymailcore.message import compose
from pymailcore.message.headers import EmailAddress, EmailAddressGroup

MAX_ADDRESSES: Final = 10_000

CONVENIENT: Final = {
    "messageId": "header:Message-ID:asMessageIds",
    "inReplyTo": "header:In-Reply-To:asMessageIds",
    "references": "header:References:asMessageIds",
    "sender": "header:Sender:asAddresses",
    "from": "header:From:asAddresses",
    "to": "header:To:asAddresses",
    "cc": "header:Cc:asAddresses",
    "bcc": "header:Bcc:asAddresses",
    "replyTo": "header:Reply-To:asAddresses",
    "subject": "header:Subject:asText",
    "sentAt": "header:Date:asDate",
}
"""Properties that stand for a header field (RFC 8621 section 4.1.3)."""


class _Wrong(Exception):
    """A value has not the type that its form demands."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Wrong
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Wrong
    return list(value)


def _addresses(value: object) -> list[EmailAddress]:
    if not isinstance(value, list) or len(value) > MAX_ADDRESSES:
        raise _Wrong
    return [_address(item) for item in value]


def _address(value: object) -> EmailAddress:
    if not isinstance(value, dict) or set(value) - {"name", "email"} or "email" not in value:
        raise _Wrong
    name = value.get("name")
    return EmailAddress(None if name is None else _text(name), _text(value["email"]))


def _groups(value: object) -> list[EmailAddressGroup]:
    if not isinstance(value, list) or len(value) > MAX_ADDRESSES:
        raise _Wrong
    groups = []
    for item in value:
        if not isinstance(item, dict) or set(item) != {"name", "addresses"}:
            raise _Wrong
        name = item["name"]
        groups.append(
            EmailAddressGroup(None if name is None else _text(name), tuple(_addresses(item["addresses"])))
        )
    return groups


def _date(name: str, value: object) -> bytes:
    moment = parse_date(_text(value))
    if moment is None:
        raise _Wrong
    return compose.date_header(name, moment)


_WRITE: Final[dict[str, Callable[[str, object], bytes]]] = {
    "Raw": lambda name, value: compose.raw_header(name, _text(value)),
    "Text": lambda name, value: compose.encode_header(name, _text(value)),
    "Addresses": lambda name, value: compose.address_header(name, _addresses(value)),
    "GroupedAddresses": lambda name, value: compose.grouped_address_header(name, _groups(value)),
    "MessageIds": lambda name, value: compose.message_ids_header(name, _texts(value)),
    "Date": _date,
    "URLs": lambda name, value: compose.urls_header(name, _texts(value)),
}


class HeaderWriter:
    """Collects the fields of one header; each field may come from one property only.

    Args:
        refused: names of fields, in lower case, or their beginnings, that may not be given here.
    """

    def __init__(self, refused: tuple[str, ...]) -> None:
        self._refused = refused
        self._seen: dict[str, str] = {}
        self.fields: list[bytes] = []

    def has(self, name: str) -> bool:
        """Whether a field was given."""
        return name.lower() in self._seen

    def add(self, name: str, value: object) -> bool:
        """Take a property if it stands for a header field; False when it does not.

        Raises:
            SetError: invalidProperties.
        """
        written = CONVENIENT.get(name, name)
        if not written.startswith("header:"):
            return False
        parsed = parse_header_property(written)
        if parsed is None or parsed.field.startswith(self._refused):
            raise invalid_properties([name], "this header field cannot be set")
        if parsed.field in self._seen:
            raise invalid_properties([name, self._seen[parsed.field]], "one header field is given twice")
        if value is None or value == []:
            return True  # RFC 8621 section 4.6: a value of null leaves the field out
        self._seen[parsed.field] = name
        field = written.split(":")[1]
        values = value if parsed.every and isinstance(value, list) else [value]
        try:
            if parsed.every and not isinstance(value, list):
                raise _Wrong
            self.fields += [_WRITE[parsed.form](field, item) for item in values]
        except (_Wrong, InvalidValue) as error:
            raise invalid_properties([name], "the value does not fit the header field") from error
        return True
