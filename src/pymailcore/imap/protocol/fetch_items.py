"""What FETCH can ask for.

Standards: RFC 3501 section 6.4.5, RFC 8514 section 4.2 (SAVEDATE).
"""

import enum
from dataclasses import dataclass


class Attribute(enum.Enum):
    """Items that are kept ready; the value is the name on the wire."""

    UID = b"UID"
    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    SIZE = b"RFC822.SIZE"
    ENVELOPE = b"ENVELOPE"
    BODY = b"BODY"
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    SAVEDATE = b"SAVEDATE"


@dataclass(frozen=True, slots=True)
class BodySection:
    r"""Octets of a message: BODY[…], BODY.PEEK[…], RFC822, RFC822.HEADER, RFC822.TEXT.

    Attributes:
        label: the item's name in the answer, with the origin octet of a partial fetch.
        path: numbers of the part, none for the message itself.
        what: "", HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME.
        fields: of HEADER.FIELDS and HEADER.FIELDS.NOT, as written.
        first, count: of a partial fetch, in octets; None for all.
        peek: reading does not set `\Seen`.
    """

    label: bytes
    path: tuple[int, ...] = ()
    what: str = ""
    fields: tuple[str, ...] = ()
    first: int | None = None
    count: int = 0
    peek: bool = False


FetchItem = Attribute | BodySection
