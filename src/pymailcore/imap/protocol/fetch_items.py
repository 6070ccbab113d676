"""What FETCH can ask for.

Standards: RFC 3501 section 6.4.5, RFC 3516 section 4.2 (BINARY), RFC 8514 section 4.2 (SAVEDATE), RFC 8970
section 3 (PREVIEW).
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
    MODSEQ = b"MODSEQ"
    EMAILID = b"EMAILID"
    THREADID = b"THREADID"
    PREVIEW = b"PREVIEW"


class Form(enum.Enum):
    """What is given of a section."""

    OCTETS = enum.auto()  # as they stand in the message
    DECODED = enum.auto()  # without the transfer encoding
    DECODED_SIZE = enum.auto()  # how many these are


@dataclass(frozen=True, slots=True)
class BodySection:
    r"""Octets of a message: BODY[…], BINARY[…], each with PEEK, BINARY.SIZE[…], RFC822 and its parts.

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
    form: Form = Form.OCTETS


FetchItem = Attribute | BodySection
