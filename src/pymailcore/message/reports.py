"""multipart/report taken apart: the part for machines, its groups of fields, and the message returned.

Standards: RFC 6522 section 3, RFC 3464 sections 2.1 and 2.1.2 (groups of fields, typed values), RFC 6533
section 3 (utf-8 addresses).
"""

import re
from typing import Final, NamedTuple

from pymailcore.message.fields import header_end, iter_fields, unfolded, without_comments
from pymailcore.message.structure import Part, walk
from pymailcore.message.text import decode_body

_MAX_OCTETS: Final = 1 << 20
_MAX_GROUPS: Final = 10_000
_MAX_LINE: Final = 8192
_UNITEXT: Final = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")

Group = dict[str, list[str]]
"""Lower-case field name to the values of all its fields, unfolded."""


class Report(NamedTuple):
    """A report of one type.

    Attributes:
        machine: the part with the fields.
        groups: the first is about the message, the others are about one recipient each.
        returned: the part with the message, or its header, that the report is about.
    """

    machine: Part
    groups: tuple[Group, ...]
    returned: Part | None


def read_report(octets: bytes, root: Part, subtypes: tuple[str, ...]) -> Report | None:
    """Find the report in a message: the first part message/<one of `subtypes`>.

    It is looked for below multipart/report, and, because senders forget to say so, elsewhere too, but not
    in messages inside. None when there is none or its transfer encoding is unknown.
    """
    inside_end = -1  # parts of a message inside are passed over
    machine: Part | None = None
    for part in walk(root):
        if part.header_start < inside_end:
            continue
        if machine is None:
            if part.type == "message" and part.subtype in subtypes:
                machine = part
        elif part.mime_type in (
            "message/rfc822",
            "message/global",
            "text/rfc822-headers",
            "message/global-headers",
        ):
            return Report(machine, read_groups(decode_body(octets, machine)), part)
        if part.is_message:
            inside_end = part.body_end
    return None if machine is None else Report(machine, read_groups(decode_body(octets, machine)), None)


def read_groups(body: bytes) -> tuple[Group, ...]:
    """Cut fields into groups at empty lines; at most 1 MiB is read."""
    end = min(len(body), _MAX_OCTETS)
    groups: list[Group] = []
    start = 0
    while start < end and len(groups) < _MAX_GROUPS:
        stop = header_end(body, start, end)
        group: Group = {}
        for field in iter_fields(body, start, stop):
            value = unfolded(body[field.value : min(field.end, field.value + _MAX_LINE)])
            group.setdefault(field.name.decode("ascii").lower(), []).append(value)
        if group:
            groups.append(group)
        start = stop
    return tuple(groups)


def first(group: Group, name: str) -> str | None:
    """Give the first value of a field without its comments, None when it is missing or empty."""
    values = group.get(name)
    return without_comments(values[0]).strip() or None if values else None


def typed(text: str | None) -> tuple[str, str] | None:
    """Cut a typed value such as `rfc822; user@example.com`; the type in lower case, the address decoded."""
    if text is None:
        return None
    kind, semicolon, value = text.partition(";")
    if not semicolon:
        kind, value = "rfc822", kind  # as some write it
    kind, value = kind.strip().lower(), value.strip()
    if kind == "utf-8":
        value = _UNITEXT.sub(_character, value)
    if kind in ("rfc822", "utf-8"):
        value = value.removeprefix("<").removesuffix(">")
    return kind, value


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    surrogate = 0xD800 <= number <= 0xDFFF
    return match[0] if surrogate or not 0x20 <= number <= 0x10FFFF else chr(number)


def bare_header(octets: bytes, part: Part | None) -> bytes:
    """Give the header of the message that a report returned; empty without one."""
    if part is None:
        return b""
    body = decode_body(octets, part)
    return body[: header_end(body, 0, len(body))]
