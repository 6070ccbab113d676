"""Passwords: Argon2id in a few threads, and a short memory of those that were right.

Standards: RFC 9106 section 4 (parameters), RFC 8265 section 4.2 (OpaqueString: NFC).
"""

import base64
import hashlib
import hmac
import unicodedata
from collections.abc import Callable
from typing import Final

import argon2
import trio

from pymailcore.base.errors import InvalidValue
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.settings import DirectorySettings
from pymailcore.runtime.threads import run_in_thread

MAX_PASSWORD_OCTETS: Final = 1_024
_SALT_OCTETS: Final = 16
_TAG_OCTETS: Final = 32


class Passwords:
    """Makes and checks verifiers.

    At most `hashing_threads_count` run at a time and `hashing_waiting_count` wait: memory and time that
    strangers can cause are bounded.

    Args:
        random_bytes: gives that many random octets.
    """

    def __init__(self, settings: DirectorySettings, random_bytes: Callable[[int], bytes]) -> None:
        self._settings = settings
        self._hasher = argon2.PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallelism,
            hash_len=_TAG_OCTETS,
            salt_len=_SALT_OCTETS,
        )
        self._limiter = trio.CapacityLimiter(settings.hashing_threads_count)
        self._key = random_bytes(32)
        self._remembered: dict[bytes, int] = {}
        # Nobody knows a password for this: checking against it takes as long as against a real one.
        self._nobody = "$argon2id$v=19$m={},t={},p={}${}${}".format(
            settings.argon2_memory_kib,
            settings.argon2_time_cost,
            settings.argon2_parallelism,
            base64.b64encode(random_bytes(_SALT_OCTETS)).decode().rstrip("="),
            base64.b64encode(random_bytes(_TAG_OCTETS)).decode().rstrip("="),
        )

    async def verifier(self, password: str) -> str:
        """Make the verifier of a new password.

        Raises:
            InvalidValue: the password is too short or too long.
        """
        normal = _normal(password)
        if normal is None or len(normal) < self._settings.password_min_characters:
            raise InvalidValue(
                f"a password has {self._settings.password_min_characters} characters to "
                f"{MAX_PASSWORD_OCTETS} octets"
            )
        return await run_in_thread(self._hasher.hash, normal, limiter=self._limiter)

    async def renewed(self, password: str) -> str:
        """Make a verifier of a password that was just found right, whatever its length."""
        return await run_in_thread(self._hasher.hash, _normal(password) or "", limiter=self._limiter)

    async def check(self, password: str, verifier: str | None) -> bool:
        """Say whether a password is right; with no verifier it is wrong, after the same work.

        Raises:
            TooManyAttempts: too many logins wait for a thread.
        """
        if self._limiter.statistics().tasks_waiting >= self._settings.hashing_waiting_count:
            raise TooManyAttempts("too many logins at once")
        normal = _normal(password)
        right = await run_in_thread(
            self._verify, verifier or self._nobody, normal or "", limiter=self._limiter
        )
        return right and normal is not None and verifier is not None

    def is_outdated(self, verifier: str) -> bool:
        """Whether a verifier was made with other parameters than are in force now."""
        return self._hasher.check_needs_rehash(verifier)

    def is_remembered(self, scope: str, password: str, verifier: str, now_ms: int) -> bool:
        """Whether this password was found right for this verifier a short time ago."""
        expires_ms = self._remembered.get(self.digest(scope, password, verifier))
        return expires_ms is not None and expires_ms > now_ms

    def remember(self, scope: str, password: str, verifier: str, now_ms: int) -> None:
        """Remember a right password as a keyed digest that dies with the process.

        The digest covers the verifier, so a changed password ends it.
        """
        if self._settings.remember_seconds <= 0 or self._settings.remember_count < 1:
            return
        digest = self.digest(scope, password, verifier)
        self._remembered.pop(digest, None)
        while len(self._remembered) >= self._settings.remember_count:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = now_ms + int(self._settings.remember_seconds * 1000)

    def _verify(self, verifier: str, password: str) -> bool:
        try:
            return self._hasher.verify(verifier, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    def digest(self, scope: str, password: str, verifier: str) -> bytes:
        """Give what a password for a verifier is known by in this process only."""
        mac = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (scope, verifier, password):
            octets = part.encode("utf-8", "surrogatepass")
            mac.update(len(octets).to_bytes(8, "big") + octets)
        return mac.digest()


def _normal(password: str) -> str | None:
    """RFC 8265 section 4.2.1; the length comes first, since normalising is not linear."""
    if len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_OCTETS:
        return None
    normal = unicodedata.normalize("NFC", password)
    try:
        normal.encode()
    except UnicodeEncodeError:
        return None
    return None if "\0" in normal else normal
