"""`header:*` properties: which field, in which form, the last or all.

Standards: RFC 8621 sections 4.1.2 (forms and the fields they are for) and 4.1.3.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from pymailcore.message import headers

_PROPERTY: Final = re.compile(r"header:(?P<name>[!-9;-~]{1,255})(?::as(?P<form>[A-Za-z]+))?(?P<all>:all)?\Z")
_ADDRESSES: Final = frozenset(
    [
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "resent-from",
        "resent-sender",
        "resent-reply-to",
        "resent-to",
        "resent-cc",
        "resent-bcc",
    ]
)
_MESSAGE_IDS: Final = frozenset({"message-id", "in-reply-to", "references", "resent-message-id"})
_DATES: Final = frozenset({"date", "resent-date"})
_TEXTS: Final = frozenset({"subject", "comments", "keywords", "list-id"})
_URLS: Final = frozenset(
    ["list-help", "list-unsubscribe", "list-subscribe", "list-post", "list-owner", "list-archive"]
)
_OTHERS: Final = frozenset({"return-path", "received"})
_DEFINED: Final = _ADDRESSES | _MESSAGE_IDS | _DATES | _TEXTS | _URLS | _OTHERS


def _date(raw: bytes) -> str | None:
    moment = headers.as_date(raw)
    if moment is None:
        return None
    text = moment.isoformat(timespec="seconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _raw(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").replace("\0", "")


def address_list(addresses: Sequence[tuple[str | None, str]]) -> list[object]:
    """EmailAddress objects (RFC 8621 section 4.1.2.3)."""
    return [{"name": name, "email": email} for name, email in addresses]


def _groups(raw: bytes) -> list[object]:
    return [
        {"name": group.name, "addresses": address_list(group.addresses)}
        for group in headers.as_grouped_addresses(raw)
    ]


_FORMS: Final[dict[str, tuple[frozenset[str] | None, Callable[[bytes], object]]]] = {
    "Raw": (None, _raw),
    "Text": (_TEXTS, headers.as_text),
    "Addresses": (_ADDRESSES, lambda raw: address_list(headers.as_addresses(raw))),
    "GroupedAddresses": (_ADDRESSES, _groups),
    "MessageIds": (_MESSAGE_IDS, headers.as_message_ids),
    "Date": (_DATES, _date),
    "URLs": (_URLS, headers.as_urls),
}
"""Form to the standard fields it is for, and how to make it; other fields may have any form."""


class HeaderProperty(NamedTuple):
    """One `header:*` property."""

    field: str  # lower case
    form: str
    every: bool

    def value(self, fields: Sequence[tuple[str, bytes]]) -> object:
        """Make the value from a header; null, or an empty list, where the field is missing."""
        make = _FORMS[self.form][1]
        found = [raw for name, raw in fields if name.lower() == self.field]
        if self.every:
            return [make(raw) for raw in found]
        return make(found[-1]) if found else None


def parse_header_property(name: str) -> HeaderProperty | None:
    """Read `header:Name[:asForm][:all]`; None when it is none, or the form is not for this field."""
    match = _PROPERTY.match(name)
    if match is None:
        return None
    field, form = match["name"].lower(), match["form"] or "Raw"
    known = _FORMS.get(form)
    if known is None or (known[0] is not None and field in _DEFINED and field not in known[0]):
        return None
    return HeaderProperty(field, form, match["all"] is not None)


def header_list(fields: Sequence[tuple[str, bytes]]) -> list[object]:
    """The `headers` property: EmailHeader objects in the order of the message (RFC 8621 section 4.1.3)."""
    return [{"name": name, "value": _raw(raw)} for name, raw in fields]
