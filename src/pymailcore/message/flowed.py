"""Plain text whose paragraphs flow: format=flowed, read and written.

Standards: RFC 3676 sections 4.1 (reading), 4.2 (writing), 4.3 (signature), 4.4 (space-stuffing), 4.5
(quotes) and 4.6 (both).

Reading a text that was written from paragraphs gives the paragraphs again. The work is linear.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from pymailcore.message.slices import lines, without_start

_WIDTH: Final = 72
_SIGNATURE: Final = "-- "


class Paragraph(NamedTuple):
    """One paragraph: how deep it is quoted, and its text on one line. "-- " begins a signature."""

    depth: int
    text: str


def read_flowed(text: str, *, delete_space: bool = False) -> list[Paragraph]:
    """Join the lines of a text that is format=flowed into paragraphs; lines end with LF or CRLF.

    Args:
        delete_space: DelSp=yes: the space that makes a line flow is not part of the text.
    """
    out: list[Paragraph] = []
    pieces: list[str] = []  # of the paragraph under way
    depth = 0
    for line in lines(text.removesuffix("\n")):
        line = line.removesuffix("\r")
        content = without_start(line, ">")
        level = len(line) - len(content)
        if content.startswith(" "):
            content = content[1:]
        is_signature = content == _SIGNATURE
        if pieces and (level != depth or is_signature):  # section 4.5: not well formed, but the quote counts
            out.append(Paragraph(depth, "".join(pieces)))
            pieces = []
        depth = level
        if content.endswith(" ") and not is_signature:
            pieces.append(content[:-1] if delete_space else content)
            continue
        pieces.append(content)
        out.append(Paragraph(depth, "".join(pieces)))
        pieces = []
    if pieces:
        out.append(Paragraph(depth, "".join(pieces)))
    return out


def join_flowed(text: str, *, delete_space: bool = False) -> str:
    """Give a text that is format=flowed with one line for each paragraph, quotes marked with "> "."""
    return "\n".join(
        [
            ">" * depth + (" " if depth and paragraph else "") + paragraph
            for depth, paragraph in read_flowed(text, delete_space=delete_space)
        ]
    )


def write_flowed(paragraphs: Iterable[Paragraph], *, width: int = _WIDTH) -> str:
    """Write paragraphs as format=flowed, lines ending with LF, for DelSp=no.

    Spaces at the end of a paragraph would make it flow into the next and are left out. A word longer than
    a line stays whole.

    Args:
        width: characters of a line, 20 to 77; words that are longer make it longer.
    """
    return "".join([line + "\n" for paragraph in paragraphs for line in _lines(paragraph, width)])


def flow_text(text: str, *, width: int = _WIDTH) -> str:
    """Write a plain text, one line for each paragraph, as format=flowed; ">" at a line's start quotes."""
    paragraphs = []
    for line in text.replace("\r\n", "\n").removesuffix("\n").split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        paragraphs.append(Paragraph(depth, content.removeprefix(" ") if depth else content))
    return write_flowed(paragraphs, width=width)


def _lines(paragraph: Paragraph, width: int) -> Iterator[str]:
    text = paragraph.text
    prefix = ">" * paragraph.depth
    if text != _SIGNATURE:
        text = text.rstrip(" ")
    for piece in _pieces(text, max(width - len(prefix) - 1, 20)):
        # section 4.4; in a quote each line is stuffed, which also sets the text apart from the mark
        stuffed = piece and (prefix or piece[0] in " >" or piece.startswith("From "))
        yield f"{prefix} {piece}" if stuffed else prefix + piece


def _pieces(text: str, width: int) -> Iterator[str]:
    """Cut behind runs of spaces; a piece that would look like the mark of a signature is not cut off."""
    start, end = 0, len(text)
    while end - start > width:
        cut = text.rfind(" ", start, start + width) + 1
        if cut <= start or not text[start:cut].strip(" "):
            cut = text.find(" ", start + width) + 1
        while 0 < cut < end and text[cut] == " ":
            cut += 1
        if cut > 0 and text[start:cut] == _SIGNATURE:
            cut = text.find(" ", cut) + 1
            while 0 < cut < end and text[cut] == " ":
                cut += 1
        if not start < cut < end:
            break
        yield text[start:cut]
        start = cut
    yield text[start:]
