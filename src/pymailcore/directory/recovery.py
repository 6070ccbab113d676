"""Codes for those who have lost their second factor: ten, each good once, kept as digests."""

import base64
import hmac
from collections.abc import Callable, Iterable
from typing import Final

from pymailcore.base.ids import AccountId
from pymailcore.directory.digests import Keys

COUNT: Final = 10
_OCTETS: Final = 10
_CHARACTERS: Final = 16


def new_codes(random_bytes: Callable[[int], bytes]) -> list[str]:
    """Draw fresh codes of 80 bits each."""
    texts = [base64.b32encode(random_bytes(_OCTETS)).decode().lower() for _ in range(COUNT)]
    return ["-".join(text[at : at + 4] for at in range(0, _CHARACTERS, 4)) for text in texts]


def bare(typed: str) -> str | None:
    """What was typed without hyphens, blanks and capitals; None when it cannot be a code."""
    text = typed.replace("-", "").replace(" ", "").lower() if len(typed) <= 64 else ""
    return text if len(text) == _CHARACTERS and text.isascii() and text.isalnum() else None


def digest_of(keys: Keys, account: AccountId, code: str) -> bytes:
    """What the tables keep of a code, given as `bare` gives it."""
    return keys.digest("recovery code", str(account), code)


def matching(digests: Iterable[tuple[int, bytes]], digest: bytes) -> int | None:
    """The number of the code that has a digest; all are compared."""
    found = None
    for number, kept in digests:
        if hmac.compare_digest(kept, digest):
            found = number
    return found
