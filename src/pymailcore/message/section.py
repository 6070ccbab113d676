"""Sections of a message as IMAP's FETCH BODY[…] names them.

Standards: RFC 9051 section 6.4.5.1.
"""

from dataclasses import dataclass

from pymailcore.message.fields import iter_fields
from pymailcore.message.structure import Part, find


@dataclass(frozen=True, slots=True)
class Section:
    """One section-spec.

    Attributes:
        path: part number; empty for the message itself.
        what: "" | "HEADER" | "HEADER.FIELDS" | "HEADER.FIELDS.NOT" | "TEXT" | "MIME".
        fields: names for the two with FIELDS, in any case.
    """

    path: tuple[int, ...] = ()
    what: str = ""
    fields: tuple[str, ...] = ()


def section(octets: bytes, root: Part, spec: Section) -> bytes | None:
    """Give the octets of a section; None when the message has no such section (IMAP answers NIL)."""
    if not spec.path and spec.what in ("", "MIME"):
        return octets if not spec.what else None
    part = find(root, spec.path)
    if part is None:
        return None
    if not spec.what:
        return octets[part.body_start : part.body_end]
    if spec.what == "MIME":
        return octets[part.header_start : part.body_start]
    if spec.path:  # HEADER and TEXT of a part are those of the message inside
        if not part.is_message:
            return None
        part = part.children[0]
    if spec.what == "TEXT":
        return octets[part.body_start : part.body_end]
    header = octets[part.header_start : part.body_start]
    if spec.what == "HEADER":
        return header
    return header_fields(header, spec.fields, excluded=spec.what == "HEADER.FIELDS.NOT")


def header_fields(header: bytes, names: tuple[str, ...], *, excluded: bool = False) -> bytes:
    """Give the fields of these names, or all others, as they stand, and an empty line."""
    wanted = {name.encode("ascii", "replace").lower() for name in names}
    out = [
        header[field.start : field.end].removesuffix(b"\r") + b"\r\n"
        for field in iter_fields(header, 0, len(header))
        if (field.name.lower() in wanted) is not excluded
    ]
    out.append(b"\r\n")
    return b"".join(out)


def partial(octets: bytes, first: int | None, count: int | None) -> bytes:
    """Give a partial range of a section, `<first.count>`; all of it where `first` is None.

    A range that begins behind the end is empty (RFC 9051 section 6.4.5), and one that reaches beyond it is
    cut.
    """
    if first is None:
        return octets
    return octets[first:] if count is None else octets[first : first + count]
