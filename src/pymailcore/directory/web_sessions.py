"""Web sessions of all accounts, as one process sees them.

Contract: a session that was ended anywhere is refused here as soon as the change notice arrives, and after
`cache_seconds` at the latest. Tokens are never kept or logged.
"""

import contextlib
from collections.abc import Awaitable, Callable

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.directory import sessions
from pymailcore.directory.cache import Lookup
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.types import Session
from pymailcore.store.types import Database, Transaction


class WebSessions:
    """Sessions of one process's view; `Directory` hands its methods on.

    Args:
        database: where the tables are.
        change: writes, and makes all processes forget what they had read.
        random_bytes: gives that many octets that nobody can guess.
    """

    def __init__(
        self,
        database: Database,
        change: Callable[[Callable[[Transaction], Awaitable[None]]], Awaitable[None]],
        settings: DirectorySettings,
        *,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._change = change
        self._settings = settings
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._found: Lookup[bytes, sessions.Found | None] = Lookup(
            database,
            sessions.find,
            entries_count=settings.cache_entries_count,
            age_ms=int(settings.cache_seconds * 1000),
            now_ms=now_ms,
        )

    def invalidate(self) -> None:
        """Forget what was read of the tables."""
        self._found.invalidate()

    async def create(self, account: AccountId, *, user_agent: str, peer: str) -> str:
        """Begin a session and give its token."""
        token, now_ms = sessions.new_token(self._random_bytes(sessions.TOKEN_OCTETS)), self._now_ms()

        async def work(tx: Transaction) -> None:
            await sessions.insert(
                tx,
                sessions.digest_of(token),
                account,
                peer=peer,
                user_agent=user_agent,
                now_ms=now_ms,
                settings=self._settings,
            )

        await self._database.write(work)
        self.invalidate()
        return token

    async def account(self, token: str) -> AccountId | None:
        """Give the account of a session that has not ended; its end moves on."""
        digest, now_ms = sessions.digest_of(token), self._now_ms()
        found = await self._found.get(digest)
        if found is None or found.expires_ms <= now_ms:
            return None
        created_ms = found.created_ms
        if sessions.wants_touch(found.last_used_ms, now_ms):

            async def work(tx: Transaction) -> None:
                await sessions.touch(tx, digest, created_ms, now_ms, self._settings)

            with contextlib.suppress(TemporaryFailure):  # the session is good, also while nothing is written
                await self._database.write(work)
                self._found.forget(digest)
        return found.account

    async def of_account(self, account: AccountId) -> list[Session]:
        """The sessions of an account, the last used first."""
        now_ms = self._now_ms()

        async def work(tx: Transaction) -> list[Session]:
            return await sessions.of_account(tx, account, now_ms)

        return await self._database.read(work)

    async def end(self, token: str) -> None:
        """End the session of a token, in all processes."""
        digest = sessions.digest_of(token)

        async def work(tx: Transaction) -> None:
            await sessions.delete(tx, digest)

        await self._change(work)

    async def end_all(self, account: AccountId, *, but: str | None = None) -> None:
        """End all sessions of an account, but the one of a token."""
        keep = b"" if but is None else sessions.digest_of(but)

        async def work(tx: Transaction) -> None:
            await sessions.delete_all(tx, account, keep)

        await self._change(work)
