"""Searching and counting in slices, so that no single call holds the interpreter for long.

DESIGN section 4.5: no call into C that keeps the interpreter to itself gets more than 256 KiB. Copies of a
stretch of octets, which Python cannot make in pieces, are the exception.
"""

import re
from collections.abc import Iterator
from typing import Final

MAX_CALL: Final = 256 * 1024


def ranges(start: int, end: int, step: int = MAX_CALL) -> Iterator[tuple[int, int]]:
    """Give the slices of a stretch of octets, none longer than `step`."""
    for place in range(start, end, step):
        yield place, min(place + step, end)


def find(octets: bytes, needle: bytes, start: int, end: int) -> int:
    """Give the first place of a needle, which is shorter than half a slice; -1 when it is not there."""
    step = MAX_CALL - len(needle) + 1
    while end - start > MAX_CALL:
        place = octets.find(needle, start, start + MAX_CALL)
        if place >= 0:
            return place
        start += step
    return octets.find(needle, start, end)


def count(octets: bytes, octet: bytes, start: int, end: int) -> int:
    """Count one octet."""
    if end - start <= MAX_CALL:
        return octets.count(octet, start, end)
    return sum(octets.count(octet, first, last) for first, last in ranges(start, end))


def search(pattern: re.Pattern[bytes], octets: bytes, start: int, end: int) -> re.Match[bytes] | None:
    """Find a pattern whose matches, and what they look at, are at most four octets long."""
    while end - start > MAX_CALL:
        match = pattern.search(octets, start, start + MAX_CALL)
        if match and match.end() < start + MAX_CALL:
            return match
        start += MAX_CALL - 4
    return pattern.search(octets, start, end)


def without_line_ends(text: str) -> str:
    """Remove all CR and LF."""
    if len(text) <= MAX_CALL:
        return text.replace("\r", "").replace("\n", "")
    return "".join(
        [text[first:last].replace("\r", "").replace("\n", "") for first, last in ranges(0, len(text))]
    )


def lf_lines(text: str) -> str:
    """Make each CRLF a LF."""
    if len(text) <= MAX_CALL:
        return text.replace("\r\n", "\n")
    pieces = []
    held = ""  # a CR at the end of a slice, whose LF may follow
    for first, last in ranges(0, len(text)):
        piece = held + text[first:last]
        held = "\r" if piece.endswith("\r") and last < len(text) else ""
        pieces.append(piece.removesuffix(held).replace("\r\n", "\n"))
    return "".join(pieces)
