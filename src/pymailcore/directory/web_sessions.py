"""Web sessions of all accounts, as one process sees them.

Contract: a session that was ended anywhere is refused here as soon as the change notice arrives, and after
`cache_seconds` at the latest. Tokens are never kept or logged.
"""

import contextlib

from pymailcore.base.errors import InvalidValue, NotFound, TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.directory import sessions
from pymailcore.directory.actors import Actor
from pymailcore.directory.cache import tag
from pymailcore.directory.changes import Change
from pymailcore.directory.credential_rows import owner_of, raise_generation
from pymailcore.directory.digests import Digests
from pymailcore.directory.ground import Ground
from pymailcore.directory.types import Session
from pymailcore.store.types import Transaction


class WebSessions:
    """Sessions of one process's view."""

    def __init__(self, ground: Ground, digests: Digests) -> None:
        self._database = ground.database
        self._changes = ground.changes
        self._settings = ground.settings
        self._now_ms = ground.now_ms
        self._random_bytes = ground.random_bytes
        self._digests = digests
        self._found = ground.lookup(_load)

    async def create(
        self,
        account: AccountId,
        *,
        user_agent: str,
        peer: str,
        mechanism: str = "password",
        generation: int | None = None,
    ) -> str:
        """Begin a session and give its token: 256 random bits, of which only a digest is kept.

        Args:
            mechanism: what its owner has shown: "password", "password+totp", "passkey" …
            generation: of the account when he did; None when nobody had to show anything.

        Raises:
            Forbidden: the account has a later generation: what he has shown counts no more.
        """
        token, now_ms = sessions.new_token(self._random_bytes(sessions.TOKEN_OCTETS)), self._now_ms()
        digest = await self._digest(token)

        async def work(tx: Transaction, change: Change) -> None:
            if generation is not None:
                await sessions.require_generation(tx, account, generation)
            change.touch("session", digest.hex())
            await sessions.insert(
                tx,
                digest,
                account,
                peer=peer,
                user_agent=user_agent,
                mechanism=mechanism,
                now_ms=now_ms,
                settings=self._settings,
            )

        await self._changes.run(None, work)
        return token

    async def find(self, token: str) -> sessions.Found | None:
        """Look a session up that has not ended; its end moves on."""
        digest, now_ms = await self._digest(token), self._now_ms()
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
        return found

    async def of(self, account: AccountId) -> list[Session]:
        """The sessions of an account, the last used first."""
        now_ms = self._now_ms()

        async def work(tx: Transaction) -> list[Session]:
            return await sessions.of_account(tx, account, now_ms)

        return await self._database.read(work)

    async def name(self, token: str) -> str:
        """What `of` and `remove` call the session of a token."""
        return (await self._digest(token)).hex()

    async def prove(self, token: str) -> None:
        """Note that the owner of a session has just shown again who he is."""
        digest, now_ms = await self._digest(token), self._now_ms()

        async def work(tx: Transaction, change: Change) -> None:
            change.touch("session", digest.hex())
            await sessions.prove(tx, digest, now_ms)

        await self._changes.run(None, work)

    async def is_proved(self, token: str, within_seconds: float) -> bool:
        """Whether the owner has shown who he is so lately; asked before credentials are changed."""
        found = await self._found.get(await self._digest(token))
        return found is not None and self._now_ms() - found.proved_ms <= within_seconds * 1000

    async def end(self, token: str) -> None:
        """End the session of a token, in all processes: its owner signs out."""
        digest = await self._digest(token)

        async def work(tx: Transaction, change: Change) -> None:
            change.touch("session", digest.hex())
            await sessions.delete(tx, digest)

        await self._changes.run(None, work)

    async def remove(self, actor: Actor, account: AccountId, name: str) -> None:
        """End one session of an account, in all processes.

        Args:
            name: its `Session.digest`.

        Raises:
            NotFound: the account has no such session.
        """
        try:
            digest = sessions.digest_named(name)
        except InvalidValue:
            raise NotFound("no such session") from None

        async def work(tx: Transaction, change: Change) -> None:
            owner = await owner_of(tx, account)
            if not await sessions.delete(tx, digest, account):
                raise NotFound("no such session")
            change.touch("session", name)
            change.record("session.end", f"{owner.name} / {name[:16]}", tenant=owner.tenant)

        await self._changes.run(actor, work)

    async def end_all(self, actor: Actor, account: AccountId, *, but: str | None = None) -> int:
        """End all sessions of an account but one; gives how many.

        When none is to go on, connections of mail programs end, too.

        Args:
            but: `Session.digest` of the one that goes on.

        Raises:
            NotFound: no such account.
            InvalidValue: `but` names no session.
        """
        keep = b"" if but is None else sessions.digest_named(but)

        async def work(tx: Transaction, change: Change) -> int:
            owner = await owner_of(tx, account)
            ended = await sessions.delete_all(tx, change, account, keep)
            if but is None:
                await raise_generation(tx, change, account)
            change.record("session.end", owner.name, tenant=owner.tenant, old={"sessions": ended})
            return ended

        return await self._changes.run(actor, work)

    async def _digest(self, token: str) -> bytes:
        return sessions.digest_of(await self._digests.keys(), token)


async def _load(tx: Transaction, digest: bytes, tags: set[int]) -> sessions.Found | None:
    tags.add(tag("session", digest.hex()))
    found = await sessions.find(tx, digest)
    if found is not None:
        tags.add(tag("account", found.account))
    return found
