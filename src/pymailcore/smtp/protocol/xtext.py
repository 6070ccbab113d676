"""xtext: any text inside the value of an ESMTP parameter.

Standards: RFC 3461 sections 4 and 5; RFC 6533 section 3 (original recipients of type utf-8).

A text that decodes to a control character, a line or paragraph separator or a change of direction is refused:
it will stand in queues, reports and logs.
"""

import re
from typing import Final

XTEXT: Final = re.compile(rb"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})+\Z")
_HEX: Final = re.compile(rb"\+([0-9A-F]{2})")
_UNSAFE: Final = re.compile(rb"[^\x21-\x2a\x2c-\x3c\x3e-\x7e]")
_UTF8_XTEXT: Final = re.compile(r"(?:[^\x00-\x20+=\x7f\\]|\\x\{[0-9A-F]{1,6}\})+\Z")
_UTF8_HEX: Final = re.compile(r"\\x\{([0-9A-F]{1,6})\}")


def decode_xtext(octets: bytes, *, utf8: bool = False) -> str | None:
    """Decode xtext; None when it is none, or when what it means is not printable.

    Args:
        utf8: it may mean more than ASCII.
    """
    if not XTEXT.match(octets):
        return None
    decoded = _HEX.sub(lambda found: bytes((int(found[1], 16),)), octets)
    try:
        text = decoded.decode("utf-8" if utf8 else "ascii")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def encode_xtext(text: str) -> str:
    """Write a text as xtext; what is not ASCII goes as the octets of its UTF-8."""
    return _UNSAFE.sub(lambda found: b"+%02X" % found[0][0], text.encode()).decode("ascii")


def decode_utf8_address(octets: bytes, *, smtputf8: bool) -> str | None:
    r"""Decode the address of an original recipient of type utf-8; None when it is none.

    Args:
        octets: with escapes of the form `\x{20AC}`, or, in a transaction with SMTPUTF8, as UTF-8.
    """
    if not smtputf8 and not octets.isascii():
        return None
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return None
    if not _UTF8_XTEXT.match(text):
        return None
    try:
        decoded = _UTF8_HEX.sub(lambda found: chr(int(found[1], 16)), text)
        decoded.encode()  # surrogates are no characters
    except (ValueError, OverflowError):
        return None
    return decoded if decoded.isprintable() else None


def encode_utf8_address(text: str) -> str:
    """Write the address of an original recipient of type utf-8 in ASCII."""
    return "".join(
        character if "!" <= character <= "~" and character not in "+=\\" else f"\\x{{{ord(character):X}}}"
        for character in text
    )
