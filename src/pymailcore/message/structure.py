"""The tree of a message's parts, as it is kept beside the message.

Standards: RFC 2045, RFC 2046 section 5, RFC 9051 section 6.4.5.1 (part numbers), RFC 8621 section 4.1.4.

Places are offsets in the whole message. `unpack(pack(part)) == part`. The tree is at most 50 levels deep
(`message.limits`), so msgspec may walk it by recursion; own code walks it with a list.
"""

from collections.abc import Iterator, Sequence

import msgspec


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One part.

    Attributes:
        path: IMAP part number, "1" for a message that is one part. A multipart that is a whole message has
            no number: it is "" for the message itself and "2.TEXT" inside of the message/rfc822 "2".
        type: lower case, as `subtype`; text/plain where there is no valid Content-Type.
        parameters: of Content-Type, decoded (RFC 2231), names in lower case.
        encoding: Content-Transfer-Encoding in lower case, "7bit" when there is none.
        disposition: in lower case, None without one.
        content_id: as written, with its angle brackets; `cid` is without.
        description: as written, encoded-words not decoded.
        language: tags of Content-Language.
        location: Content-Location.
        md5: Content-MD5.
        header_start: where the part begins.
        body_start: behind the empty line of its header.
        body_end: behind its last octet; the line end before a boundary belongs to the boundary.
        lines: line ends in the body.
        envelope: ENVELOPE of the message inside, for message/rfc822; empty otherwise.
        children: parts of a multipart; the one message of a message/rfc822.
    """

    path: str
    type: str
    subtype: str
    parameters: dict[str, str]
    encoding: str
    disposition: str | None
    disposition_parameters: dict[str, str]
    content_id: str | None
    description: str | None
    language: tuple[str, ...]
    location: str | None
    md5: str | None
    header_start: int
    body_start: int
    body_end: int
    lines: int
    envelope: bytes = b""
    children: "tuple[Part, ...]" = ()

    @property
    def size(self) -> int:
        """Octets of the body as it stands in the message."""
        return self.body_end - self.body_start

    @property
    def mime_type(self) -> str:
        """Type and subtype, as JMAP has them: `text/plain`."""
        return f"{self.type}/{self.subtype}"

    @property
    def is_multipart(self) -> bool:
        """Whether the type is multipart, also when it has no parts."""
        return self.type == "multipart"

    @property
    def is_message(self) -> bool:
        """Whether it holds a message that was parsed (message/rfc822, message/global)."""
        return self.type == "message" and bool(self.children)

    @property
    def cid(self) -> str | None:
        """Content-ID without angle brackets."""
        if self.content_id is None:
            return None
        return self.content_id.strip().removeprefix("<").removesuffix(">") or None

    @property
    def filename(self) -> str | None:
        """The name of Content-Disposition, or of Content-Type (RFC 8621 section 4.1.4, `name`)."""
        return self.disposition_parameters.get("filename") or self.parameters.get("name") or None

    @property
    def charset(self) -> str | None:
        """The charset parameter; us-ascii for text without one (RFC 2046 section 4.1.2)."""
        if self.type != "text":
            return self.parameters.get("charset")
        return self.parameters.get("charset") or "us-ascii"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Part)


def pack(part: Part) -> bytes:
    """Give the tree its form at rest (msgpack)."""
    return _encoder.encode(part)


def unpack(packed: bytes) -> Part:
    """Read the tree again."""
    return _decoder.decode(packed)


def walk(part: Part) -> Iterator[Part]:
    """Give the part and all below it in the order of the message; messages inside included."""
    stack = [part]
    while stack:
        part = stack.pop()
        yield part
        if part.children:
            stack.extend(reversed(part.children))


def find(root: Part, path: str | Sequence[int]) -> Part | None:
    """Find a part by its number, "1.2.3" or (1, 2, 3); "" and () are the root; None if there is none.

    Standards: RFC 9051 section 6.4.5.1.
    """
    if isinstance(path, str):
        pieces = path.split(".") if path else []
        if len(pieces) > 200 or not all(piece.isascii() and piece.isdecimal() for piece in pieces):
            return None
        numbers: Sequence[int] = [int(piece[:9]) for piece in pieces]
    else:
        numbers = path
    part = root
    whole = True  # `part` is a whole message, whose one part, if it is no multipart, is number 1
    for number in numbers:
        if not whole and part.is_message:
            part = part.children[0]
            whole = True
        if part.type == "multipart" and part.children:
            if not 1 <= number <= len(part.children):
                return None
            part = part.children[number - 1]
        elif not whole or number != 1:
            return None
        whole = False
    return part
