"""A message for hosts that take less than it has: octets above 127, or lines of any length and end.

Standards: RFC 6152 section 3, RFC 3030 section 3 (conversion at a relay), RFC 2045 sections 6.4, 6.7 and 6.8,
RFC 1847 section 2.1 (signed and encrypted parts are not touched).

Leaf parts that need it are encoded anew, and their headers, and those of the multiparts around them, say so.
Text in headers becomes encoded-words (`downgrade_header`). Everything else stays octet for octet, and what
arrives has the same leaf contents. Signatures over the whole message, as DKIM makes them, do not survive;
that is why such a message is better signed in seven bits.
"""

import binascii
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pymailcore.message.downgrade_header import CannotConvert, ascii_header
from pymailcore.message.encode import base64_lines
from pymailcore.message.fields import every_field
from pymailcore.message.parse import parse
from pymailcore.message.slices import MAX_CALL, count, pieces
from pymailcore.message.structure import Part
from pymailcore.message.transfer import KNOWN, decode_transfer

MAX_LINE_OCTETS: Final = 998  # RFC 5322 section 2.1.1, without its end
_IDENTITY: Final = frozenset(("7bit", "8bit", "binary"))
_SEALED: Final = frozenset(("multipart/signed", "multipart/encrypted"))
_COMPOSITE: Final = re.compile(rb"\s*(?:multipart|message)\s*/", re.IGNORECASE)
_HIGH: Final = bytes(range(128, 256))
_MAX_QP_LINE: Final = 76
_CTE: Final = b"content-transfer-encoding"


class _Edit(NamedTuple):
    start: int
    end: int
    octets: bytes


class _Around(NamedTuple):
    """A part and whether it lies in something that is signed or encrypted."""

    part: Part
    sealed: bool


def fits_lines(octets: bytes) -> bool:
    """Whether these are lines that any host takes: ended by CRLF only, of at most 998 octets, without NUL."""
    size = len(octets)
    ends = 0
    place = 0
    while place < size:
        stop = size
        if size - place > MAX_CALL:
            stop = octets.rfind(b"\n", place, place + MAX_CALL) + 1
        lines = octets[place:stop]
        if not stop or b"\0" in lines or max(map(len, lines.split(b"\n"))) > MAX_LINE_OCTETS + 1:
            return False
        ends += lines.count(b"\r\n")
        place = stop
    return count(octets, b"\n", 0, size) == ends == count(octets, b"\r", 0, size)


def downgrade(octets: bytes, *, eight_bit: bool, header: bool = True) -> bytes:
    """Give a message in a form that needs no BINARYMIME, nor, unless `eight_bit`, 8BITMIME.

    A message that is in such a form already comes back as it is.

    Args:
        header: fields of text may be written with encoded-words.

    Raises:
        CannotConvert: what must be changed is a field that is no text, or is signed or encrypted, or cannot
            be encoded.
    """
    if header and not eight_bit:
        octets = _with_ascii_headers(octets)
    root = parse(octets).root
    return _edited(
        octets,
        [
            edit
            for around in _parts(root)
            for edit in _edits(octets, around, eight_bit=eight_bit, is_root=around.part is root)
        ],
    )


def _with_ascii_headers(octets: bytes) -> bytes:
    """Write fields of text anew that have octets above 127; those of what is signed stay as they are."""
    edits = []
    for part, sealed in _parts(parse(octets).root):
        header = octets[part.header_start : part.body_start]
        if not (sealed or header.isascii()):
            edits.append(_Edit(part.header_start, part.body_start, ascii_header(header)))
    return _edited(octets, edits)


def _edited(octets: bytes, edits: list[_Edit]) -> bytes:
    edits.sort()
    out = []
    place = 0
    for start, end, new in edits:
        out += [octets[place:start], new]
        place = end
    return b"".join([*out, octets[place:]]) if edits else octets


def _parts(root: Part) -> Iterator[_Around]:
    stack = [_Around(root, sealed=False)]
    while stack:
        around = stack.pop()
        yield around
        sealed = around.sealed or around.part.mime_type in _SEALED
        stack += [_Around(child, sealed) for child in around.part.children]


def _edits(octets: bytes, around: _Around, *, eight_bit: bool, is_root: bool) -> Iterator[_Edit]:
    part = around.part
    if not eight_bit and not octets[part.header_start : part.body_start].isascii():
        raise CannotConvert("a header has octets above 127")
    if part.children:
        yield from _container_edits(octets, around, eight_bit=eight_bit)
        return
    body = octets[part.body_start : part.body_end]
    if (eight_bit or body.isascii()) and fits_lines(body):
        if part.encoding == "binary":
            yield _labelled(octets, around, "7bit" if body.isascii() else "8bit")
        elif part.encoding == "8bit" and not eight_bit and not around.sealed:
            yield _labelled(octets, around, "7bit")
        return
    if eight_bit and part.encoding != "binary":
        return  # the lines of what never was binary are as they always were
    if body.isascii() and part.encoding != "binary":
        return
    if part.encoding not in KNOWN or _is_composite(octets, part):
        raise CannotConvert("a part that cannot be encoded has octets above 127, or no lines")
    name, encoded = _encode(part, decode_transfer(body, part.encoding))
    yield _labelled(octets, around, name, plain=is_root)
    yield _Edit(part.body_start, part.body_end, encoded)


def _container_edits(octets: bytes, around: _Around, *, eight_bit: bool) -> Iterator[_Edit]:
    """Change the label of a multipart, and take octets above 127 from between its parts."""
    part = around.part
    if part.encoding == "binary":
        yield _labelled(octets, around, "8bit" if eight_bit else "7bit")
    elif part.encoding == "8bit" and not eight_bit and not around.sealed:
        yield _labelled(octets, around, "7bit")
    place = part.body_start
    for start, end in [
        *((c.header_start, c.body_end) for c in part.children),
        (part.body_end, part.body_end),
    ]:
        between = octets[place:start]
        new = between if eight_bit else b"".join(p.translate(_ASCII) for p in pieces(between))
        new = new if fits_lines(new) else _lines_of(new)
        if new != between:
            if around.sealed or part.mime_type in _SEALED:
                raise CannotConvert("something signed or encrypted has octets above 127, or no lines")
            yield _Edit(place, start, new)
        place = end


def _lines_of(between: bytes) -> bytes:
    """Lines of what nobody reads: text in front of, between and behind the parts, and the boundaries."""
    lines = between.replace(b"\0", b"").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return b"\r\n".join(line[:MAX_LINE_OCTETS] for line in lines)


_ASCII: Final = bytes(octet if octet < 128 else ord("?") for octet in range(256))


def _labelled(octets: bytes, around: _Around, encoding: str, *, plain: bool = False) -> _Edit:
    """Say in a header how its body is encoded.

    Args:
        plain: the message's own header; it becomes that of a MIME message if it is none (RFC 2045 section 4).
    """
    part = around.part
    if around.sealed:
        raise CannotConvert("what would have to be changed is signed or encrypted")
    start, end = part.header_start, part.body_start
    fields = list(every_field(octets, start, end))
    label = b"Content-Transfer-Encoding: " + encoding.encode()
    kept: list[bytes] = []
    place = start
    for field in fields:
        if field.name.strip().lower() == _CTE:
            kept.append(octets[place : field.start])
            place = min(field.end + 1, end)
    rest = octets[place:end]
    names = {field.name.strip().lower() for field in fields}
    more = [label]
    if plain and b"mime-version" not in names:
        more.insert(0, b"MIME-Version: 1.0")
    if plain and b"content-type" not in names:
        more.append(b"Content-Type: text/plain; charset=unknown-8bit")
    tail = b"\r\n" if rest.endswith(b"\r\n") or not rest else b"\n"
    if rest == tail or rest.endswith((b"\r\n\r\n", b"\n\n")):
        cut = len(rest) - len(tail)
        rest, tail = rest[:cut], rest[cut:]
    else:
        tail = b"\r\n"
    return _Edit(start, end, b"".join([*kept, rest, *(line + b"\r\n" for line in more), tail]))


def _is_composite(octets: bytes, part: Part) -> bool:
    """Whether a part may not be encoded (RFC 2045 section 6.4), whatever the parser took it for."""
    for field in every_field(octets, part.header_start, part.body_start):
        if field.name.strip().lower() == b"content-type":
            value = octets[field.value : field.end]
            return _COMPOSITE.match(value) is not None and b"global" not in value[:40].lower()
    return part.type in ("multipart", "message")


def _encode(part: Part, content: bytes) -> tuple[str, bytes]:
    """Choose quoted-printable for text that stays readable by it, base64 for all else."""
    if part.type == "text" and len(content) <= MAX_CALL // 4 and _has_plain_lines(content):
        high = len(content) - len(content.translate(None, _HIGH))
        encoded = binascii.b2a_qp(content).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        # a line that begins like a boundary could be taken for one
        encoded = (b"\r\n" + encoded).replace(b"\r\n--", b"\r\n=2D-")[2:]
        if high * 6 <= len(content) and max(map(len, encoded.split(b"\r\n"))) <= _MAX_QP_LINE:
            return "quoted-printable", encoded
    return "base64", base64_lines(content)


def _has_plain_lines(content: bytes) -> bool:
    ends = content.count(b"\r\n")
    return content.count(b"\n") == ends == content.count(b"\r")
