"""Searching, counting and changing in slices, so that no single call holds the interpreter for long.

DESIGN section 4.5: no call that holds the interpreter gets more than `MAX_CALL`, 256 KiB. Such a call is one
into C that looks at what it gets without letting another thread run: a pattern, `find`, `split`, `translate`,
a codec, `binascii`. The rule is kept in three ways: by these functions; by `fields.structured`, which gives
readers of addresses, ids and parameters no more than that to begin with; and, where lines or escapes must not
be cut, by slices of their own (`transfer`, `split`, `charsets`).

Plain copies are the exception: a slice of octets, a join, a hash, and packing by msgspec, which is a copy of
each string. Python cannot make them in pieces, and they run at the speed of memory. Texts are counted in
code points.
"""

import re
from collections.abc import Iterator
from typing import AnyStr, Final

MAX_CALL: Final = 256 * 1024
_MAX_MATCH: Final = MAX_CALL // 2
_MAX_LOOK: Final = 16


def ranges(start: int, end: int, step: int = MAX_CALL) -> Iterator[tuple[int, int]]:
    """Give the slices of a stretch of octets, none longer than `step`."""
    for place in range(start, end, step):
        yield place, min(place + step, end)


def pieces(text: AnyStr) -> list[AnyStr]:
    """Cut a text, or octets, into slices; one that is short enough is given whole."""
    if len(text) <= MAX_CALL:
        return [text]
    return [text[first:last] for first, last in ranges(0, len(text))]


def find(octets: AnyStr, needle: AnyStr, start: int, end: int) -> int:
    """Give the first place of a needle, which is shorter than half a slice; -1 when it is not there."""
    step = MAX_CALL - len(needle) + 1
    while end - start > MAX_CALL:
        place = octets.find(needle, start, start + MAX_CALL)
        if place >= 0:
            return place
        start += step
    return octets.find(needle, start, end)


def contains(text: AnyStr, needle: AnyStr) -> bool:
    """Tell whether a needle is there."""
    return find(text, needle, 0, len(text)) >= 0


def count(octets: AnyStr, octet: AnyStr, start: int, end: int) -> int:
    """Count one octet, or one character."""
    if end - start <= MAX_CALL:
        return octets.count(octet, start, end)
    return sum(octets.count(octet, first, last) for first, last in ranges(start, end))


def search(pattern: re.Pattern[AnyStr], octets: AnyStr, start: int, end: int) -> re.Match[AnyStr] | None:
    """Find a pattern whose matches, and what they look at, are at most 16 octets long."""
    while end - start > MAX_CALL:
        match = pattern.search(octets, start, start + MAX_CALL)
        if match and match.end() < start + MAX_CALL - _MAX_LOOK:
            return match
        start += MAX_CALL - 2 * _MAX_LOOK
    return pattern.search(octets, start, end)


def matches(pattern: re.Pattern[AnyStr], text: AnyStr) -> Iterator[re.Match[AnyStr]]:
    """Give the matches as `finditer` does; in a text longer than a slice those up to half a slice long.

    The pattern looks at nothing before or behind its match.
    """
    end = len(text)
    if end <= MAX_CALL:
        yield from pattern.finditer(text)
        return
    start = 0
    while start < end:
        match = pattern.search(text, start, min(start + MAX_CALL, end))
        if match and (match.start() < start + _MAX_MATCH or end - start <= MAX_CALL):
            yield match
            start = match.end() + (match.end() == match.start())
        elif end - start <= MAX_CALL:
            return
        else:  # what begins in the second half may have been cut
            start += _MAX_MATCH


def without(text: AnyStr, character: AnyStr) -> AnyStr:
    """Leave one character, or octet, out."""
    return replaced(text, character, text[:0])


def replaced(text: AnyStr, old: AnyStr, new: AnyStr) -> AnyStr:
    """Put something else for one character, or octet."""
    if len(text) <= MAX_CALL:
        return text.replace(old, new)
    if not contains(text, old):
        return text
    return text[:0].join([piece.replace(old, new) for piece in pieces(text)])


def encoded(text: str, codec: str) -> bytes:
    """Encode a text in a charset that has no state; `?` for what it cannot hold."""
    if len(text) <= MAX_CALL:
        return text.encode(codec, "replace")
    return b"".join([piece.encode(codec, "replace") for piece in pieces(text)])


def stripped(text: str, characters: str | None = None) -> str:
    """Leave out characters, or white space, at both ends."""
    if len(text) <= MAX_CALL:
        return text.strip(characters)
    text = without_start(text, characters)
    end = len(text)
    while end > 0:
        piece = text[max(end - MAX_CALL, 0) : end]
        kept = piece.rstrip(characters)
        end -= len(piece) - len(kept)
        if kept:
            break
    return text[:end]


def without_start(text: str, characters: str | None = None) -> str:
    """Leave out characters, or white space, at the beginning."""
    if len(text) <= MAX_CALL:
        return text.lstrip(characters)
    for first, last in ranges(0, len(text)):
        kept = text[first:last].lstrip(characters)
        if kept:
            return text[last - len(kept) :]
    return ""


def lines(text: str) -> Iterator[str]:
    """Give what stands between the LFs, as `split` does."""
    start, end = 0, len(text)
    if end <= MAX_CALL:
        yield from text.split("\n")
        return
    while True:
        stop = find(text, "\n", start, end)
        if stop < 0:
            yield text[start:]
            return
        yield text[start:stop]
        start = stop + 1


def without_line_ends(text: str) -> str:
    """Remove all CR and LF."""
    if len(text) <= MAX_CALL:
        return text.replace("\r", "").replace("\n", "")
    return "".join([piece.replace("\r", "").replace("\n", "") for piece in pieces(text)])


def lf_lines(text: str) -> str:
    """Make each CRLF a LF."""
    if len(text) <= MAX_CALL:
        return text.replace("\r\n", "\n")
    out = []
    held = ""  # a CR at the end of a slice, whose LF may follow
    for first, last in ranges(0, len(text), MAX_CALL - 1):
        piece = held + text[first:last]
        held = "\r" if piece.endswith("\r") and last < len(text) else ""
        out.append(piece.removesuffix(held).replace("\r\n", "\n"))
    return "".join(out)
