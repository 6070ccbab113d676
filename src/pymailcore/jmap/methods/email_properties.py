"""The properties of an Email, and what of the stored message each of them needs.

Standards: RFC 8621 sections 4.1.1 to 4.1.4, 4.2.

Most properties come from the row and the facts beside it; a list of fifty Emails is one store call and this
table. Only body parts, `header:*` and `headers` need more.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from pymailcore.base import ids
from pymailcore.jmap.methods.header_forms import HeaderProperty, address_list, parse_header_property
from pymailcore.jmap.protocol.errors import invalid_arguments
from pymailcore.jmap.protocol.values import JsonObject, utc_date
from pymailcore.message.facts import Facts
from pymailcore.message.headers import EmailAddress
from pymailcore.store.keywords import keyword_names
from pymailcore.store.types import EmailRow


@lru_cache(maxsize=4096)
def _email_id(number: int) -> str:
    return ids.encode_id(ids.EMAIL, number)


@lru_cache(maxsize=4096)
def _thread_id(number: int) -> str:
    return ids.encode_id(ids.THREAD, number)


@lru_cache(maxsize=1024)
def _mailbox_ids(numbers: tuple[int, ...]) -> JsonObject:
    return {ids.encode_id(ids.MAILBOX, number): True for number in numbers}


@lru_cache(maxsize=1024)
def _keywords(flags: int, extra: str) -> JsonObject:
    return dict.fromkeys(keyword_names(flags, extra), True)


def _addresses(addresses: list[EmailAddress] | None) -> list[object] | None:
    return None if addresses is None else address_list(addresses)


FROM_ROW: Final[dict[str, Callable[[EmailRow], object]]] = {
    "id": lambda row: _email_id(row.id),
    "blobId": lambda row: row.blob,
    "threadId": lambda row: _thread_id(row.thread),
    "mailboxIds": lambda row: _mailbox_ids(row.mailboxes),
    "keywords": lambda row: _keywords(row.flags, row.extra),
    "size": lambda row: row.size_octets,
    "receivedAt": lambda row: utc_date(row.received_ms),
}

FROM_FACTS: Final[dict[str, Callable[[Facts], object]]] = {
    "messageId": lambda facts: facts.message_id,
    "inReplyTo": lambda facts: facts.in_reply_to,
    "references": lambda facts: facts.references,
    "sender": lambda facts: _addresses(facts.sender),
    "from": lambda facts: _addresses(facts.from_),
    "to": lambda facts: _addresses(facts.to),
    "cc": lambda facts: _addresses(facts.cc),
    "bcc": lambda facts: _addresses(facts.bcc),
    "replyTo": lambda facts: _addresses(facts.reply_to),
    "subject": lambda facts: facts.subject,
    "sentAt": lambda facts: facts.sent_at,
    "hasAttachment": lambda facts: facts.has_attachment,
    "preview": lambda facts: facts.preview,
}

FROM_PARTS: Final = frozenset({"bodyStructure", "textBody", "htmlBody", "attachments", "bodyValues"})

DEFAULT: Final = (
    *FROM_ROW,
    *FROM_FACTS,
    "bodyValues",
    "textBody",
    "htmlBody",
    "attachments",
)  # RFC 8621 section 4.2

BODY_PROPERTIES: Final = frozenset(
    [
        "partId",
        "blobId",
        "size",
        "headers",
        "name",
        "type",
        "charset",
        "disposition",
        "cid",
        "language",
        "location",
        "subParts",
    ]
)
DEFAULT_BODY: Final = (
    "partId",
    "blobId",
    "size",
    "name",
    "type",
    "charset",
    "disposition",
    "cid",
    "language",
    "location",
)  # RFC 8621 section 4.2


class Wish:
    """Properties that a client asked for, sorted by what they need.

    Raises:
        MethodError: invalidArguments, there is no such property.
    """

    def __init__(self, properties: list[str] | None, body_properties: list[str] | None) -> None:
        names = list(dict.fromkeys(["id", *(DEFAULT if properties is None else properties)]))
        self.row = [(name, FROM_ROW[name]) for name in names if name in FROM_ROW]
        self.facts = [(name, FROM_FACTS[name]) for name in names if name in FROM_FACTS]
        self.parts = frozenset(names) & FROM_PARTS
        self.headers = "headers" in names
        self.header_properties: list[tuple[str, HeaderProperty]] = []
        known = FROM_ROW.keys() | FROM_FACTS.keys() | FROM_PARTS | {"headers"}
        for name in names:
            if name not in known:
                self.header_properties.append((name, _header_property(name)))
        body_names = DEFAULT_BODY if body_properties is None else tuple(dict.fromkeys(body_properties))
        self.body = frozenset(body_names) & BODY_PROPERTIES
        self.body_headers = [
            (name, _header_property(name)) for name in body_names if name not in BODY_PROPERTIES
        ]

    @property
    def needs_header(self) -> bool:
        """Whether the octets of the Email's own header are needed."""
        return self.headers or bool(self.header_properties)

    @property
    def shows_parts(self) -> bool:
        """Whether EmailBodyParts are to be made."""
        return bool(self.parts - {"bodyValues"})


def _header_property(name: str) -> HeaderProperty:
    parsed = parse_header_property(name)
    if parsed is None:
        raise invalid_arguments(f"there is no property {name[:100]}")
    return parsed
