"""Ids: one type for each kind of thing, a mint for new ones, and their form as text.

Standards: RFC 8620 section 1.2 (Id), RFC 8474 section 4 (objectid).

An id is a whole number from 1 to 2**63 - 1 and is never used again. As text it is one letter for the
kind and the number in base 32 of lower-case letters and digits, so that ids differ in more than case and
never begin with a digit or a dash. EMAILID, THREADID and MAILBOXID of IMAP are the JMAP ids.
"""

from collections.abc import Callable
from typing import Final, NewType

TenantId = NewType("TenantId", int)
AccountId = NewType("AccountId", int)
MailboxId = NewType("MailboxId", int)
EmailId = NewType("EmailId", int)
ThreadId = NewType("ThreadId", int)
Uid = NewType("Uid", int)
ModSeq = NewType("ModSeq", int)
BlobId = NewType("BlobId", str)

DEFAULT_TENANT: Final = TenantId(1)

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"
_EPOCH_MS: Final = 1_704_067_200_000  # 2024-01-01T00:00:00Z
_LOW_BITS: Final = 22
_MAX_ID: Final = 2**63 - 1

ACCOUNT: Final = "a"
MAILBOX: Final = "m"
EMAIL: Final = "e"
THREAD: Final = "t"
IDENTITY: Final = "i"
SUBMISSION: Final = "s"


def encode_id(kind: str, number: int) -> str:
    """Give an id its form as text: `kind` (one letter) and the number in base 32."""
    digits = ""
    while number:
        number, low = number >> 5, number & 31
        digits = _DIGITS[low] + digits
    return kind + (digits or "0")


def decode_id(kind: str, text: str) -> int | None:
    """Read an id of one kind; None when the text is not such an id (then nothing has it)."""
    if not (2 <= len(text) <= 14) or text[0] != kind:
        return None
    if not text.isascii() or not text[1:].isalnum() or text.lower() != text:
        return None
    try:
        number = int(text[1:], 32)
    except ValueError:
        return None
    return number if number <= _MAX_ID and encode_id(kind, number) == text else None


class IdMint:
    """Gives new ids, ascending within one process and free of clashes between processes.

    An id is 41 bits of milliseconds since 2024 and 22 bits that begin at a random place for each process
    and each millisecond. A clash between two processes is possible and rare; the store's primary keys
    refuse it and the operation runs again with new ids.

    Args:
        now_ms: gives milliseconds since 1970.
        random_bits: gives that many random bits.
    """

    def __init__(self, now_ms: Callable[[], int], random_bits: Callable[[int], int]) -> None:
        self._now_ms = now_ms
        self._random_bits = random_bits
        self._last = 0

    def new(self) -> int:
        """Mint one id."""
        stamp = max(0, self._now_ms() - _EPOCH_MS)
        if stamp > self._last >> _LOW_BITS:
            # Half of the range stays free for the ids that follow within the same millisecond.
            self._last = stamp << _LOW_BITS | self._random_bits(_LOW_BITS - 1)
        else:
            self._last += 1
        return self._last
