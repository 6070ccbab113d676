"""What THREAD asks of a message, in few octets.

Standards: RFC 5256 section 3 (THREAD: the references of a message, normalised message ids).

Threading only asks whether ids and subjects are equal, so hashes of 64 bits stand for them: 8 octets instead
of 40 to 80 for each id. They have no key: who could make two of them meet could as well write a false
References field. A value is three numbers of 64 bits and one more for each reference:

    head        Date field in milliseconds since 1970, times 256; 128 when there is none; plus the count of
                references
    id          of the Message-ID field, 0 without
    subject     base subject, 0 when it is empty; its lowest bit: it is that of a reply or forward
    references  from the oldest to the newest
"""

import re
import sys
from array import array
from datetime import datetime
from hashlib import blake2b
from itertools import accumulate
from typing import Final, NamedTuple

from pymailcore.message.facts import Facts
from pymailcore.message.limits import MAX_REFERENCES

UNDATED: Final = 128
FIXED_OCTETS: Final = 24
EMPTY: Final = array("q", (UNDATED, 0, 0)).tobytes()
"""The value of a message that has nothing."""

_QUOTED_LOCAL: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"@', re.DOTALL)


def pack_threading(facts: Facts, subject: str, *, is_reply: bool) -> bytes:
    """Give the value of a message: numbers of 64 bits with a sign, little-endian.

    Args:
        subject: base subject in the form in which it is compared.
    """
    ids = facts.message_id or ()
    if facts.references:
        references = [hash_id(one) for one in facts.references[-MAX_REFERENCES:]]
    else:
        references = [hash_id(one) for one in (facts.in_reply_to or ())[:1]]
    key = _hash(subject) & ~1 if subject else 0
    head = (_sent(facts.sent_at) << 8) + len(references) if facts.sent_at else UNDATED + len(references)
    packed = array("q", (head, hash_id(ids[0]) if ids else 0, key | is_reply, *references))
    return _swapped(packed).tobytes()


class Threading(NamedTuple):
    """The values of some messages, a place in each column for each.

    Attributes:
        dates: the Date field in milliseconds since 1970; what `undated` names has 0.
        ids: 0 for none.
        subjects: 0 for an empty one.
        replies: 1 for what is a reply or forward by its subject.
        references: of all messages, one after the other.
        ends: where a message's references end.
        undated: places of messages without a Date field.
    """

    dates: list[int]
    ids: list[int]
    subjects: list[int]
    replies: list[int]
    references: list[int]
    ends: list[int]
    undated: list[int]


def unpack_threading(fixed: bytes, references: bytes) -> Threading:
    """Read the values of some messages.

    Args:
        fixed: the first `FIXED_OCTETS` of each value, joined.
        references: what follows them in each value, joined.
    """
    numbers = _numbers(fixed)
    heads, marks = numbers[::3], numbers[2::3]
    return Threading(
        [head >> 8 for head in heads],
        numbers[1::3],
        [mark & ~1 for mark in marks],
        [mark & 1 for mark in marks],
        _numbers(references),
        list(accumulate([head & 127 for head in heads])),
        [place for place, head in enumerate(heads) if head & UNDATED],
    )


def _numbers(packed: bytes) -> list[int]:
    numbers = array("q")
    numbers.frombytes(packed)
    return _swapped(numbers).tolist()


def hash_id(message_id: str) -> int:
    """Hash a message id, without quotes that need not be there (RFC 5256 section 3, REFERENCES)."""
    if '"' in message_id and (quoted := _QUOTED_LOCAL.match(message_id)) is not None:
        message_id = re.sub(r"\\(.)", r"\1", quoted[1]) + message_id[quoted.end() - 1 :]
    return _hash(message_id)


def _hash(text: str) -> int:
    """Hash to 64 bits with a sign; never 0 or 1."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    number = int.from_bytes(digest, "little", signed=True)
    return number if number not in (0, 1) else 2


def _sent(sent_at: str) -> int:
    return int(datetime.fromisoformat(sent_at).timestamp()) * 1000


def _swapped(numbers: "array[int]") -> "array[int]":
    if sys.byteorder == "big":  # pragma: no cover - none at hand
        numbers.byteswap()
    return numbers
