"""A header cut into its fields.

Standards: RFC 5322 section 2.2, RFC 8621 section 4.1.2.1 (Raw).

Lines may end with CRLF or a lone LF. The header ends at its first empty line; a line that is no field
and no continuation is passed over. Of several fields of one name the last one counts everywhere, as RFC
8621 section 4.1.3 has it for JMAP, so that all readers of a message see the same.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from pymailcore.message.charsets import decode_8bit
from pymailcore.message.limits import (
    MAX_COMMENT_DEPTH,
    MAX_FIELD_OCTETS,
    MAX_FIELDS,
    MAX_HEADER_OCTETS,
    MAX_STRUCTURED_OCTETS,
)
from pymailcore.message.slices import MAX_CALL, find, search, stripped, without, without_line_ends

# field = field-name ":" unstructured CRLF; blanks before the colon are the obsolete syntax (section 4.5.8).
# `.` stops at LF, and `^` holds only at line starts, so each octet is looked at a fixed number of times.
_FIELD: Final = re.compile(rb"^([!-9;-~]++)[ \t]*+:(.*+(?:\n[ \t].*+)*+)", re.MULTILINE)
_EMPTY_LINE: Final = re.compile(rb"\n\r?\n")
_NEXT_LINE: Final = re.compile(rb"\n(?![ \t])")  # the end of a field
_MAX_AT_ONCE: Final = 2 * MAX_FIELDS  # octets that cannot hold more than MAX_FIELDS fields

Fields = dict[bytes, bytes]
"""Lower-case name to raw value: the last field of each name."""


class Field(NamedTuple):
    """Where one field stands: its name as written, and the places of its name, its value and its end.

    A CR before the line end that ends the field is in the value; the LF is not.
    """

    name: bytes
    start: int
    value: int
    end: int


def header_end(octets: bytes, start: int, end: int) -> int:
    """Give the place behind the empty line that ends the header; `end` when there is none."""
    if octets.startswith(b"\r\n", start, end):
        return start + 2
    if octets.startswith(b"\n", start, end):
        return start + 1
    match = search(_EMPTY_LINE, octets, start, end)
    return match.end() if match else end


def iter_fields(octets: bytes, start: int, end: int) -> Iterator[Field]:
    """Give the places of the fields of a header, as far as the limits reach."""
    return islice(every_field(octets, start, min(end, start + MAX_HEADER_OCTETS)), MAX_FIELDS)


def every_field(octets: bytes, start: int, end: int) -> Iterator[Field]:
    """Give the places of all fields of a header, however many; for those who must not miss one."""
    return _whole(octets, start, end) if end - start <= MAX_CALL else _sliced(octets, start, end)


def _whole(octets: bytes, start: int, end: int) -> Iterator[Field]:
    for match in _FIELD.finditer(octets, start, end):
        yield Field(match[1], match.start(), match.start(2), match.end())


def _sliced(octets: bytes, start: int, end: int) -> Iterator[Field]:
    """Give the fields of a long header; the last one of each slice may go on, so the next begins with it."""
    while end - start > MAX_CALL:
        stop = start + MAX_CALL
        last: Field | None = None
        for field in _whole(octets, start, stop):
            if last is not None:
                yield last
            last = field
        if last is None:  # lines that are no fields, or one line that fills the slice
            line_end = octets.rfind(b"\n", start, stop)
            if line_end < 0:
                line_end = find(octets, b"\n", stop, end)
            start = end if line_end < 0 else line_end + 1
        elif last.end < stop - 1 or last.start == start:
            if last.end >= stop - 1:  # a field longer than a slice
                line_end_match = search(_NEXT_LINE, octets, stop - 1, end)
                last = last._replace(end=line_end_match.start() if line_end_match else end)
            yield last
            start = min(last.end + 1, end)
        else:
            start = last.start
    yield from _whole(octets, start, end)


def read_fields(octets: bytes, start: int, end: int) -> Fields:
    """Give the last field of each name."""
    if end - start > _MAX_AT_ONCE:
        return {
            field.name.lower(): octets[field.value : field.end]
            for field in iter_fields(octets, start, end)
            if field.end - field.start <= MAX_FIELD_OCTETS
        }
    return {name.lower(): value for name, value in _FIELD.findall(octets, start, end)}


def unfolded(raw: bytes) -> str:
    """Give a raw value as text on one line: UTF-8 where it is that, else Latin-1; no CR, LF or NUL."""
    if len(raw) > MAX_CALL:
        text = without(without(without(decode_8bit(raw), "\r"), "\n"), "\0")
        return stripped(text, " \t")
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        text = decode_8bit(raw)
    if "\n" in text or "\r" in text:
        text = without_line_ends(text)
    if "\0" in text:
        text = text.replace("\0", "")
    return text.strip(" \t")


def structured(raw: bytes) -> str:
    """Give as much of a raw value as is read for addresses, ids or parameters, as `unfolded` does.

    A value beyond the limit is cut at a line end or space in the second half of what is left of it.
    """
    if len(raw) <= MAX_STRUCTURED_OCTETS:
        return unfolded(raw)
    half = MAX_STRUCTURED_OCTETS // 2
    cut = raw.rfind(b"\n", half, MAX_STRUCTURED_OCTETS)
    if cut < 0:
        cut = raw.rfind(b" ", half, MAX_STRUCTURED_OCTETS)
    if cut < 0:
        cut = MAX_STRUCTURED_OCTETS
        while cut > half and raw[cut] & 0xC0 == 0x80:  # not inside of a character
            cut -= 1
    return unfolded(raw[:cut])


def without_escapes(text: str) -> str:
    """Undo quoted-pairs (RFC 5322 section 3.2.1)."""
    if "\\\\" in text:
        return "\\".join([piece.replace("\\", "") for piece in text.split("\\\\")])
    return text.replace("\\", "")


def without_comments(text: str) -> str:
    """Put a space for each comment outside of quoted strings (RFC 5322 section 3.2.2).

    One that is nested too deep, or never ends, takes all that follows.
    """
    if "(" not in text:
        return text
    out: list[str] = []
    depth = 0
    quoted = False
    position = 0
    for match in _MARK.finditer(text):
        mark = match[0]
        if depth:
            depth += _NESTING.get(mark, 0)
            if depth > MAX_COMMENT_DEPTH:
                break
            if not depth:
                out.append(" ")
                position = match.end()
        elif mark == '"':
            quoted = not quoted
        elif mark == "(" and not quoted:
            out.append(text[position : match.start()])
            depth = 1
    if not depth:
        out.append(text[position:])
    return "".join(out)


_NESTING: Final = {"(": 1, ")": -1}
_MARK: Final = re.compile(r'[()"]|\\.', re.DOTALL)
