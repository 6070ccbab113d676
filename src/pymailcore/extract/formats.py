"""Which parts of a message may hold text that only a helper can read.

Standards: RFC 2046 section 4.5.1 (application/octet-stream says nothing about what is in it).
"""

import re
from enum import IntEnum
from typing import Final


class Family(IntEnum):
    """What the octets are, as far as a helper needs to know; the values travel to it."""

    PDF = 1
    PACKAGE = 2
    RTF = 3


_TYPES: Final = re.compile(
    r"application/(?:"
    r"(?:x-)?pdf|(?:x-)?rtf|msword"
    r"|vnd\.openxmlformats-officedocument\.(?:wordprocessing|spreadsheet|presentation)ml\.[a-z]+"
    r"|vnd\.ms-(?:word|excel|powerpoint)\.[a-z]+\.macroenabled\.12"
    r"|vnd\.oasis\.opendocument\.(?:text|spreadsheet|presentation|graphics)(?:-[a-z]+)?"
    r")|text/(?:rtf|richtext-rtf)"
)
_NAMES: Final = re.compile(r"\.(?:pdf|rtf|doc[xm]?|dot[xm]|xls[xm]|xlt[xm]|pp[ts][xm]|pot[xm]|o[td][tspg])\Z")
_OTHERS: Final = ("text/", "message/", "multipart/", "image/", "audio/", "video/")

_PDF_WITHIN_OCTETS: Final = 1_024


def may_have_text(media_type: str, file_name: str) -> bool:
    """Tell by a part's name and type whether a helper should see it; cheap.

    A type that says nothing, or the wrong thing, is common: then the name's ending counts.
    """
    media_type = media_type.lower()
    if _TYPES.fullmatch(media_type):
        return True
    return not media_type.startswith(_OTHERS) and _NAMES.search(file_name.strip().lower()) is not None


def family_of(octets: bytes) -> Family | None:
    """Tell by its first octets what an attachment is, whatever it is called; None for anything else."""
    if octets.startswith(b"PK\x03\x04"):
        return Family.PACKAGE
    beginning = octets[:_PDF_WITHIN_OCTETS]
    if beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(rb"{\rtf"):
        return Family.RTF
    if b"%PDF-" in beginning:
        return Family.PDF
    return None
