"""Parts without their transfer encoding, as IMAP's FETCH BINARY[…] names them.

Standards: RFC 3516 sections 4.2 and 4.3, RFC 9051 sections 6.4.5 and 7.5.2 (BINARY, BINARY.SIZE).
"""

from collections.abc import Sequence
from typing import NamedTuple

from pymailcore.message.section import partial
from pymailcore.message.structure import Part, find
from pymailcore.message.text import decode_body, is_encoding_known
from pymailcore.message.trace import canonical


class Binary(NamedTuple):
    """What FETCH BINARY answers.

    Attributes:
        octets: None when the message has no such part (NIL), or when its encoding is unknown.
        unknown_encoding: IMAP answers NO [UNKNOWN-CTE].
    """

    octets: bytes | None
    unknown_encoding: bool = False


def binary(
    octets: bytes, root: Part, path: Sequence[int], *, first: int | None = None, count: int | None = None
) -> Binary:
    """Decode the body of a part; a partial range counts decoded octets. BINARY.SIZE is its length.

    The empty path is the whole message as it stands. A part that has parts has no encoding of its own that
    could be undone (RFC 2045 section 6.4). Lines of text end with CRLF, whatever the sender encoded.
    """
    if not path:
        return Binary(partial(octets, first, count))
    part = find(root, path)
    if part is None:
        return Binary(None)
    if part.children:
        return Binary(partial(octets[part.body_start : part.body_end], first, count))
    if not is_encoding_known(part):
        return Binary(None, unknown_encoding=True)
    decoded = decode_body(octets, part)
    if part.type == "text" and part.encoding != "binary" and b"\0" not in decoded[:1024]:
        decoded = canonical(decoded)
    return Binary(partial(decoded, first, count))
