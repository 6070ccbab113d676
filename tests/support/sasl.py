"""SASL clients, and a directory of one account that answers what protocols ask at sign-in."""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.directory.presence import Place
from pymailcore.directory.types import Principal
from pymailcore.sasl.prepare import saslprep
from pymailcore.sasl.scram_keys import derive
from pymailcore.sasl.steps import (
    BearerToken,
    Challenge,
    Credentials,
    Evidence,
    External,
    Mechanism,
    NeedKeys,
    ScramKey,
    ScramKeys,
    ScramProof,
    Step,
)

FIRST = AccountId(1)
SALT = b"salt of everyone"
ITERATIONS = 4096
_HASHES = {"SCRAM-SHA-256": hashlib.sha256, "SCRAM-SHA-1": hashlib.sha1}


class ScramClient:
    """The client half of SCRAM, written from RFC 5802 section 3 without the server's code."""

    def __init__(
        self,
        mechanism: str,
        name: str,
        password: str,
        *,
        nonce: str = "rOprNGfwEbeRWgbNEkqO",
        flag: str = "n",
        binding: bytes = b"",
        authorization_id: str = "",
        extension: str = "",
    ) -> None:
        self._hash = _HASHES[mechanism.removesuffix("-PLUS")]
        self._password = saslprep(password, stored=True).encode()
        self._nonce = nonce
        acting = f"a={_escaped(authorization_id)}" if authorization_id else ""
        self._header = f"{flag},{acting},".encode()
        self._bare = f"n={_escaped(name)},r={nonce}{extension}".encode()
        self._binding = binding
        self._auth_message = b""
        self._salted = b""

    def first(self) -> bytes:
        """client-first-message."""
        return self._header + self._bare

    def final(self, server_first: bytes) -> bytes:
        """client-final-message; the server's nonce and iteration count are checked."""
        nonce, salt, iterations = (part[2:] for part in server_first.split(b","))
        assert nonce.startswith(self._nonce.encode())
        assert len(nonce) > len(self._nonce)
        assert int(iterations) >= 4096
        without_proof = b"c=" + base64.b64encode(self._header + self._binding) + b",r=" + nonce
        self._auth_message = b",".join((self._bare, server_first, without_proof))
        name = self._hash().name
        self._salted = hashlib.pbkdf2_hmac(name, self._password, base64.b64decode(salt), int(iterations))
        client_key = self._mac(self._salted, b"Client Key")
        signature = self._mac(self._hash(client_key).digest(), self._auth_message)
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        return without_proof + b",p=" + base64.b64encode(proof)

    def trusts(self, server_final: bytes) -> bool:
        """Whether the server has shown that it knows the password."""
        server_key = self._mac(self._salted, b"Server Key")
        return server_final == b"v=" + base64.b64encode(self._mac(server_key, self._auth_message))

    def _mac(self, key: bytes, octets: bytes) -> bytes:
        return hmac.new(key, octets, self._hash).digest()


def _escaped(name: str) -> str:
    return name.replace("=", "=3D").replace(",", "=2C")


def keys_for(mechanism: str, *passwords: str) -> ScramKeys:
    """Keys of a password (secret 0) and app passwords (1 and on)."""
    keys = tuple(
        ScramKey(number, *derive(mechanism, password, SALT, ITERATIONS))
        for number, password in enumerate(passwords)
    )
    return ScramKeys(SALT, ITERATIONS, keys, generation=3)


def drive(
    machine: Mechanism,
    responses: Callable[[bytes], bytes],
    keys: Callable[[NeedKeys], ScramKeys],
    judge: Callable[[Evidence], bool],
    initial: bytes | None = None,
) -> Step:
    """Play an exchange to its end; `responses` answers challenges."""
    step = machine.start(initial)
    while True:
        match step:
            case Challenge(octets):
                step = machine.respond(responses(octets))
            case NeedKeys():
                step = machine.keys(keys(step))
            case Credentials() | ScramProof() | BearerToken() | External():
                step = machine.accept() if judge(step) else machine.refuse()
            case _:
                return step


@dataclass
class OneAccount:
    """A directory in which one account can log in, by password, app passwords, token or certificate.

    Attributes:
        read_only: numbers of app passwords that may only read.
        throttled: nobody can log in now.
        account: its id.
        administrator: whether it administers its tenant.
        ends: what ends the connections that are signed in.
    """

    name: str
    passwords: tuple[str, ...]
    token: str = ""
    certificate: bytes | None = None
    read_only: frozenset[int] = frozenset()
    throttled: bool = False
    pause_seconds: float = 0.0
    asked: list[tuple[str, str]] = field(default_factory=list)
    mechanisms: list[str] = field(default_factory=list)
    account: AccountId = FIRST
    administrator: bool = False
    ends: list[Callable[[], None]] = field(default_factory=list)

    async def scram_keys(self, need: NeedKeys, *, peer: str, protocol: str) -> ScramKeys:
        """The account's keys, or made-up ones."""
        await trio.lowlevel.checkpoint()
        self.asked.append((peer, protocol))
        if self.throttled:
            raise TemporaryFailure
        known = need.authentication_id == self.name
        return keys_for(need.mechanism, *(self.passwords if known else ["nobody knows this"]))

    async def authenticate(
        self,
        evidence: Evidence,
        *,
        peer: str,
        protocol: str,
        certificate: bytes | None = None,
        mechanism: str = "PLAIN",
    ) -> Principal:
        """Judge."""
        await trio.lowlevel.checkpoint()
        self.asked.append((peer, protocol))
        self.mechanisms.append(mechanism)
        if self.throttled:
            raise TemporaryFailure
        secret = self._secret(evidence, certificate)
        if secret is None:
            raise Forbidden("wrong")
        return Principal(
            account=self.account,
            tenant=DEFAULT_TENANT,
            name=self.name,
            read_only=secret in self.read_only,
            secret=secret,
        )

    def note_ids(self, principal: Principal, method: str, given: Iterable[str], *, peer: str) -> None:
        """Nobody looks here."""

    def failure_pause_seconds(self, peer: str) -> float:  # noqa: ARG002 - the interface has it
        """Always the same."""
        return self.pause_seconds

    async def administers(self, principal: Principal) -> bool:  # noqa: ARG002 - the interface has it
        """Whether the account administers its tenant."""
        await trio.lowlevel.checkpoint()
        return self.administrator

    @contextmanager
    def here(
        self, principal: Principal, end: Callable[[], None], *, protocol: str, peer: str, client: str = ""
    ) -> Iterator[Place]:
        """Keep the way to end the connection."""
        self.ends.append(end)
        try:
            yield Place(principal, end, protocol, peer, client, 0)
        finally:
            self.ends.remove(end)

    def _secret(self, evidence: Evidence, certificate: bytes | None) -> int | None:
        if isinstance(evidence, External):
            right = certificate is not None and certificate == self.certificate
            return 0 if right and evidence.authorization_id in ("", self.name) else None
        if evidence.authorization_id not in ("", self.name):
            return None
        if isinstance(evidence, BearerToken):
            return 0 if self.token and evidence.token == self.token else None
        if evidence.authentication_id != self.name:
            return None
        if isinstance(evidence, ScramProof):
            return evidence.secret
        return self.passwords.index(evidence.password) if evidence.password in self.passwords else None


async def scram(
    ask: Callable[[bytes], Awaitable[bytes]], client: ScramClient, begin: bytes, prefix: bytes
) -> bytes:
    """Log in with SCRAM inside a protocol; gives the line that ends it.

    Args:
        ask: sends a line and gives the next line of the server.
        begin: the command, up to the initial response.
        prefix: what stands before a challenge.
    """
    line = await ask(begin + b" " + base64.b64encode(client.first()))
    for answer in (client.final, lambda _: b""):
        if not line.startswith(prefix):
            return line
        told = base64.b64decode(line[len(prefix) :])
        if told.startswith(b"e="):
            return await ask(b"*")
        if told.startswith(b"v="):
            assert client.trusts(told)
        line = await ask(base64.b64encode(answer(told)))
    return line
