"""BINARY sections."""

import base64

import pytest
from tests.message.samples import NESTED

from pymailcore.message.binary import Binary, binary
from pymailcore.message.parse import parse


def message(encoding: bytes, body: bytes, type_: bytes = b"application/octet-stream") -> bytes:
    return b"Content-Type: " + type_ + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


def part(octets: bytes, *path: int, first: int | None = None, count: int | None = None) -> Binary:
    return binary(octets, parse(octets).root, path, first=first, count=count)


def test_the_encoding_is_undone_and_ranges_count_decoded_octets() -> None:
    """RFC 3516 section 4.2; RFC 9051 section 6.4.5."""
    content = bytes(range(256))
    octets = message(b"base64", base64.encodebytes(content))
    assert part(octets, 1) == (content, False)
    assert part(octets, 1, first=0, count=10) == (content[:10], False)
    assert part(octets, 1, first=250, count=10) == (content[250:], False)
    assert part(octets, 1, first=256, count=10) == (b"", False)
    assert part(octets, 1, first=3) == (content[3:], False)
    assert part(octets) == (octets, False)
    assert part(octets, first=0, count=7) == (b"Content", False)


@pytest.mark.parametrize("encoding", [b"x-yenc", b"x-mystery", b"gzip"])
def test_an_unknown_encoding_is_signalled(encoding: bytes) -> None:
    """RFC 9051 section 7.5.2: NO [UNKNOWN-CTE]."""
    assert part(message(encoding, b"abc"), 1) == (None, True)


def test_text_goes_out_with_crlf() -> None:
    """RFC 9051 section 7.5.2: textual sections use CRLF, whatever was encoded."""
    octets = message(b"base64", base64.encodebytes(b"a\nb\r\nc"), b"text/plain")
    assert part(octets, 1) == (b"a\r\nb\r\nc", False)
    assert part(octets.replace(b"text/plain", b"image/x"), 1) == (b"a\nb\r\nc", False)


def test_multiparts_and_messages_have_no_encoding_of_their_own() -> None:
    """RFC 2045 section 6.4."""
    inner = part(NESTED, 2).octets
    assert inner is not None
    assert inner.startswith(b"From: Inner")
    assert part(NESTED, 2, 2) == (b"<p>three</p>", False)
    assert part(NESTED, 3) == (b"\0\0\0", False)
    assert part(NESTED, 9) == (None, False)
