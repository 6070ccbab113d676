"""Signing in: with a password, an app password, SCRAM, a token, a certificate.

Standards: RFC 4422 section 5 (what mechanisms come to), RFC 5802 section 3.

Theory: whoever asks learns one bit. An unknown name, a wrong password, an account without a password and one
that may not sign in take the same work and get the same text; why is in the log. The failure limits come
before everything that could tell a guess from a hit, also before the memory of passwords that were right a
minute ago, so that a short password cannot be guessed there either. That memory is keyed by tenant, account,
mechanism, generation and verifier: any change ends it. Of those who come with the same password at the same
time one is hashed and the others wait for it.

Secrets that were made here (app passwords, tokens, keys) cannot be guessed, so no limit holds for the right
one: whoever floods an account from his neighbourhood does not lock its programs out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

from pymailcore.base.errors import Forbidden
from pymailcore.directory import app_passwords, scram, sign_in_rows
from pymailcore.directory.actors import Actor
from pymailcore.directory.attempts import Attempts, key_of
from pymailcore.directory.certificates import digest_of
from pymailcore.directory.credentials import Credentials
from pymailcore.directory.digests import Digests
from pymailcore.directory.ground import Ground
from pymailcore.directory.second_steps import WEB, SecondSteps
from pymailcore.directory.sign_in_rows import Known
from pymailcore.directory.sign_ins import SignIns
from pymailcore.directory.throttle import Throttle, prefixes
from pymailcore.directory.types import Principal
from pymailcore.sasl.steps import (
    BearerToken,
    Evidence,
    External,
    NeedKeys,
    ScramKeys,
    ScramProof,
)
from pymailcore.sasl.steps import Credentials as Password

_AT_ONCE: Final = 16
"""Sign-ins that may begin in one round of the loop; each takes a fraction of a millisecond of it."""


class Logins:
    """Decides who signs in, for all protocols of one process.

    Args:
        credentials: what accounts sign in with.
        throttle: how often that may fail.
        sign_ins: takes note of what happened.

    Attributes:
        second_steps: what follows a password on the web pages.
    """

    def __init__(
        self,
        ground: Ground,
        digests: Digests,
        credentials: Credentials,
        throttle: Throttle,
        sign_ins: SignIns,
    ) -> None:
        self._settings = ground.settings
        self._now_ms = ground.now_ms
        self._digests = digests
        self._credentials = credentials
        self._passwords = credentials.passwords
        self._sign_ins = sign_ins
        self._attempts = Attempts(ground, throttle, sign_ins)
        self._known = ground.lookup(sign_in_rows.load)
        self._being_checked: dict[bytes, trio.Event] = {}
        self._inside = 0
        self._turn = trio.Lock()
        self.second_steps = SecondSteps(ground, self._attempts, self._known, credentials.second_factors)

    def failure_pause_seconds(self, peer: str) -> float:
        """How long a client waits for the answer to an attempt that failed."""
        return self._attempts.pause_seconds(peer)

    async def authenticate(
        self, evidence: Evidence, *, peer: str, protocol: str, certificate: bytes | None = None
    ) -> Principal:
        """Say who signs in; see `Directory.authenticate`."""
        self._inside += 1
        try:
            if self._inside > _AT_ONCE:  # the rest begins one in each round of the loop, which goes on
                async with self._turn:
                    pass
            return await self._judged(evidence, certificate, peer, protocol)
        finally:
            self._inside -= 1

    async def _judged(
        self, evidence: Evidence, certificate: bytes | None, peer: str, protocol: str
    ) -> Principal:
        match evidence:
            case Password():
                return await self._by_password(evidence, peer, protocol)
            case ScramProof():
                return await self._by_scram(evidence, peer, protocol)
            case BearerToken():
                return await self._by_token(evidence, peer, protocol)
            case External():
                return await self._by_certificate(evidence, certificate, peer, protocol)

    # --- passwords -------------------------------------------------------------------------------

    async def _by_password(self, evidence: Password, peer: str, protocol: str) -> Principal:
        name = key_of(evidence.authentication_id)
        known = await self._known.get(name)
        typed = app_passwords.bare(evidence.password)
        if typed is not None:
            digest = app_passwords.digest_of(await self._digests.keys(), typed)
            used = app_passwords.matching(() if known is None else known.app_passwords, digest)
            if known is not None and used is not None:
                refusal = used.refusal(protocol, peer, self._now_ms())
                return self._attempts.admit(
                    known, peer, protocol, "app-password",
                    authorization_id=evidence.authorization_id, refusal=refusal, app_password=used,
                )  # fmt: skip
        verifier = None if known is None else known.verifier
        right = await self._is_right(known, name, evidence.password, verifier, peer, protocol)
        if known is None or verifier is None or not right:
            raise self._attempts.refused(evidence.authentication_id, peer, protocol, "wrong")
        if self._lacks_keys(known, verifier) and not known.refusal:
            await self._renew(known, evidence.password, verifier)
        if known.factors and not known.refusal:
            raise await self.second_steps.ask(known, peer, protocol)
        return self._attempts.admit(
            known, peer, protocol, "password", authorization_id=evidence.authorization_id
        )

    async def _is_right(
        self, known: Known | None, name: str, password: str, verifier: str | None, peer: str, protocol: str
    ) -> bool:
        """Whether a password is the account's, after equal work for all that are not.

        Raises:
            TooManyAttempts: a limit is reached, or too many wait.
        """
        nets = frozenset[str]() if known is None else known.nets
        self._attempts.require_room(peer, name, protocol, nets)
        digest = (
            self._passwords.digest("nobody", name, password)
            if known is None
            else self._remembered_as(known, verifier or "", password)
        )
        if await self._knows(digest):
            return True
        with self._checking(digest):
            right = await self._check(name, password, verifier, nets, peer, protocol)
            if right:
                self._passwords.remember(digest, self._now_ms())
            return right

    def _remembered_as(self, known: Known, verifier: str, password: str) -> bytes:
        return self._passwords.digest(
            "password", known.tenant, known.account, known.generation, verifier, password
        )

    async def _knows(self, digest: bytes) -> bool:
        """Whether a password was right a moment ago, or is found right just now for another who asks."""
        if self._passwords.is_remembered(digest, self._now_ms()):
            return True
        checking = self._being_checked.get(digest)
        if checking is None:
            return False
        await checking.wait()
        return self._passwords.is_remembered(digest, self._now_ms())

    @contextmanager
    def _checking(self, digest: bytes) -> Iterator[None]:
        """Let those who come with the same password meanwhile wait for the outcome."""
        ended = trio.Event()
        self._being_checked.setdefault(digest, ended)
        try:
            yield
        finally:
            if self._being_checked.get(digest) is ended:
                del self._being_checked[digest]
            ended.set()

    async def _check(
        self, name: str, password: str, verifier: str | None, nets: frozenset[str], peer: str, protocol: str
    ) -> bool:
        """Look at a password within the limits.

        Raises:
            TooManyAttempts: a limit is reached, or too many wait.
        """
        attempt = await self._attempts.begin(peer, name, protocol, nets)
        right = None
        try:
            right = await self._passwords.check(password, verifier)
        finally:
            self._attempts.end(attempt, right)
        return right

    def _lacks_keys(self, known: Known, verifier: str) -> bool:
        """Whether a password that is known in clear now should be kept in another way."""
        if self._passwords.is_outdated(verifier):
            return True
        iterations = scram.iterations_of(known.scram_keys, self._settings)
        there = {
            key.mechanism
            for key in known.scram_keys
            if key.secret == scram.PASSWORD and key.iterations == iterations
        }
        return not there.issuperset(scram.mechanisms(self._settings))

    async def _renew(self, known: Known, password: str, verifier: str) -> None:
        kept = await self._credentials.renew(known.account, password, verifier)
        self._passwords.remember(self._remembered_as(known, kept, password), self._now_ms())

    # --- SCRAM -----------------------------------------------------------------------------------

    async def scram_keys(self, need: NeedKeys, *, peer: str, protocol: str) -> ScramKeys:
        """Give the keys of a name; of one that does not exist they are made up, the same each time.

        Raises:
            TooManyAttempts: a limit is reached.
        """
        name, keys = key_of(need.authentication_id), await self._digests.keys()
        known = await self._known.get(name)
        nets = frozenset[str]() if known is None else known.nets
        self._attempts.require_room(peer, name, protocol, nets)
        if known is None:
            count = self._settings.scram_iterations_count
            return scram.invented(keys, need.mechanism, name or need.authentication_id, count)
        usable = self._usable_secrets(known, peer, protocol)
        kept = [key for key in known.scram_keys if key.mechanism == need.mechanism and key.secret in usable]
        return scram.offered(kept, known.salt, known.generation) or scram.invented(
            keys, need.mechanism, name, scram.iterations_of(known.scram_keys, self._settings), known.salt
        )

    def _usable_secrets(self, known: Known, peer: str, protocol: str) -> frozenset[int]:
        if known.refusal:
            return frozenset()
        now_ms = self._now_ms()
        usable = {one.id for one in known.app_passwords if not one.refusal(protocol, peer, now_ms)}
        if known.verifier is not None and not known.factors:
            usable.add(scram.PASSWORD)
        return frozenset(usable)

    async def _by_scram(self, proof: ScramProof, peer: str, protocol: str) -> Principal:
        name = key_of(proof.authentication_id)
        known = await self._known.get(name)
        attempt = await self._attempts.begin(
            peer, name, protocol, frozenset() if known is None else known.nets
        )
        right = (
            known is not None
            and proof.secret is not None
            and proof.generation == known.generation
            and proof.secret in self._usable_secrets(known, peer, protocol)
        )
        self._attempts.end(attempt, right)
        if known is None or not right:
            raise self._attempts.refused(proof.authentication_id, peer, protocol, "wrong")
        used = next((one for one in known.app_passwords if one.id == proof.secret), None)
        mechanism = "scram-password" if used is None else "scram-app-password"
        return self._attempts.admit(
            known, peer, protocol, mechanism, authorization_id=proof.authorization_id, app_password=used
        )

    # --- tokens, certificates, keys --------------------------------------------------------------

    async def _by_token(self, evidence: BearerToken, peer: str, protocol: str) -> Principal:
        found = await self._credentials.tokens.find(evidence.token)
        known = None if found is None else await self._known.get(found.name)
        if found is None or known is None:
            await self._attempts.count_failure(peer, f"token {prefixes(peer)[0]}", protocol)
            raise self._attempts.refused(evidence.authorization_id, peer, protocol, "no such token")
        refusal = "" if protocol in found.scopes else "the token is not for this protocol"
        return self._attempts.admit(
            known, peer, protocol, "token", authorization_id=evidence.authorization_id, refusal=refusal
        )

    async def _by_certificate(
        self, evidence: External, certificate: bytes | None, peer: str, protocol: str
    ) -> Principal:
        found = None if certificate is None else await self._credentials.certificates.find(certificate)
        known = None if found is None else await self._known.get(found.owner)
        if certificate is None or known is None:
            await self._attempts.count_failure(peer, f"certificate {prefixes(peer)[0]}", protocol)
            raise self._attempts.refused(evidence.authorization_id, peer, protocol, "no such certificate")
        principal = self._attempts.admit(
            known, peer, protocol, "certificate", authorization_id=evidence.authorization_id
        )
        self._sign_ins.used("client_certificates", digest_of(certificate), peer)
        return principal

    async def api_actor(self, key: str, *, peer: str) -> Actor:
        """Say who acts with an API key.

        Raises:
            Forbidden: it is none, or not for this network.
            TooManyAttempts: too many failures.
        """
        try:
            actor, number = await self._credentials.api_keys.actor(key, peer)
        except Forbidden:
            await self._attempts.count_failure(peer, f"key {prefixes(peer)[0]}", "api")
            raise self._attempts.refused("", peer, "api", "no such key") from None
        self._sign_ins.used("api_keys", number, peer)
        return actor

    async def prove(self, principal: Principal, password: str, *, peer: str) -> bool:
        """Whether somebody who is signed in knows his password, within the limits.

        Raises:
            TooManyAttempts: too many failures.
        """
        known = await self._known.get(principal.name)
        if known is None or known.account != principal.account:
            return False
        return await self._check(known.name, password, known.verifier, known.nets, peer, WEB)
