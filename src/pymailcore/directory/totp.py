"""Codes that change every half minute, made from a secret that the user's device shares.

Standards: RFC 6238 sections 4 and 5.2, RFC 4226 section 5.3. Pure.
"""

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import quote

SECRET_OCTETS: Final = 20
"""RFC 4226 section 4: 160 bits are recommended."""

STEP_SECONDS: Final = 30
DIGITS: Final = 6
_WINDOW: Final = 1
"""Steps before and after the present that count, for clocks that differ."""


def code_at(secret: bytes, step: int) -> str:
    """The code of one time step (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def step_of(now_ms: int) -> int:
    """The time step of a moment."""
    return now_ms // (STEP_SECONDS * 1000)


def matching_step(secret: bytes, code: str, now_ms: int, last_step: int) -> int | None:
    """Give the time step whose code this is; None when it is wrong, or of a step that was used already.

    All steps of the window are looked at, whatever the code. RFC 6238 section 5.2: a code is good once.

    Args:
        last_step: the newest step whose code was taken.
    """
    typed = code.replace(" ", "").encode("utf-8", "surrogatepass")
    found = None
    now = step_of(now_ms)
    for step in range(now - _WINDOW, now + _WINDOW + 1):
        right = hmac.compare_digest(code_at(secret, step).encode(), typed)
        if right and step > last_step:
            found = step
    return found


def text_of(secret: bytes) -> str:
    """The secret as people type it."""
    return base64.b32encode(secret).decode().rstrip("=")


def key_uri(secret: bytes, account: str, issuer: str) -> str:
    """What a QR code for authenticator apps says."""
    return (
        f"otpauth://totp/{quote(issuer, safe='')}:{quote(account, safe='@')}?secret={text_of(secret)}"
        f"&issuer={quote(issuer, safe='')}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
    )
