"""The line of text that a list of messages shows under the subject.

Standards: RFC 8621 section 4.1.4 (preview): at most 256 characters.
"""

from typing import Final

from pymailcore.message.bodies import Bodies
from pymailcore.message.html import html_to_text
from pymailcore.message.structure import Part
from pymailcore.message.text import text_prefix

MAX_PREVIEW: Final = 256
_PLAIN_OCTETS: Final = 2048
_MORE_PLAIN_OCTETS: Final = 16_384
_HTML_OCTETS: Final = 65_536


def preview(octets: bytes, sorted_parts: Bodies) -> str:
    """Make the preview from the first text part; reads a bounded beginning of it.

    Quoted lines are left out where anything else remains.
    """
    part = next((part for part in sorted_parts.text_body if part.type == "text"), None)
    if part is None:
        part = next((part for part in sorted_parts.html_body if part.type == "text"), None)
    if part is None:
        return ""
    if part.subtype == "html":
        text = html_to_text(text_prefix(octets, part, _HTML_OCTETS), MAX_PREVIEW * 2)
        return _collapsed(text)
    text = _plain(octets, part, _PLAIN_OCTETS)
    if len(text) < MAX_PREVIEW and part.size > _PLAIN_OCTETS:
        text = _plain(octets, part, _MORE_PLAIN_OCTETS)
    return text


def _plain(octets: bytes, part: Part, limit_octets: int) -> str:
    text = text_prefix(octets, part, limit_octets)
    if ">" in text:
        own = [line for line in text.split("\n") if not line.startswith(">")]
        return _collapsed("\n".join(own)) or _collapsed(text)
    return _collapsed(text)


def _collapsed(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", "")
    short = " ".join(text[: 2 * MAX_PREVIEW].split())
    if len(short) < MAX_PREVIEW and len(text) > 2 * MAX_PREVIEW:
        short = " ".join(text.split())
    return short[:MAX_PREVIEW].rstrip()
