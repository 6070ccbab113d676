"""Attachments made by hand: small ones that are right, and hostile ones."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

CORPUS: Final = Path(__file__).parents[1] / "corpora" / "attachments"

_W: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_TEXT: Final = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"


def corpus(name: str) -> bytes:
    """One of the attachments that other libraries have made."""
    return (CORPUS / name).read_bytes()


def pdf(*pages: bytes, packed: bool = True, catalog: bytes = b"", objects: Sequence[bytes] = ()) -> bytes:
    """Make a PDF of content streams; `objects` come after those of the pages, from 4 + 2 * len(pages) on."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages)))
    made = [
        b"<< /Type /Catalog /Pages 2 0 R " + catalog + b" >>",
        b"<< /Type /Pages /Kids [" + kids + b"] /Count %d >>" % len(pages),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, content in enumerate(pages):
        octets = zlib.compress(content) if packed else content
        name = b"/Filter /FlateDecode " if packed else b""
        made.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * number)
        )
        made.append(b"<< %s/Length %d >> stream\n" % (name, len(octets)) + octets + b"\nendstream")
    return pdf_of_objects([*made, *objects])


def pdf_of_objects(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """Make a PDF of ready objects; the first one is the catalog."""
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n")
    places = []
    for number, octets in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, octets))
    begin = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer << /Size %d /Root 1 0 R %s >>\n" % (len(objects) + 1, trailer))
    out.write(b"startxref\n%d\n%%%%EOF\n" % begin)
    return out.getvalue()


def shown(text: str) -> bytes:
    """A content stream that shows a line of text."""
    return b"BT /F1 12 Tf 72 720 Td (" + text.encode("ascii") + b") Tj ET"


def package(members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Make a ZIP file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, octets in members.items():
            made.writestr(name, octets)
    return out.getvalue()


def docx(body: str, *, before: str = "", members: Mapping[str, bytes] = MappingProxyType({})) -> bytes:
    """Make a word document of the inner XML of its body; `before` comes before the root element."""
    document = f'{before}<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>'
    return package({"word/document.xml": document.encode(), **members})


def paragraph(text: str) -> str:
    """A paragraph of a word document."""
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def odt(body: str) -> bytes:
    """Make an OpenDocument text of the inner XML of its body."""
    content = f'<d xmlns:text="{_TEXT}">{body}</d>'
    return package({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": content.encode()})


def overlapping_bomb(copies: int, inflated_octets: int) -> bytes:
    """Make a ZIP file whose members all lie over the same packed octets: small, and gigabytes inside.

    The names are those of slides, so that a reader of presentations opens every one.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b" " * inflated_octets) + packer.flush()
    crc = zlib.crc32(b" " * inflated_octets)
    name = b"ppt/slides/slide0001.xml"
    sizes = b"".join(number.to_bytes(4, "little") for number in (crc, len(packed), inflated_octets))
    fixed = b"\x14\0\0\0\x08\0\0\0\0\0" + sizes + len(name).to_bytes(2, "little") + b"\0\0"
    local = b"PK\x03\x04" + fixed + name
    directory = b"".join(
        b"PK\x01\x02\x14\0" + fixed + bytes(14) + b"ppt/slides/slide%04d.xml" % number
        for number in range(1, copies + 1)
    )
    count = copies.to_bytes(2, "little")
    begin = len(local) + len(packed)
    tail = len(directory).to_bytes(4, "little") + begin.to_bytes(4, "little")
    return local + packed + directory + b"PK\x05\x06\0\0\0\0" + count + count + tail + b"\0\0"


def deflated(mebibytes: int) -> bytes:
    """A deflate stream of so many MiB of spaces, a thousandth of that in length."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(b" " * 1024 * 1024) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece * mebibytes + packer.flush()


def bomb(name: str, mebibytes: int) -> bytes:
    """Make a ZIP file of one member that inflates to so many MiB."""
    packed = deflated(mebibytes)
    sizes = b"".join(
        number.to_bytes(4, "little") for number in (0, len(packed), min(2**32 - 2, mebibytes << 20))
    )
    head = b"\x14\0\0\0\x08\0\0\0\0\0" + sizes + len(name).to_bytes(2, "little") + b"\0\0"
    local = b"PK\x03\x04" + head + name.encode()
    directory = b"PK\x01\x02\x14\0" + head + bytes(14) + name.encode()
    begin = (len(local) + len(packed)).to_bytes(4, "little")
    end = b"PK\x05\x06\0\0\0\0\1\0\1\0" + len(directory).to_bytes(4, "little") + begin + b"\0\0"
    return local + packed + directory + end
