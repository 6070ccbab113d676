"""Logging in with a password.

Theory: whoever asks learns one bit. An unknown name, a wrong password and an account without a password
take the same work and get the same text. The failure limits come before the hash, so that guesses cost us
nothing once they are used up; a password that was right a minute ago is known again without hashing, and of
those who come with the same password at the same time one is hashed and the others wait for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import trio

from pymailcore.base.address import Address
from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.directory import credentials
from pymailcore.directory.cache import Lookup
from pymailcore.directory.credentials import Credential
from pymailcore.directory.errors import TooManyAttempts
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
        self._settings = settings
        self._limits = FailureLimits(settings)
        self._being_checked: dict[bytes, trio.Event] = {}
        self._waiting = 0
        self._ended = trio.Event()
        self._credentials: Lookup[str, Credential | None] = Lookup(
            database,
            credentials.credential,
            entries_count=settings.cache_entries_count,
            age_ms=int(settings.cache_seconds * 1000),
            now_ms=now_ms,
        )

    def invalidate(self) -> None:
        """Forget what was read of the tables."""
        self._credentials.invalidate()

    async def authenticate(
        self, authentication_id: str, password: str, *, peer: str, protocol: str
    ) -> Principal:
        """Say who logs in; see `Directory.authenticate`."""
        address = Address.parse(authentication_id) if len(authentication_id) <= 512 else None
        name = "" if address is None else address.key
        found = await self._credentials.get(name)
        verifier = None if found is None else found.verifier
        if found is None or verifier is None:
            await self._check(peer, name, password, None)
        elif not await self._knows(name, password, verifier):
            with self._checking(name, password, verifier):
                if await self._check(peer, name, password, verifier):
                    if self._passwords.is_outdated(verifier):
                        verifier = await self._renew(found, password, verifier)
                    self._passwords.remember(name, password, verifier, self._now_ms())
                    return found.principal
        else:
            return found.principal
        log.info("login failed", protocol=protocol, peer=peer, name=name)
        raise Forbidden(WRONG)

    async def _knows(self, name: str, password: str, verifier: str) -> bool:
        """Whether the password was right a moment ago, or is found right now for somebody else who asked."""
        if self._passwords.is_remembered(name, password, verifier, self._now_ms()):
            return True
        checking = self._being_checked.get(self._passwords.digest(name, password, verifier))
        if checking is None:
            return False
        await checking.wait()
        return self._passwords.is_remembered(name, password, verifier, self._now_ms())

    @contextmanager
    def _checking(self, name: str, password: str, verifier: str) -> Iterator[None]:
        """Let those who come with the same password meanwhile wait for the outcome."""
        digest, ended = self._passwords.digest(name, password, verifier), trio.Event()
        self._being_checked.setdefault(digest, ended)
        try:
            yield
        finally:
            if self._being_checked.get(digest) is ended:
                del self._being_checked[digest]
            ended.set()

    async def _check(self, peer: str, name: str, password: str, verifier: str | None) -> bool:
        """Look at a password within the limits.

        Raises:
            TooManyAttempts: a limit is reached, or too many wait.
        """
        attempt = self._limits.begin(peer, name, self._now_ms())
        while attempt is None:
            if self._waiting >= self._settings.hashing_waiting_count:
                raise TooManyAttempts("too many logins at once")
            self._waiting += 1
            try:
                await self._ended.wait()
            finally:
                self._waiting -= 1
            attempt = self._limits.begin(peer, name, self._now_ms())
        right = None
        try:
            right = await self._passwords.check(password, verifier)
        finally:
            self._limits.end(attempt, right=right, now_ms=self._now_ms())
            self._ended.set()
            self._ended = trio.Event()
        return right

    async def _renew(self, found: Credential, password: str, verifier: str) -> str:
        """Store a right password under the parameters in force."""
        renewed = await self._passwords.renewed(password)

        async def work(tx: Transaction) -> None:
            await credentials.replace_verifier(tx, found.principal.account, verifier, renewed)

        try:
            await self._database.write(work)
        except TemporaryFailure:  # nothing can be written now; the next login will
            return verifier
        self._credentials.invalidate()
        return renewed
