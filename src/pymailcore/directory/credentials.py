"""What lets accounts sign in: passwords here, all other kinds in the parts beside them.

Contract: whatever takes something away (a changed password, a removed app password, certificate or second
factor) raises the account's generation: connections that were signed in with it end, in all processes. No
method logs a secret.
"""

import hmac
from collections.abc import Sequence
from typing import NamedTuple

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.directory import scram, sessions, verifiers
from pymailcore.directory.actors import Actor
from pymailcore.directory.api_keys import ApiKeys
from pymailcore.directory.app_passwords import AppPasswords
from pymailcore.directory.certificates import Certificates
from pymailcore.directory.changes import Change
from pymailcore.directory.credential_rows import (
    PASSWORD,
    Owner,
    owner_of,
    raise_generation,
    set_verifier,
)
from pymailcore.directory.digests import Digests
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.ground import Ground
from pymailcore.directory.passwords import Passwords
from pymailcore.directory.roles import Roles
from pymailcore.directory.second_factors import SecondFactors
from pymailcore.directory.throttle import Throttle
from pymailcore.directory.tokens import Tokens
from pymailcore.store.types import Transaction


class Secret(NamedTuple):
    """A password on its way into the tables.

    Attributes:
        keys: for SCRAM; none of an imported verifier until its password is used.
    """

    verifier: str
    salt: bytes = b""
    keys: tuple[scram.Kept, ...] = ()


async def keep(tx: Transaction, account: AccountId, secret: Secret, now_ms: int) -> None:
    """Give an account a password in place of an older one, inside the transaction of somebody else."""
    await set_verifier(tx, account, secret.verifier, now_ms)
    await scram.keep(tx, account, scram.PASSWORD, secret.salt, secret.keys)


async def keep_new(tx: Transaction, secrets: Sequence[tuple[AccountId, Secret]], now_ms: int) -> None:
    """Give accounts that are new their passwords, in a few statements."""
    await tx.run_many(
        "INSERT INTO credentials (account, kind, verifier, created_ms) VALUES (?1, ?2, ?3, ?4)",
        [(account, PASSWORD, secret.verifier, now_ms) for account, secret in secrets],
    )
    salted = [(account, secret.salt) for account, secret in secrets if secret.salt]
    await tx.run_many("UPDATE accounts SET scram_salt = ?2 WHERE id = ?1", salted)
    await scram.keep_new(tx, [(account, secret.keys) for account, secret in secrets])


class Credentials:
    """Credentials of all accounts.

    Attributes:
        app_passwords, api_keys, tokens, certificates, second_factors: the other kinds.
    """

    def __init__(self, ground: Ground, digests: Digests, throttle: Throttle, roles: Roles) -> None:
        self._ground = ground
        self._settings = ground.settings
        self._digests = digests
        self.passwords = Passwords(ground.settings, ground.random_bytes)
        self.app_passwords = AppPasswords(ground, digests, self.passwords)
        self.api_keys = ApiKeys(ground, digests, roles)
        self.tokens = Tokens(ground, digests)
        self.certificates = Certificates(ground)
        self.second_factors = SecondFactors(ground, digests, throttle)

    async def prepare(self, password: str) -> Secret:
        """Make what is kept of the password of a new account.

        Raises:
            InvalidValue: it is too short or too long.
        """
        salt = self._ground.random_bytes(scram.SALT_OCTETS)
        return await self._made(self.passwords.fit(password), salt, self._settings.scram_iterations_count)

    def imported(self, verifier: str) -> Secret:
        """Take over a password hash that another program has made.

        Raises:
            InvalidValue: it is of no known kind, is broken, or asks for too much work.
        """
        verifiers.load(verifier)
        return Secret(verifier)

    async def set_password(
        self, actor: Actor, account: AccountId, password: str, *, but: str | None = None
    ) -> None:
        """Set an account's password; its web sessions end and its connections, too.

        Args:
            but: `Session.digest` of a web session that goes on.

        Raises:
            NotFound: no such account.
            InvalidValue: the password is too short or too long, nobody signs in to the account, or `but`
                names no session.
        """
        normal = self.passwords.fit(password)
        salt, iterations = await self._scram_parameters(account)
        await self._set(actor, account, await self._made(normal, salt, iterations), but)

    async def set_imported(self, actor: Actor, account: AccountId, verifier: str) -> None:
        """Set an account's password by a hash that another program has made.

        Raises:
            NotFound: no such account.
            InvalidValue: it is of no known kind, is broken, or asks for too much work.
        """
        await self._set(actor, account, self.imported(verifier), None)

    async def remove_password(self, actor: Actor, account: AccountId) -> None:
        """Take an account's password away, so that it signs in with its other credentials only.

        Raises:
            NotFound: no such account.
        """

        async def work(tx: Transaction, change: Change) -> None:
            owner = await owner_of(tx, account)
            await tx.run("DELETE FROM credentials WHERE account = ?1 AND kind = ?2", account, PASSWORD)
            await scram.keep(tx, account, scram.PASSWORD, b"", ())
            await raise_generation(tx, change, account)
            change.record("account.password", owner.name, tenant=owner.tenant, new={"password": None})

        await self._ground.changes.run(actor, work)

    async def renew(self, account: AccountId, password: str, verifier: str) -> str:
        """Keep a password that was just found right under the parameters in force, with its SCRAM keys.

        Gives the verifier that is kept now: the old one while nothing can be hashed or written.
        """
        salt, iterations = await self._scram_parameters(account)
        outdated = self.passwords.is_outdated(verifier)
        try:
            secret = await self._made(password, salt, iterations, None if outdated else verifier)
        except TooManyAttempts:  # too many wait for a thread; the next sign-in will
            return verifier
        if not outdated and not secret.keys:
            return verifier
        now_ms = self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> bool:
            row = await tx.row(
                "SELECT verifier FROM credentials WHERE account = ?1 AND kind = ?2", account, PASSWORD
            )
            if row is None or not hmac.compare_digest(row[0].encode(), verifier.encode()):
                return False  # it was changed meanwhile
            await keep(tx, account, secret, now_ms)
            change.touch("account", account)
            return True

        try:
            return secret.verifier if await self._ground.changes.run(None, work) else verifier
        except TemporaryFailure:  # nothing can be written now; the next sign-in will
            return verifier

    async def _made(self, password: str, salt: bytes, iterations: int, verifier: str | None = None) -> Secret:
        if verifier is None:
            verifier = await self.passwords.verifier(password)
        wanted = scram.mechanisms(self._settings)
        if not wanted:
            return Secret(verifier)
        keys = await self.passwords.in_pool(scram.make, scram.PASSWORD, password, salt, iterations, wanted)
        return Secret(verifier, salt, keys)

    async def _set(self, actor: Actor, account: AccountId, secret: Secret, but: str | None) -> None:
        now_ms = self._ground.now_ms()
        stays = b"" if but is None else sessions.digest_named(but)

        async def work(tx: Transaction, change: Change) -> None:
            owner = await owner_of(tx, account)
            owner.require_person()
            await keep(tx, account, secret, now_ms)
            await sessions.delete_all(tx, change, account, stays)
            await raise_generation(tx, change, account)
            change.record("account.password", owner.name, tenant=owner.tenant, new={"password": True})

        await self._ground.changes.run(actor, work)

    async def _scram_parameters(self, account: AccountId) -> tuple[bytes, int]:
        """With which salt and how many iterations the keys of an account's password are made."""

        async def look(tx: Transaction) -> tuple[Owner, bytes, tuple[scram.Kept, ...]]:
            row = await tx.row("SELECT scram_salt FROM accounts WHERE id = ?1", account)
            salt = b"" if row is None else bytes(row[0])
            return await owner_of(tx, account), salt, await scram.of_account(tx, account)

        owner, salt, kept = await self._ground.database.read(look)
        salt = salt or scram.salt_of(await self._digests.keys(), owner.name)
        return salt, scram.iterations_of(kept, self._settings)
