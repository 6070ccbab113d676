"""What STATUS, and LIST with STATUS, can ask for.

Standards: RFC 3501 section 6.3.10, RFC 9051 section 6.3.11, RFC 7162 section 3.1.7, RFC 7889 section 3
(APPENDLIMIT), RFC 8438 section 3 (SIZE), RFC 8474 section 4.3, RFC 9208 section 4.1.4 (DELETED,
DELETED-STORAGE).
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol.scanner import BadCommand, Scanner


class StatusItem(enum.Enum):
    """The value is the name on the wire."""

    MESSAGES = b"MESSAGES"
    RECENT = b"RECENT"
    UIDNEXT = b"UIDNEXT"
    UIDVALIDITY = b"UIDVALIDITY"
    UNSEEN = b"UNSEEN"
    HIGHESTMODSEQ = b"HIGHESTMODSEQ"
    MAILBOXID = b"MAILBOXID"
    SIZE = b"SIZE"
    DELETED = b"DELETED"
    DELETED_STORAGE = b"DELETED-STORAGE"
    APPENDLIMIT = b"APPENDLIMIT"


_ITEMS: Final[Mapping[bytes, StatusItem]] = MappingProxyType({item.value: item for item in StatusItem})


def parse_status_items(scanner: Scanner) -> tuple[StatusItem, ...]:
    """Read the list of items; each once, in the order given."""
    scanner.expect(b"(", "a list of status items")
    items: dict[StatusItem, None] = {}
    while not items or not scanner.takes(b")"):
        if items:
            scanner.space()
        item = _ITEMS.get(scanner.atom("a status item").upper())
        if item is None:
            raise BadCommand("Unknown status item")
        items[item] = None
    return tuple(items)
