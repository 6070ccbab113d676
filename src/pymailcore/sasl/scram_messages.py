"""The messages of a SCRAM client, read.

Standards: RFC 5802 section 7 (grammar), section 5.1 (attributes); RFC 5801 section 4 (GS2 header).
"""

import binascii
import re
from dataclasses import dataclass
from typing import Final

from pymailcore.base.errors import InvalidValue
from pymailcore.sasl.machine import text_of
from pymailcore.sasl.prepare import saslprep
from pymailcore.sasl.steps import MAX_FIELD_OCTETS

MAX_MESSAGE_OCTETS: Final = 8_192
MAX_NONCE_OCTETS: Final = 256
MAX_EXTENSIONS: Final = 10

# cb-name = 1*(ALPHA / DIGIT / "." / "-")
_FLAG: Final = re.compile(rb"n|y|p=([A-Za-z0-9.-]{1,64})")
# printable = %x21-2B / %x2D-7E, which is all of nonce
_NONCE: Final = re.compile(rb"[\x21-\x2b\x2d-\x7e]+")
# attr-val = ALPHA "=" value; value = 1*value-char, which here is what stands between two commas
_EXTENSION: Final = re.compile(rb"[A-Za-z]=[^\0]+")
# "=" stands in a saslname only before these.
_ESCAPES: Final = re.compile(rb"=(2C|3D|)")
_ESCAPED: Final = {b"2C": b",", b"3D": b"="}


class Unreadable(Exception):
    """The message breaks the grammar; `error` is the value of `e` that says so (section 7)."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """client-first-message.

    Attributes:
        gs2_header: as it was sent, for the comparison with `c`.
        flag: "n" (the client knows no channel binding), "y" (it does, and thinks that we do not) or "p".
        binding: the type of channel binding that "p" names, else "".
        authorization_id: prepared with nothing; "" when there is none.
        authentication_id: prepared with SASLprep.
        bare: client-first-message-bare, a part of AuthMessage.
    """

    gs2_header: bytes
    flag: str
    binding: str
    authorization_id: str
    authentication_id: str
    nonce: bytes
    bare: bytes


@dataclass(frozen=True, slots=True)
class ClientFinal:
    """client-final-message.

    Attributes:
        binding: what `c` holds: GS2 header and channel-binding data.
        without_proof: client-final-message-without-proof, a part of AuthMessage.
    """

    binding: bytes
    nonce: bytes
    proof: bytes
    without_proof: bytes


def parse_client_first(message: bytes) -> ClientFirst:
    """Read client-first-message.

    Raises:
        Unreadable: it is not one, or asks for an extension that must be understood.
    """
    parts = _parts(message)
    if len(parts) < 4:
        raise Unreadable("invalid-encoding")
    flag = _FLAG.fullmatch(parts[0])
    if flag is None:
        raise Unreadable("invalid-encoding")
    authorization_id = ""
    if parts[1]:
        authorization_id = _name(_value(parts[1], b"a"))
    # reserved-mext = "m=" 1*(value-char): RFC 5802 section 5.1, its presence must fail the exchange.
    if parts[2].startswith(b"m="):
        raise Unreadable("extensions-not-supported")
    name = _prepared(_name(_value(parts[2], b"n")))
    nonce = _nonce(parts[3])
    _check_extensions(parts[4:])
    header = parts[0] + b"," + parts[1] + b","
    return ClientFirst(
        gs2_header=header,
        flag=parts[0][:1].decode(),
        binding=(flag[1] or b"").decode(),
        authorization_id=authorization_id,
        authentication_id=name,
        nonce=nonce,
        bare=message[len(header) :],
    )


def parse_client_final(message: bytes) -> ClientFinal:
    """Read client-final-message.

    Raises:
        Unreadable: it is not one, or asks for an extension that must be understood.
    """
    parts = _parts(message)
    if len(parts) < 3:
        raise Unreadable("invalid-encoding")
    binding = _base64(_value(parts[0], b"c"))
    nonce = _nonce(parts[1])
    _check_extensions(parts[2:-1])
    proof = _base64(_value(parts[-1], b"p"))
    return ClientFinal(binding, nonce, proof, message[: -len(parts[-1]) - 1])


def _parts(message: bytes) -> list[bytes]:
    if len(message) > MAX_MESSAGE_OCTETS or text_of(message) is None:
        raise Unreadable("invalid-encoding")
    return message.split(b",", MAX_EXTENSIONS + 4)


def _value(part: bytes, attribute: bytes) -> bytes:
    if part[:2] != attribute + b"=" or len(part) == 2:
        raise Unreadable("invalid-encoding")
    return part[2:]


def _name(octets: bytes) -> str:
    """Read a saslname."""
    if len(octets) > MAX_FIELD_OCTETS or b"" in _ESCAPES.findall(octets):
        raise Unreadable("invalid-username-encoding")
    return _ESCAPES.sub(lambda found: _ESCAPED[found[1]], octets).decode()


def _prepared(name: str) -> str:
    """RFC 5802 section 5.1: prepared as a query string; a name of which nothing is left fails."""
    try:
        prepared = saslprep(name, stored=False)
    except InvalidValue:
        raise Unreadable("invalid-username-encoding") from None
    if not prepared:
        raise Unreadable("invalid-username-encoding")
    return prepared


def _nonce(part: bytes) -> bytes:
    nonce = _value(part, b"r")
    if not _NONCE.fullmatch(nonce):
        raise Unreadable("invalid-encoding")
    return nonce


def _check_extensions(parts: list[bytes]) -> None:
    """Optional extensions are passed over, when they are few and well-formed."""
    if len(parts) > MAX_EXTENSIONS:
        raise Unreadable("invalid-encoding")
    for part in parts:
        if part.startswith(b"m="):
            raise Unreadable("extensions-not-supported")
        if not _EXTENSION.fullmatch(part):
            raise Unreadable("invalid-encoding")


def _base64(octets: bytes) -> bytes:
    try:
        return binascii.a2b_base64(octets, strict_mode=True)
    except binascii.Error:
        raise Unreadable("invalid-encoding") from None
