"""A header cut into its fields.

Standards: RFC 5322 section 2.2, RFC 8621 section 4.1.2.1 (Raw).

Lines may end with CRLF or a lone LF. The header ends at its first empty line; a line that is no field
and no continuation is passed over. Of several fields of one name the last one counts everywhere, as RFC
8621 section 4.1.3 has it for JMAP, so that all readers of a message see the same.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from pymailcore.message.charsets import decode_8bit
from pymailcore.message.limits import MAX_FIELD_OCTETS, MAX_FIELDS, MAX_HEADER_OCTETS

# field = field-name ":" unstructured CRLF; blanks before the colon are the obsolete syntax (section 4.5.8).
# `.` stops at LF, and `^` holds only at line starts, so each octet is looked at a fixed number of times.
_FIELD: Final = re.compile(rb"^([!-9;-~]++)[ \t]*+:(.*+(?:\n[ \t].*+)*+)", re.MULTILINE)
_EMPTY_LINE: Final = re.compile(rb"\n\r?\n")
_LINE_END: Final = re.compile(r"\r?\n|\r")
_MAX_AT_ONCE: Final = 2 * MAX_FIELDS  # octets that cannot hold more than MAX_FIELDS fields

Fields = dict[bytes, bytes]
"""Lower-case name to raw value: the last field of each name."""


def header_end(octets: bytes, start: int, end: int) -> int:
    """Give the place behind the empty line that ends the header; `end` when there is none."""
    if octets.startswith(b"\r\n", start, end):
        return start + 2
    if octets.startswith(b"\n", start, end):
        return start + 1
    match = _EMPTY_LINE.search(octets, start, end)
    return match.end() if match else end


def iter_fields(octets: bytes, start: int, end: int) -> Iterator[re.Match[bytes]]:
    """Give the fields of a header: group 1 is the name, group 2 the raw value, its CR at the end included."""
    return islice(_FIELD.finditer(octets, start, min(end, start + MAX_HEADER_OCTETS)), MAX_FIELDS)


def read_fields(octets: bytes, start: int, end: int) -> Fields:
    """Give the last field of each name."""
    if end - start > _MAX_AT_ONCE:
        return {
            match[1].lower(): match[2]
            for match in iter_fields(octets, start, end)
            if match.end() - match.start() <= MAX_FIELD_OCTETS
        }
    return {name.lower(): value for name, value in _FIELD.findall(octets, start, end)}


def unfolded(raw: bytes) -> str:
    """Give a raw value as text on one line: UTF-8 where it is that, else Latin-1; no CR, LF or NUL."""
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        text = decode_8bit(raw)
    if "\n" in text or "\r" in text:
        text = _LINE_END.sub("", text)
    if "\0" in text:
        text = text.replace("\0", "")
    return text.strip(" \t")


def without_comments(text: str) -> str:
    """Put a space for each comment outside of quoted strings (RFC 5322 section 3.2.2)."""
    if "(" not in text:
        return text
    out: list[str] = []
    depth = 0
    quoted = False
    position = 0
    for match in _MARK.finditer(text):
        mark = match[0]
        if depth:
            if mark == "(":
                depth += 1
            elif mark == ")":
                depth -= 1
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


_MARK: Final = re.compile(r'[()"]|\\.', re.DOTALL)
