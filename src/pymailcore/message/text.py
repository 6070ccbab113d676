"""The text in a message: transfer encoding and charset undone, HTML reduced to its words.

Standards: RFC 2046 section 4.1, RFC 3676 (format=flowed), RFC 8621 section 4.1.4 (EmailBodyValue).
"""

import re
from typing import Final

from pymailcore.message.charsets import decode_text
from pymailcore.message.flowed import join_flowed
from pymailcore.message.html import html_to_text
from pymailcore.message.slices import lf_lines
from pymailcore.message.structure import Part, walk
from pymailcore.message.transfer import KNOWN, UUENCODE, decode_transfer

__all__ = [
    "decode_body",
    "file_text",
    "flowed_text_of",
    "html_to_text",
    "is_encoding_known",
    "is_markup",
    "is_text_file",
    "searchable_text",
    "text_of",
    "text_prefix",
]

_MAX_ENCODED_SHARE: Final = 3  # octets that quoted-printable may take for one
_MARKUP: Final = frozenset({"rtf", "richtext-rtf"})
_FILES: Final = re.compile(r"\.(?:csv|tsv|txt|text|md|markdown|log|ics|vcf)\s*\Z", re.IGNORECASE)
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")


def decode_body(octets: bytes, part: Part) -> bytes:
    """Give a part's body without its transfer encoding; as far as it goes where it is damaged."""
    return decode_transfer(octets[part.body_start : part.body_end], part.encoding)


def is_encoding_known(part: Part) -> bool:
    """Whether `decode_body` can undo the part's transfer encoding (RFC 2045 section 6.1)."""
    return part.encoding in KNOWN


def text_of(octets: bytes, part: Part) -> tuple[str, bool]:
    """Give the text of a part, and whether its encoding or charset was unknown or broken.

    Line ends are LF, as JMAP wants them (RFC 8621 section 4.1.4).
    """
    text, problem = decode_text(decode_body(octets, part), part.charset or "us-ascii")
    return lf_lines(text), problem or not is_encoding_known(part)


def flowed_text_of(octets: bytes, part: Part) -> tuple[str, bool]:
    """Give the text of a part as `text_of`, its paragraphs joined where it is format=flowed."""
    text, problem = text_of(octets, part)
    if part.mime_type == "text/plain" and part.parameters.get("format", "").lower() == "flowed":
        text = join_flowed(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
    return text, problem


def text_prefix(octets: bytes, part: Part, limit_octets: int) -> str:
    """Give the beginning of a part's text; reads about `limit_octets` of it, whatever its length."""
    decoded = _decoded_prefix(octets, part, limit_octets)
    return decode_text(decoded, part.charset or "us-ascii")[0]


def _decoded_prefix(octets: bytes, part: Part, limit_octets: int) -> bytes:
    if part.encoding == "base64" or part.encoding in UUENCODE:
        share = limit_octets * 3 // 2
    elif part.encoding == "quoted-printable":
        share = limit_octets * _MAX_ENCODED_SHARE
    else:
        share = limit_octets
    end = min(part.body_end, part.body_start + share)
    decoded = decode_transfer(octets[part.body_start : end], part.encoding)
    if end < part.body_end or len(decoded) > limit_octets:
        decoded = _whole_characters(decoded[:limit_octets])
    return decoded


def _whole_characters(octets: bytes) -> bytes:
    """Leave out a UTF-8 character that was cut at the end."""
    for back in range(1, min(4, len(octets)) + 1):
        octet = octets[-back]
        if octet < 0x80:
            return octets
        if octet >= 0xC0:
            whole = 2 if octet < 0xE0 else 3 if octet < 0xF0 else 4
            return octets if back >= whole else octets[:-back]
    return octets


def is_markup(part: Part) -> bool:
    """Whether a text part has its words in a markup that is not read here: Rich Text Format."""
    return part.type == "text" and part.subtype in _MARKUP


def is_text_file(part: Part) -> bool:
    """Whether only the file name of a part calls it text."""
    return part.type == "application" and not part.children and _FILES.search(part.filename or "") is not None


def file_text(octets: bytes, part: Part, limit_octets: int) -> str:
    """Give the text of a part that only its file name calls text; empty where it is none.

    Programs send such files as application/octet-stream (RFC 2046 section 4.5.1), a .csv even as a sheet of
    Excel. Their charset is the one that the part names, UTF-16 where they begin with its mark, else UTF-8 or
    Latin-1.

    Args:
        limit_octets: of the decoded part; the rest is left out.
    """
    if not is_text_file(part):
        return ""
    decoded = _decoded_prefix(octets, part, limit_octets)
    label = part.charset or ("utf-16" if decoded.startswith(_WIDE) else "us-ascii")
    text = decode_text(decoded, label)[0].removeprefix("\ufeff")
    return "" if "\0" in text else lf_lines(text)


def searchable_text(octets: bytes, root: Part, limit_octets: int) -> str:
    """Give all text of a message, HTML as text, parts apart by a line end; messages inside included.

    Parts whose words are in a markup that is not read here (`is_markup`) are left out.

    Args:
        limit_octets: of decoded text that is looked at, over all parts; the rest is left out.
    """
    out: list[str] = []
    left = limit_octets
    for part in walk(root):
        if part.type != "text" or is_markup(part):
            continue
        if left <= 0:
            break
        text = text_prefix(octets, part, left)
        left -= min(part.size, left)
        if part.subtype == "html":
            text = html_to_text(text, limit_octets)
        out.append(lf_lines(text))
    return "\n".join(out)
