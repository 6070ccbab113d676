"""Names in modified UTF-7, as IMAP4rev1 writes them and Maildir++ folders keep them.

Standards: RFC 3501 section 5.1.3, RFC 2152 section 3 (UTF-7).

Modified UTF-7 is taken only in its one canonical form: what encodes a
printable US-ASCII character, leaves bits over or cuts a surrogate pair is no name, so that two wire forms
never mean one Mailbox.
"""

import binascii
import unicodedata
from typing import Final

MAX_NAME_OCTETS: Final = 512


def encode_name(name: str) -> bytes:
    """Write a name in modified UTF-7."""
    if name.isascii() and name.isprintable():
        return name.replace("&", "&-").encode("ascii")
    pieces: list[str] = []
    shifted: list[str] = []
    for character in name:
        if " " <= character <= "~":
            if shifted:
                pieces.append(_shift("".join(shifted)))
                shifted.clear()
            pieces.append("&-" if character == "&" else character)
        else:
            shifted.append(character)
    if shifted:
        pieces.append(_shift("".join(shifted)))
    return "".join(pieces).encode("ascii")


def _shift(text: str) -> str:
    octets = text.encode("utf-16-be", "surrogatepass")
    digits = binascii.b2a_base64(octets, newline=False).rstrip(b"=").replace(b"/", b",")
    return "&" + digits.decode("ascii") + "-"


def decode_name(octets: bytes) -> str | None:
    """Read a name in modified UTF-7 and give it in NFC; None when it is not in the canonical form.

    Empty, and with `*` or `%`, is fine here: this serves references and patterns as well.
    """
    if len(octets) > MAX_NAME_OCTETS or not octets.isascii():
        return None
    text = octets.decode("ascii")
    if not text.isprintable():
        return None
    if "&" not in text:
        return text
    pieces: list[str] = []
    rest = text
    while rest:
        plain, shift, rest = rest.partition("&")
        pieces.append(plain)
        if shift:
            digits, end, rest = rest.partition("-")
            decoded = _unshift(digits) if end else None
            if decoded is None:
                return None
            pieces.append(decoded)
    name = "".join(pieces)
    return unicodedata.normalize("NFC", name) if encode_name(name) == octets else None


def _unshift(digits: str) -> str | None:
    if not digits:
        return "&"
    padded = digits.replace(",", "/").encode("ascii")
    try:
        octets = binascii.a2b_base64(padded + b"=" * (-len(padded) % 4), strict_mode=True)
        text = octets.decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        return None
    # RFC 5198 section 2: control characters have no place in a name.
    return None if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text) else text
