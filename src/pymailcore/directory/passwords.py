"""Passwords: Argon2id in a few threads, and a short memory of those that were right.

Standards: RFC 9106 section 4 (parameters), RFC 8265 section 4.2 (OpaqueString: NFC).
"""

import base64
import hashlib
import hmac
import unicodedata
from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

import argon2
import trio

from pymailcore.base.errors import InvalidValue
from pymailcore.directory import verifiers
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.settings import DirectorySettings
from pymailcore.runtime.fair_places import Crowded, FairPlaces
from pymailcore.runtime.threads import run_in_thread

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MAX_PASSWORD_OCTETS: Final = 1_024
_SALT_OCTETS: Final = 16
_TAG_OCTETS: Final = 32
_OURS: Final = "$argon2id$"


class Passwords:
    """Makes and checks verifiers.

    At most `hashing_threads_count` run at a time and `hashing_waiting_count` wait: memory and time that
    strangers can cause are bounded. Whose turn it is goes by parties; before a sign-in that is for its caller
    to say (`base.parties.working_for`).

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
        self._places = FairPlaces(settings.hashing_threads_count, settings.hashing_waiting_count)
        # Hashing never waits for threads that others have.
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

    def fit(self, password: str) -> str:
        """Give a new password in its normal form.

        Raises:
            InvalidValue: it is too short or too long.
        """
        normal = normalise(password)
        if normal is None or len(normal) < self._settings.password_min_characters:
            raise InvalidValue(
                f"a password has {self._settings.password_min_characters} characters to "
                f"{MAX_PASSWORD_OCTETS} octets"
            )
        return normal

    async def verifier(self, password: str) -> str:
        """Make the verifier of a password, whatever its length.

        Raises:
            TooManyAttempts: too many wait for a thread.
        """
        return await self.in_pool(self._hasher.hash, normalise(password) or "")

    async def in_pool(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run something that hashes in one of the few threads; waits for its end also when cancelled.

        Raises:
            TooManyAttempts: too many wait for a thread.
        """
        try:
            async with self._places.place():
                return await run_in_thread(work, *args, limiter=self._limiter)
        except Crowded:
            raise TooManyAttempts("too many logins at once") from None

    async def check(self, password: str, verifier: str | None) -> bool:
        """Say whether a password is right; with no verifier it is wrong, after the same work.

        Raises:
            TooManyAttempts: too many sign-ins wait for a thread.
        """
        normal = normalise(password)
        right = await self.in_pool(_verify, verifier or self._nobody, normal or "")
        return right and normal is not None and verifier is not None

    def is_outdated(self, verifier: str) -> bool:
        """Whether a verifier is of another kind, or was made with other parameters than are in force now."""
        return not verifier.startswith(_OURS) or self._hasher.check_needs_rehash(verifier)

    def is_remembered(self, digest: bytes, now_ms: int) -> bool:
        """Whether a password was found right a short time ago."""
        expires_ms = self._remembered.get(digest)
        return expires_ms is not None and expires_ms > now_ms

    def remember(self, digest: bytes, now_ms: int) -> None:
        """Remember a right password by its digest, which dies with the process."""
        if self._settings.remember_seconds <= 0 or self._settings.remember_count < 1:
            return
        self._remembered.pop(digest, None)
        while len(self._remembered) >= self._settings.remember_count:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = now_ms + int(self._settings.remember_seconds * 1000)

    def digest(self, *parts: object) -> bytes:
        """Give what a secret, with whose it is and of which generation, is known by in this process."""
        mac = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            octets = str(part).encode("utf-8", "surrogatepass")
            mac.update(len(octets).to_bytes(8, "big") + octets)
        return mac.digest()


def normalise(password: str) -> str | None:
    """RFC 8265 section 4.2.1; the length comes first, since normalising is not linear."""
    if len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_OCTETS:
        return None
    normal = unicodedata.normalize("NFC", password)
    try:
        normal.encode()
    except UnicodeEncodeError:
        return None
    return None if "\0" in normal else normal


def _verify(verifier: str, password: str) -> bool:
    try:
        return verifiers.load(verifier)(password.encode())
    except InvalidValue:
        return False
