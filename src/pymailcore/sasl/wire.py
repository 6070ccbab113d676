"""How SASL octets travel inside SMTP and IMAP.

Standards: RFC 4954 section 4 and RFC 9051 section 6.2.2 (base64, `=`, `*`), RFC 4648 section 4.
"""

import binascii
from typing import Final

MAX_LINE_OCTETS: Final = 12_288  # RFC 4954 section 4: base64 lines must be allowed to be this long
CANCEL: Final = b"*"
EMPTY: Final = b"="


def decode_initial(octets: bytes) -> bytes | None:
    """Decode an initial response, in which `=` stands for empty; None when it is not base64."""
    return b"" if octets == EMPTY else decode(octets)


def decode(octets: bytes) -> bytes | None:
    """Decode one base64 line without its line end; None when it is not strict base64."""
    if len(octets) > MAX_LINE_OCTETS:
        return None
    try:
        return binascii.a2b_base64(octets, strict_mode=True) if octets else b""
    except binascii.Error:
        return None


def encode(octets: bytes) -> bytes:
    """Encode a challenge for one line."""
    return binascii.b2a_base64(octets, newline=False)
