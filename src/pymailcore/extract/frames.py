"""What a helper and its parent say to each other: frames of a fixed head and a body.

    helper  -> parent   READY  (body: how the helper is confined)
    parent  -> helper   family, the attachment
    helper  -> parent   outcome, its text, or for other outcomes than READ and CUT a word about why

A parent believes nothing: an unknown outcome, a body over the limit or one that is not UTF-8 is the end of
that helper.
"""

import struct
from enum import StrEnum
from typing import Final

from pymailcore.extract.formats import Family

HEAD_OCTETS: Final = 5
WHY_OCTETS: Final = 200
READY: Final = 0

_HEAD: Final = struct.Struct("!BI")


class Outcome(StrEnum):
    """What became of one attachment; the values are labels of the metrics."""

    READ = "read"
    CUT = "cut"
    EMPTY = "empty"
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"
    LIMIT = "limit"
    MEMORY = "memory"
    UNKNOWN = "unknown"
    LARGE = "large"
    TIME = "time"
    DIED = "died"
    START = "start"


_WIRE: Final = (
    Outcome.READ,
    Outcome.CUT,
    Outcome.EMPTY,
    Outcome.ENCRYPTED,
    Outcome.DAMAGED,
    Outcome.LIMIT,
    Outcome.MEMORY,
    Outcome.UNKNOWN,
)
_NUMBERS: Final = {outcome: number for number, outcome in enumerate(_WIRE, 1)}
_WITH_TEXT: Final = (Outcome.READ, Outcome.CUT)


class BadFrame(Exception):
    """The other side does not keep to the form."""


def ready_frame(confinement: str) -> bytes:
    """Say that the helper is confined and waits for work."""
    return _frame(READY, confinement.encode("ascii", "replace")[:WHY_OCTETS])


def request_frame(family: Family, octets: bytes) -> tuple[bytes, bytes]:
    """Head and body of a request; apart, so that a large attachment is not copied."""
    return _HEAD.pack(family, len(octets)), octets


def answer_frame(outcome: Outcome, body: str) -> bytes:
    """Answer a request; what cannot be written in UTF-8 becomes a question mark."""
    octets = body.encode("utf-8", "replace")
    return _frame(_NUMBERS[outcome], octets if outcome in _WITH_TEXT else octets[:WHY_OCTETS])


def _frame(number: int, body: bytes) -> bytes:
    return _HEAD.pack(number, len(body)) + body


def read_request_head(head: bytes, limit_octets: int) -> tuple[Family, int]:
    """Read the head of a request: what it is and how long.

    Raises:
        BadFrame: it is none, or longer than the limit.
    """
    number, length = _HEAD.unpack(head)
    if length > limit_octets or number not in tuple(Family):
        raise BadFrame("request")
    return Family(number), length


def read_ready_head(head: bytes) -> int:
    """Read the head of the first frame of a helper: how long its body is.

    Raises:
        BadFrame: it is another frame.
    """
    number, length = _HEAD.unpack(head)
    if number != READY or length > WHY_OCTETS:
        raise BadFrame("no helper")
    return int(length)


def read_answer_head(head: bytes, text_octets: int) -> tuple[Outcome, int]:
    """Read the head of an answer: what became of it and how long the body is.

    Raises:
        BadFrame: it is none, or longer than the limit.
    """
    number, length = _HEAD.unpack(head)
    if not 1 <= number <= len(_WIRE):
        raise BadFrame("outcome")
    outcome = _WIRE[number - 1]
    if length > (text_octets if outcome in _WITH_TEXT else WHY_OCTETS):
        raise BadFrame("length")
    return outcome, length


def text_of_body(body: bytes) -> str:
    """Give the text of an answer.

    Raises:
        BadFrame: it is not UTF-8.
    """
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadFrame("text") from None


def words_of_body(body: bytes) -> str:
    """Give a body that is for the log: printable ASCII, whatever a helper says."""
    return "".join(chr(octet) if 32 <= octet < 127 else "?" for octet in body)
