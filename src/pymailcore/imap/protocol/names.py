"""Mailbox names on the wire: modified UTF-7 in IMAP4rev1, UTF-8 in IMAP4rev2.

Standards: RFC 3501 section 5.1.3, RFC 9051 section 5.1.

In the store a name is NFC UTF-8. The encoding itself is `base.modified_utf7`, which Maildir needs, too.
"""

import unicodedata
from typing import Final

from pymailcore.base.modified_utf7 import MAX_NAME_OCTETS, decode_name, encode_name

__all__ = ["MAX_NAME_OCTETS", "SEPARATOR", "decode_name", "decode_utf8_name", "encode_name"]

SEPARATOR: Final = "/"

_NOT_IN_NAMES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def decode_utf8_name(octets: bytes) -> str | None:
    """Read a name in UTF-8 as it is, in NFC or not; None when it is none (RFC 9051 section 5.1).

    Empty, and with `*` or `%`, is fine here: this serves references and patterns as well.
    """
    if len(octets) > MAX_NAME_OCTETS:
        return None
    try:
        name = octets.decode()
    except UnicodeDecodeError:
        return None
    if any(unicodedata.category(character) in _NOT_IN_NAMES for character in name):
        return None
    return name
