"""Mailbox names on the wire of IMAP4rev1: modified UTF-7.

Standards: RFC 3501 section 5.1.3.

In the store a name is NFC UTF-8. The encoding itself is `base.modified_utf7`, which Maildir needs, too.
"""

from typing import Final

from pymailcore.base.modified_utf7 import MAX_NAME_OCTETS, decode_name, encode_name

__all__ = ["MAX_NAME_OCTETS", "SEPARATOR", "decode_name", "encode_name"]

SEPARATOR: Final = "/"
