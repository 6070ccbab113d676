"""Signing in: with a password, an app password, SCRAM, a token, a certificate.

Standards: RFC 4422 section 5 (what mechanisms come to), RFC 5802 section 3.

Theory: whoever asks learns one bit. An unknown name, a wrong password, an account without a password and one
that may not sign in take the same work, count as the same failure and get the same text; why is in the log.
So does a right secret that does not do here: of a suspended account, for another protocol, the password alone
where there is a second factor. The failure limits come before everything that could tell a guess from a hit,
also before the memory of passwords that were right a minute ago, so that a short password cannot be guessed
there either. That memory is keyed by tenant, account, mechanism, generation and verifier: any change ends it.
Of those who come with the same password at the same time one is hashed and the others wait for it.

A program that goes on trying what was good once would lock its owner out. So where the account has signed in
from before, the same secret is one failure, however often it comes (`Throttle.end`). SCRAM shows another
proof each time: there the same secret is known where it fits keys that are kept, as those of a password are
beside which there is a second factor now. Of a password that was changed none are kept, so each is a failure.

Secrets that were made here (app passwords, tokens, keys) cannot be guessed, so no limit holds for the right
one: whoever floods an account from his neighbourhood does not lock its programs out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import trio

from pymailcore.base.errors import Forbidden
from pymailcore.base.parties import party_of, working_for
from pymailcore.directory import app_passwords, scram, sign_in_rows
from pymailcore.directory.actors import Actor
from pymailcore.directory.app_passwords import AppPassword
from pymailcore.directory.attempts import Attempts, barred, key_of
from pymailcore.directory.certificates import digest_of
from pymailcore.directory.credentials import Credentials
from pymailcore.directory.digests import Digests
from pymailcore.directory.ground import Ground
from pymailcore.directory.hashing_turns import HashingTurns
from pymailcore.directory.second_steps import WEB, SecondSteps
from pymailcore.directory.sign_in_rows import Known
from pymailcore.directory.sign_ins import SignIns
from pymailcore.directory.throttle import Throttle
from pymailcore.directory.types import Principal
from pymailcore.runtime.prefixes import prefixes
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

_SHOWN: Final = "shown"
_FACTOR: Final = "the account has a second factor"


class _Asked(NamedTuple):
    """A password as somebody shows it: for which name, from where.

    Attributes:
        known: the account; None when nobody has the name.
        refusal: why it would not do here if it were right, for the log; empty when it would.
    """

    name: str
    known: Known | None
    password: str
    peer: str
    protocol: str
    refusal: str = ""

    @property
    def nets(self) -> frozenset[str]:
        """From where the account was signed in to before."""
        return frozenset() if self.known is None else self.known.nets

    @property
    def verifier(self) -> str | None:
        """What the password is looked at with."""
        return None if self.known is None else self.known.verifier

    @property
    def is_half(self) -> bool:
        """Whether a second factor follows on the web pages, so that a right password is not yet a sign-in."""
        return self.known is not None and bool(self.known.factors) and self.protocol == WEB


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
        self._turns = HashingTurns(ground)
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
        used = await self._app_password(known, evidence.password)
        refusal = self._refusal(known, used, evidence.authorization_id, peer, protocol)
        if known is not None and used is not None and not refusal:
            return self._attempts.admit(known, peer, protocol, "app-password", app_password=used)
        asked = _Asked(name, known, evidence.password, peer, protocol, refusal)
        right = await self._is_right(asked) or used is not None
        if known is None or not right or refusal:
            reason = refusal if right else "wrong"
            raise self._attempts.refused(evidence.authentication_id, peer, protocol, reason)
        if known.verifier is not None and self._lacks_keys(known, known.verifier):
            await self._renew(asked, known, known.verifier)
        if asked.is_half:
            raise await self.second_steps.ask(known)
        return self._attempts.admit(known, peer, protocol, "password")

    async def _app_password(self, known: Known | None, password: str) -> AppPassword | None:
        """The app password that somebody has typed; None when it is none of the account's."""
        typed = app_passwords.bare(password)
        if typed is None:
            return None
        digest = app_passwords.digest_of(await self._digests.keys(), typed)
        return app_passwords.matching(() if known is None else known.app_passwords, digest)

    def _refusal(
        self, known: Known | None, used: AppPassword | None, acting_as: str, peer: str, protocol: str
    ) -> str:
        """Why what was shown does not do here, right as it may be; for the log. Empty when it does."""
        if known is None:
            return ""
        refusal = barred(known, acting_as)
        if used is not None:
            return refusal or used.refusal(protocol, peer, self._now_ms())
        return refusal or (_FACTOR if known.factors and protocol != WEB else "")

    async def _is_right(self, asked: _Asked) -> bool:
        """Whether a password is the account's, after equal work for all that do not sign in.

        Raises:
            TooManyAttempts: a limit is reached, or too many wait.
        """
        self._attempts.require_room(asked.peer, asked.name, asked.protocol, asked.nets)
        digest = self._remembered_as(asked, asked.verifier)
        if await self._knows(digest):
            return True
        with self._checking(digest):
            right = await self._check(asked)
            if right and not asked.refusal:
                self._passwords.remember(digest, self._now_ms())
            return right

    def _remembered_as(self, asked: _Asked, verifier: str | None) -> bytes:
        """What a password is remembered by; where it does not do, it is never remembered."""
        known = asked.known
        whose = ("nobody", asked.name) if known is None else (known.tenant, known.account, known.generation)
        return self._passwords.digest("password", *whose, verifier or "", asked.refusal, asked.password)

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

    async def _check(self, asked: _Asked) -> bool:
        """Look at a password within the limits.

        Raises:
            TooManyAttempts: a limit is reached, or too many wait.
        """
        shown = (await self._digests.keys()).digest(_SHOWN, asked.name, asked.password)
        attempt = await self._attempts.begin(asked.peer, asked.name, asked.protocol, asked.nets)
        outcome = None
        try:
            with working_for(await self._turns.party(asked.name, asked.peer)):
                right = await self._passwords.check(asked.password, asked.verifier)
            outcome = None if right and asked.is_half else right and not asked.refusal
        finally:
            self._attempts.end(attempt, outcome, shown)
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

    async def _renew(self, asked: _Asked, known: Known, verifier: str) -> None:
        with working_for(party_of(known.tenant, known.account)):
            kept = await self._credentials.renew(known.account, asked.password, verifier)
        self._passwords.remember(self._remembered_as(asked, kept), self._now_ms())

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
        # Also those that do not do now: whoever shows one of them is not guessing (`_by_scram`).
        kept = [key for key in known.scram_keys if key.mechanism == need.mechanism]
        return scram.offered(kept, known.salt, known.generation) or scram.invented(
            keys, need.mechanism, name, scram.iterations_of(known.scram_keys, self._settings), known.salt
        )

    async def _by_scram(self, proof: ScramProof, peer: str, protocol: str) -> Principal:
        name, keys = key_of(proof.authentication_id), await self._digests.keys()
        known = await self._known.get(name)
        used = _app_password_of(known, proof)
        fits = used is not None or _is_password(known, proof)
        refusal = self._refusal(known, used, proof.authorization_id, peer, protocol)
        attempt = await self._attempts.begin(
            peer, name, protocol, frozenset() if known is None else known.nets
        )
        shown = keys.digest(_SHOWN, name, f"scram {proof.secret}") if fits else b""
        self._attempts.end(attempt, fits and not refusal, shown)
        if known is None or not fits or refusal:
            reason = refusal if fits else "wrong"
            raise self._attempts.refused(proof.authentication_id, peer, protocol, reason)
        mechanism = "scram-password" if used is None else "scram-app-password"
        return self._attempts.admit(known, peer, protocol, mechanism, app_password=used)

    # --- tokens, certificates, keys --------------------------------------------------------------

    async def _by_token(self, evidence: BearerToken, peer: str, protocol: str) -> Principal:
        found = await self._credentials.tokens.find(evidence.token)
        known = None if found is None else await self._known.get(found.name)
        refusal = "no such token"
        if found is not None and known is not None:
            refusal = barred(known, evidence.authorization_id)
            refusal = refusal or ("" if protocol in found.scopes else "the token is not for this protocol")
        if known is None or refusal:
            name = f"token {prefixes(peer)[0]}"
            await self._fail(known, name, evidence.token, peer, protocol)
            name = evidence.authorization_id if known is None else known.name
            raise self._attempts.refused(name, peer, protocol, refusal)
        return self._attempts.admit(known, peer, protocol, "token")

    async def _by_certificate(
        self, evidence: External, certificate: bytes | None, peer: str, protocol: str
    ) -> Principal:
        found = None if certificate is None else await self._credentials.certificates.find(certificate)
        known = None if found is None else await self._known.get(found.owner)
        refusal = "no such certificate" if known is None else barred(known, evidence.authorization_id)
        if certificate is None or known is None or refusal:
            name = f"certificate {prefixes(peer)[0]}"
            await self._fail(known, name, certificate or b"", peer, protocol)
            name = evidence.authorization_id if known is None else known.name
            raise self._attempts.refused(name, peer, protocol, refusal)
        principal = self._attempts.admit(known, peer, protocol, "certificate")
        self._sign_ins.used("client_certificates", digest_of(certificate), peer)
        return principal

    async def _fail(
        self, known: Known | None, name: str, secret: str | bytes, peer: str, protocol: str
    ) -> None:
        """Count something that does not do and took no time to look at.

        Raises:
            TooManyAttempts: a limit is reached.
        """
        shown = (await self._digests.keys()).digest(_SHOWN, name, secret)
        nets = None if known is None else known.nets
        await self._attempts.count_failure(peer, name, protocol, nets=nets, shown=shown)

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
        return await self._check(_Asked(known.name, known, password, peer, WEB))


def _app_password_of(known: Known | None, proof: ScramProof) -> AppPassword | None:
    """The app password that somebody has proved to know; None when it is none of the account's."""
    if known is None or proof.generation != known.generation:
        return None
    return next((one for one in known.app_passwords if one.id == proof.secret), None)


def _is_password(known: Known | None, proof: ScramProof) -> bool:
    """Whether somebody has proved to know the account's own password."""
    return (
        known is not None
        and known.verifier is not None
        and proof.generation == known.generation
        and proof.secret == scram.PASSWORD
    )
