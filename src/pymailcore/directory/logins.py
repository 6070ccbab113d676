"""Logging in with a password.

Theory: whoever asks learns one bit. An unknown name, a wrong password and an account without a password take
the same work and get the same text. The failure limits come before the hash, so that guesses cost us nothing
once they are used up; a password that was right a minute ago is known again without hashing.
"""

from collections.abc import Callable
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.errors import Forbidden
from pymailcore.directory import credentials
from pymailcore.directory.cache import LookupCache
from pymailcore.directory.credentials import Credential
from pymailcore.directory.limits import FailureLimits
from pymailcore.directory.passwords import Passwords
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.types import Principal
from pymailcore.runtime.logs import get_logger
from pymailcore.store.types import Database, Transaction

WRONG: Final = "name or password is wrong"

log = get_logger()


class Logins:
    """Checks names and passwords for all protocols of one process."""

    def __init__(
        self,
        database: Database,
        settings: DirectorySettings,
        passwords: Passwords,
        now_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._now_ms = now_ms
        self._limits = FailureLimits(settings)
        age_ms = int(settings.cache_seconds * 1000)
        self._cache: LookupCache[str, Credential | None] = LookupCache(settings.cache_entries_count, age_ms)

    def invalidate(self) -> None:
        """Forget what was read of the tables."""
        self._cache.invalidate()

    async def authenticate(
        self, authentication_id: str, password: str, *, peer: str, protocol: str
    ) -> Principal:
        """Say who logs in; see `Directory.authenticate`."""
        address = Address.parse(authentication_id) if len(authentication_id) <= 512 else None
        name = "" if address is None else address.key
        now_ms = self._now_ms()
        found = await self._find(name, now_ms)
        verifier = None if found is None else found.verifier
        if (
            found is not None
            and verifier is not None
            and self._passwords.is_remembered(name, password, verifier, now_ms)
        ):
            return found.principal
        self._limits.begin(peer, name, now_ms)
        decided = False
        try:
            right = await self._passwords.check(password, verifier)
            decided = True
        finally:
            if not decided:
                self._limits.undecided(peer, name)
        if not right or found is None or verifier is None:
            log.info("login failed", protocol=protocol, peer=peer, name=name)
            raise Forbidden(WRONG)
        self._limits.succeeded(peer, name)
        if self._passwords.is_outdated(verifier):
            verifier = await self._renew(found, password, verifier)
        self._passwords.remember(name, password, verifier, now_ms)
        return found.principal

    async def _find(self, name: str, now_ms: int) -> Credential | None:
        known = self._cache.get(name, now_ms)
        if known is not None:
            return known.value
        generation = self._cache.generation

        async def work(tx: Transaction) -> Credential | None:
            return await credentials.credential(tx, name)

        found = await self._database.read(work)
        self._cache.put(name, found, now_ms, generation)
        return found

    async def _renew(self, found: Credential, password: str, verifier: str) -> str:
        """Store a right password under the parameters in force."""
        renewed = await self._passwords.renewed(password)

        async def work(tx: Transaction) -> None:
            await credentials.replace_verifier(tx, found.principal.account, verifier, renewed)

        await self._database.write(work)
        self._cache.invalidate()
        return renewed
