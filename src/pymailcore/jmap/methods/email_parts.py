"""EmailBodyPart and EmailBodyValue objects.

Standards: RFC 8621 section 4.1.4.
"""

from collections.abc import Callable, Sequence
from typing import Final

from pymailcore.jmap.methods.email_properties import Wish
from pymailcore.jmap.methods.header_forms import header_list
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.message.bodies import bodies
from pymailcore.message.headers import split_fields
from pymailcore.message.structure import Part, walk
from pymailcore.message.text import decode_body, text_of

_FROM_TREE: Final[dict[str, Callable[[Part], object]]] = {
    "partId": lambda part: None if part.is_multipart else part.path,
    "name": lambda part: part.filename,
    "type": lambda part: part.mime_type,
    "charset": lambda part: part.charset,
    "disposition": lambda part: part.disposition,
    "cid": lambda part: part.cid,
    "language": lambda part: list(part.language) or None,
    "location": lambda part: part.location,
}


class PartWriter:
    """Makes EmailBodyParts of one message.

    Args:
        octets: the whole message, when the wish needs it (`needs_octets`).
        blob_id: gives the blob id of a leaf by its number.
    """

    def __init__(self, wish: Wish, octets: bytes, blob_id: Callable[[str], str | None]) -> None:
        self._wish = wish
        self._octets = octets
        self._blob_id = blob_id

    def part(self, part: Part) -> JsonObject:
        """One part; a multipart brings its parts along when they are wanted."""
        document = self._one(part)
        if "subParts" in self._wish.body or part.is_multipart:
            # RFC 8621 section 4.1.4: parts of a multipart only; a message inside is a blob of its own.
            waiting = [(part, document)]
            while waiting:
                above, written = waiting.pop()
                if not above.is_multipart:
                    if "subParts" in self._wish.body:
                        written["subParts"] = None
                    continue
                below = [(child, self._one(child)) for child in above.children]
                written["subParts"] = [child for _, child in below]
                waiting += below
        return document

    def parts(self, parts: Sequence[Part]) -> list[object]:
        """A flat list of leaves."""
        return [self.part(part) for part in parts]

    def _one(self, part: Part) -> JsonObject:
        document: JsonObject = {
            name: make(part) for name, make in _FROM_TREE.items() if name in self._wish.body
        }
        leaf = not part.is_multipart
        if "blobId" in self._wish.body:
            document["blobId"] = self._blob_id(part.path) if leaf else None
        if "size" in self._wish.body:
            document["size"] = len(decode_body(self._octets, part)) if _encoded(part) else part.size
        if "headers" in self._wish.body or self._wish.body_headers:
            fields = self._fields(part)
            if "headers" in self._wish.body:
                document["headers"] = header_list(fields)
            for name, header in self._wish.body_headers:
                document[name] = header.value(fields)
        return document

    def _fields(self, part: Part) -> list[tuple[str, bytes]]:
        return split_fields(self._octets[part.header_start : part.body_start])


def _encoded(part: Part) -> bool:
    return part.encoding in {"base64", "quoted-printable"} and not part.is_multipart


def needs_octets(wish: Wish, root: Part) -> bool:
    """Whether parts cannot be written from the tree alone: sizes of encoded ones, their header fields."""
    if not wish.shows_parts:
        return False
    if wish.body_headers or "headers" in wish.body:
        return True
    return "size" in wish.body and any(_encoded(part) for part in walk(root))


def write_parts(wish: Wish, root: Part, writer: PartWriter) -> JsonObject:
    """The properties bodyStructure, textBody, htmlBody and attachments, as wanted."""
    document: JsonObject = {}
    if "bodyStructure" in wish.parts:
        document["bodyStructure"] = writer.part(root)
    if wish.parts & {"textBody", "htmlBody", "attachments"}:
        found = bodies(root)
        for name, parts in (
            ("textBody", found.text_body),
            ("htmlBody", found.html_body),
            ("attachments", found.attachments),
        ):
            if name in wish.parts:
                document[name] = writer.parts(parts)
    return document


class BodyValueWish:
    """Which body values a client wants, and how much of each."""

    def __init__(self, *, text: bool, html: bool, everything: bool, max_octets: int) -> None:
        self._text = text
        self._html = html
        self._everything = everything
        self._max_octets = max_octets

    @property
    def any(self) -> bool:
        """Whether any are wanted."""
        return self._text or self._html or self._everything

    def write(self, octets: bytes, root: Part) -> JsonObject:
        """EmailBodyValue objects by partId (RFC 8621 section 4.2)."""
        if not self.any:
            return {}
        if self._everything:
            chosen = [part for part in _shown(root) if part.type == "text"]
        else:
            found = bodies(root)
            chosen = [*(found.text_body if self._text else ()), *(found.html_body if self._html else ())]
        return {part.path: self._value(octets, part) for part in chosen if part.type == "text"}

    def _value(self, octets: bytes, part: Part) -> JsonObject:
        text, problem = text_of(octets, part)
        cut = cut_text(text, self._max_octets, html=part.subtype == "html")
        return {"value": cut, "isEncodingProblem": problem, "isTruncated": len(cut) < len(text)}


def _shown(root: Part) -> list[Part]:
    """Leaves that have a partId: those inside of a message/rfc822 belong to that message."""
    leaves = []
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if part.is_multipart:
            waiting += reversed(part.children)
        else:
            leaves.append(part)
    return leaves


def cut_text(text: str, max_octets: int, *, html: bool) -> str:
    """Cut a text to a number of octets in UTF-8: no half character, no half tag (RFC 8621 section 4.2)."""
    if len(text) * 4 <= max_octets:
        return text
    octets = text.encode("utf-8", "replace")
    if len(octets) <= max_octets:
        return text
    cut = octets[:max_octets].decode("utf-8", "ignore")
    if html:
        opened = cut.rfind("<")
        if opened > cut.rfind(">"):
            cut = cut[:opened]
    return cut
