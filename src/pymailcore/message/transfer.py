"""Transfer encodings undone.

Standards: RFC 2045 sections 6.1, 6.7 and 6.8; POSIX uuencode for the private names that stand for it.

What is damaged is decoded as far as it goes; nothing raises. The result is never longer than the input.
x-yenc and other unknown names leave the octets as they are.
"""

import binascii
import re
from typing import Final

from pymailcore.message.slices import MAX_CALL, find, ranges

UUENCODE: Final = frozenset(("x-uuencode", "uuencode", "x-uue", "uue"))
KNOWN: Final = UUENCODE | {"7bit", "8bit", "binary", "base64", "quoted-printable"}

_RUBBISH: Final = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
# RFC 2045 section 6.7 (3): white space at the end of a line was added on the way. The look behind lets each
# run of blanks be tried once only.
_BLANKS_AT_END: Final = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")
_BEGIN: Final = re.compile(rb"(?:\A|\n)begin(?:-base64)? [0-7]{3,4} [^\n]{0,1000}\n")
_QP_SLICE: Final = MAX_CALL // 4  # two passes, one by a pattern, take longer for each octet
_MAX_PREFACE: Final = 64 * 1024  # octets before the "begin" line that are looked at


def decode_transfer(encoded: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding, whose name is in lower case."""
    if encoding == "base64":
        return decode_base64(encoded)
    if encoding == "quoted-printable":
        return decode_quoted_printable(encoded)
    if encoding in UUENCODE:
        return decode_uuencode(encoded)
    return encoded


def decode_base64(octets: bytes) -> bytes:
    """Decode base64 as far as it goes; foreign octets are passed over (RFC 2045 section 6.8).

    The data end at the first `=` that stands where padding can stand.
    """
    if len(octets) <= MAX_CALL:
        pad = octets.find(b"=")
        if pad < 0 or not octets[pad:].strip(b"=\r\n"):
            try:
                return binascii.a2b_base64(octets)
            except binascii.Error:
                pass
    out: list[bytes] = []
    held = b""  # digits of a group that is not whole yet
    for first, last in ranges(0, len(octets)):
        digits = octets[first:last].translate(None, _RUBBISH)
        ended = False
        if b"=" in digits:
            digits, ended = _before_padding(digits, len(held))
        digits = held + digits
        whole = len(digits) // 4 * 4
        out.append(binascii.a2b_base64(digits[:whole]))
        held = digits[whole:]
        if ended:
            break
    if len(held) > 1:
        out.append(binascii.a2b_base64(held + b"=" * (4 - len(held))))
    return b"".join(out)


def _before_padding(digits: bytes, held: int) -> tuple[bytes, bool]:
    """Give the digits before the padding, and whether there was any; a `=` that can be none is left out."""
    pieces: list[bytes] = []
    count = held
    position = 0
    while True:
        pad = digits.find(b"=", position)
        piece = digits[position:] if pad < 0 else digits[position:pad]
        pieces.append(piece)
        count += len(piece)
        if pad < 0:
            return b"".join(pieces), False
        if count % 4 >= 2:
            return b"".join(pieces), True
        position = pad + 1


def decode_quoted_printable(octets: bytes) -> bytes:
    """Decode quoted-printable; a `=` that begins no escape stays (RFC 2045 section 6.7)."""
    if len(octets) <= _QP_SLICE:
        return _quoted_printable(octets)
    out: list[bytes] = []
    position = 0
    while position < len(octets):
        stop = min(position + _QP_SLICE, len(octets))
        if stop < len(octets):  # a line is not cut, nor, where there is none, an escape
            line_end = octets.rfind(b"\n", position, stop)
            if line_end >= 0:
                stop = line_end + 1
            else:
                escape = octets.find(b"=", stop - 2, stop)
                stop = escape if escape >= 0 else stop
        out.append(_quoted_printable(octets[position:stop]))
        position = stop
    return b"".join(out)


def _quoted_printable(octets: bytes) -> bytes:
    if b" \r\n" in octets or b" \n" in octets or b"\t\r\n" in octets or b"\t\n" in octets:
        octets = _BLANKS_AT_END.sub(b"", octets)
    return binascii.a2b_qp(octets)


def decode_uuencode(octets: bytes) -> bytes:
    """Decode the first file that is uuencoded; without a "begin" line the octets stay as they are."""
    begin = _BEGIN.search(octets, 0, min(len(octets), _MAX_PREFACE))
    if begin is None:
        return octets
    out: list[bytes] = []
    position, end = begin.end(), len(octets)
    if b"begin-base64" in begin[0]:
        stop = find(octets, b"\n====", position, end)
        return decode_base64(octets[position : end if stop < 0 else stop])
    while position < end:
        line_end = find(octets, b"\n", position, end)
        line_end = end if line_end < 0 else line_end
        line = octets[position : min(line_end, position + 200)].rstrip(b"\r")
        position = line_end + 1
        if line in (b"end", b"`", b" "):
            break
        if not line:
            continue
        length = (line[0] - 32) & 63  # what stands behind the octets that this line has is rubbish
        try:
            out.append(binascii.a2b_uu(line[: 1 + (length + 2) // 3 * 4]))
        except binascii.Error:
            continue
    return b"".join(out)
