"""A message written from header fields and a tree of parts.

Standards: RFC 5322, RFC 2045, RFC 2046 section 5.1, RFC 2387 (multipart/related), RFC 8621 section 4.6
(Email/set create).

Everything written is seven bits wide, but for a message/rfc822 part, which may not be encoded (RFC 2046
section 5.2.1), and for addresses beyond ASCII. Boundary, Message-ID and date are arguments.
"""

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pymailcore.base.errors import InvalidValue
from pymailcore.message.encode import (
    address_header,
    base64_lines,
    date_header,
    encode_header,
    grouped_address_header,
    message_ids_header,
    parameter_header,
    raw_header,
    urls_header,
)
from pymailcore.message.limits import MAX_DEPTH

__all__ = [
    "BodyPart",
    "address_header",
    "body_tree",
    "compose",
    "date_header",
    "encode_header",
    "grouped_address_header",
    "message_ids_header",
    "parameter_header",
    "raw_header",
    "reply_references",
    "reply_subject",
    "urls_header",
]

_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+\Z")
_BOUNDARY: Final = re.compile(r"[A-Za-z0-9'()+_,./:=?-]{1,60}\Z")
# RFC 2046 section 5.2.1, RFC 3464 section 2.1, RFC 6522 section 4
_NEVER_ENCODED: Final = (
    "message/rfc822",
    "message/global",
    "message/delivery-status",
    "message/global-delivery-status",
    "text/rfc822-headers",
)
_LONG_LINE: Final = re.compile(rb"^[^\n]{999}", re.MULTILINE)
_MAX_REFERENCES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPart:
    """One node: a multipart with `parts`, or a leaf with `content`.

    Attributes:
        type: media type without parameters, such as `text/plain` or `multipart/mixed`.
        content: text, written in UTF-8 with CRLF; or octets, which arrive as they are.
        charset: of octets of type text; None writes no charset.
        parameters: further parameters of Content-Type.
        fields: whole further fields, from the functions of `message.encode`.
    """

    type: str = "text/plain"
    content: str | bytes = b""
    charset: str | None = None
    name: str | None = None
    disposition: str | None = None
    cid: str | None = None
    language: tuple[str, ...] = ()
    location: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    fields: tuple[bytes, ...] = ()
    parts: tuple["BodyPart", ...] = ()


def compose(header: Sequence[bytes], body: BodyPart, *, boundary: str) -> bytes:
    """Write a message.

    Args:
        header: whole fields with their line ends, in their order; MIME-Version is added when missing.
        boundary: 1 to 60 characters that nobody can guess; `=_` in it keeps it out of encoded bodies.

    Raises:
        InvalidValue: a value cannot stand in a message, or the tree is more than 50 levels deep.
    """
    if not _BOUNDARY.match(boundary):
        raise InvalidValue
    out = list(header)
    if not any(line[:13].lower() == b"mime-version:" for line in header):
        out.append(b"MIME-Version: 1.0\r\n")
    _Writer(out, boundary).write(body, 1)
    return b"".join(out)


class _Writer:
    """Writes the tree; its depth is bounded by MAX_DEPTH."""

    def __init__(self, out: list[bytes], boundary: str) -> None:
        self._out = out
        self._boundary = boundary
        self._multiparts = 0

    def write(self, part: BodyPart, depth: int) -> None:
        if depth > MAX_DEPTH or not _MEDIA_TYPE.match(part.type):
            raise InvalidValue
        if part.type.lower().startswith("multipart/"):
            self._write_multipart(part, depth)
        elif part.parts:
            raise InvalidValue
        else:
            self._write_leaf(part)

    def _write_multipart(self, part: BodyPart, depth: int) -> None:
        if not part.parts:
            raise InvalidValue
        self._multiparts += 1
        boundary = self._boundary if self._multiparts == 1 else f"{self._boundary}_{self._multiparts}"
        self._fields(part, {"boundary": boundary}, None)
        line = b"--" + boundary.encode("ascii")
        out = self._out
        for child in part.parts:
            out.append(b"\r\n" + line + b"\r\n")
            self.write(child, depth + 1)
        out.append(b"\r\n" + line + b"--\r\n")

    def _write_leaf(self, part: BodyPart) -> None:
        parameters = {}
        if isinstance(part.content, str):
            octets = canonical_text(part.content)
            parameters["charset"] = "utf-8"
        else:
            octets = part.content
            if part.charset is not None:
                parameters["charset"] = part.charset
        encoding, body = self._encode(part, octets)
        self._fields(part, parameters, encoding)
        self._out.append(b"\r\n" + body)

    def _encode(self, part: BodyPart, octets: bytes) -> tuple[str, bytes]:
        if part.type.lower() in _NEVER_ENCODED:
            return ("7bit" if octets.isascii() else "8bit"), octets
        is_text = isinstance(part.content, str)
        if (is_text or part.type.startswith("text/")) and self._is_seven_bit(octets):
            return "7bit", octets
        if is_text:
            beyond = len(octets) - len(octets.translate(None, _BEYOND_ASCII))
            if beyond * 6 <= len(octets):
                encoded = binascii.b2a_qp(octets)
                if self._boundary.encode("ascii") not in encoded:
                    return "quoted-printable", encoded
        return "base64", base64_lines(octets)

    def _is_seven_bit(self, octets: bytes) -> bool:
        return (
            octets.isascii()
            and b"\0" not in octets
            and octets.count(b"\r\n") == octets.count(b"\n") == octets.count(b"\r")
            and self._boundary.encode("ascii") not in octets
            and not _LONG_LINE.search(octets)
        )

    def _fields(self, part: BodyPart, parameters: dict[str, str], encoding: str | None) -> None:
        out = self._out
        if part.name:
            parameters["name"] = part.name
        out.append(parameter_header("Content-Type", part.type, {**part.parameters, **parameters}))
        if encoding is not None and encoding != "7bit":
            out.append(f"Content-Transfer-Encoding: {encoding}\r\n".encode("ascii"))
        if part.disposition:
            names = {"filename": part.name} if part.name else {}
            out.append(parameter_header("Content-Disposition", part.disposition, names))
        if part.cid:
            out.append(message_ids_header("Content-ID", [part.cid]))
        if part.language:
            out.append(encode_header("Content-Language", ", ".join(part.language)))
        if part.location:
            out.append(encode_header("Content-Location", part.location))
        out.extend(part.fields)


_BEYOND_ASCII: Final = bytes(range(128, 256))


def canonical_text(text: str) -> bytes:
    """Give text as UTF-8 whose lines end with CRLF."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    return text.encode("utf-8", "replace")


def body_tree(
    text: str | None,
    html: str | None,
    *,
    inline: Sequence[BodyPart] = (),
    attachments: Sequence[BodyPart] = (),
) -> BodyPart:
    """Make the usual tree: alternative of text and HTML, related with inline parts, mixed with files."""
    leaves = []
    if text is not None or html is None:
        leaves.append(BodyPart(content=text or ""))
    if html is not None:
        page = BodyPart(type="text/html", content=html)
        if inline:
            page = BodyPart(type="multipart/related", parameters={"type": "text/html"}, parts=(page, *inline))
        leaves.append(page)
    body = leaves[0] if len(leaves) == 1 else BodyPart(type="multipart/alternative", parts=tuple(leaves))
    files = (*attachments, *(() if html is not None else inline))
    return BodyPart(type="multipart/mixed", parts=(body, *files)) if files else body


def reply_subject(base: str) -> str:
    """Give the subject of a reply, from the base subject (RFC 5322 section 3.6.5)."""
    return f"Re: {base}"


def reply_references(
    message_id: Sequence[str] | None, references: Sequence[str] | None, in_reply_to: Sequence[str] | None
) -> list[str]:
    """Give References for a reply to a message with these fields (RFC 5322 section 3.6.4).

    Of a long chain the first and the newest ids are kept.
    """
    chain = list(references or ())
    if not chain and in_reply_to and len(in_reply_to) == 1:
        chain = list(in_reply_to)
    chain = list(dict.fromkeys([*chain, *(message_id or ())]))
    return chain if len(chain) <= _MAX_REFERENCES else [chain[0], *chain[-_MAX_REFERENCES + 1 :]]
