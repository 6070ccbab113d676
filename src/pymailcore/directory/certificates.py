"""Client certificates that sign in, known by the SHA-256 of their DER form.

Standards: RFC 4422 appendix A (EXTERNAL), RFC 5280 section 4.1.2.5 (validity).

Whoever shows such a certificate in TLS has its private key; who signed it does not matter.
"""

import hashlib
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pymailcore.base.errors import AlreadyExists, InvalidValue, NotFound
from pymailcore.base.ids import AccountId
from pymailcore.directory.actors import Actor
from pymailcore.directory.app_passwords import read_name
from pymailcore.directory.cache import tag
from pymailcore.directory.changes import Change
from pymailcore.directory.credential_rows import owner_of, raise_generation
from pymailcore.directory.ground import Ground
from pymailcore.store.types import Transaction

MAX_OCTETS: Final = 16_384


class Certificate(NamedTuple):
    """A certificate that signs in; `digest` names it, in hexadecimal.

    Attributes:
        owner: name of its account, in its key form.
    """

    digest: str
    account: AccountId
    owner: str
    name: str
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None


def digest_of(der: bytes) -> bytes:
    """By what a certificate is known."""
    return hashlib.sha256(der).digest()


def read(octets: bytes) -> tuple[bytes, int]:
    """Read a certificate, PEM or DER; gives its DER form and its end in milliseconds since 1970.

    Raises:
        InvalidValue: it is none.
    """
    if len(octets) > MAX_OCTETS:
        raise InvalidValue("the certificate is too long")
    try:
        pem = octets.lstrip().startswith(b"-----BEGIN")
        certificate = (
            x509.load_pem_x509_certificate(octets) if pem else x509.load_der_x509_certificate(octets)
        )
        der = certificate.public_bytes(Encoding.DER)
        return der, int(certificate.not_valid_after_utc.timestamp() * 1000)
    except ValueError:
        raise InvalidValue("that is no X.509 certificate") from None


_SELECT: Final = (
    "SELECT c.digest, c.account, a.name, c.name, c.created_ms, c.expires_ms, c.last_used_ms"
    " FROM client_certificates c JOIN accounts a ON a.id = c.account"
)


class Certificates:
    """Client certificates of all accounts."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._found = ground.lookup(_load)

    async def add(self, actor: Actor, account: AccountId, name: str, octets: bytes) -> Certificate:
        """Let a certificate sign in to an account, until it expires.

        Args:
            octets: PEM or DER.

        Raises:
            NotFound: no such account.
            InvalidValue: it is no certificate, or the name is none.
            AlreadyExists: it signs in to an account already.
        """
        der, expires_ms = read(octets)
        digest, called, now_ms = digest_of(der), read_name(name), self._ground.now_ms()
        if expires_ms <= now_ms:
            raise InvalidValue("the certificate has expired")

        async def work(tx: Transaction, change: Change) -> Certificate:
            owner = await owner_of(tx, account)
            owner.require_person()
            if await tx.row("SELECT 1 FROM client_certificates WHERE digest = ?1", digest) is not None:
                raise AlreadyExists("the certificate signs in already")
            await tx.run(
                "INSERT INTO client_certificates (digest, account, name, created_ms, expires_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5)",
                digest, account, called, now_ms, expires_ms,
            )  # fmt: skip
            change.touch("certificate", digest.hex())
            change.record(
                "certificate.add",
                f"{owner.name} / {called}",
                tenant=owner.tenant,
                new={"sha256": digest.hex(), "expires_ms": expires_ms},
            )
            return Certificate(digest.hex(), account, owner.name, called, now_ms, expires_ms, None)

        return await self._ground.changes.run(actor, work)

    async def of(self, account: AccountId) -> list[Certificate]:
        """The certificates of an account, the newest first."""

        async def work(tx: Transaction) -> list[Certificate]:
            rows = await tx.rows(
                f"{_SELECT} WHERE c.account = ?1 ORDER BY c.created_ms DESC, c.digest", account
            )
            return [Certificate(bytes(row[0]).hex(), AccountId(row[1]), *row[2:]) for row in rows]

        return await self._ground.database.read(work)

    async def remove(self, actor: Actor, account: AccountId, digest: str) -> None:
        """Let a certificate sign in no more; connections of the account end.

        Raises:
            NotFound: the account has no such certificate.
        """

        async def work(tx: Transaction, change: Change) -> None:
            owner = await owner_of(tx, account)
            rows = await tx.rows(
                "DELETE FROM client_certificates WHERE account = ?1 AND digest = ?2 RETURNING name",
                account,
                _octets(digest),
            )
            if not rows:
                raise NotFound("no such certificate")
            change.touch("certificate", digest)
            await raise_generation(tx, change, account)
            change.record(
                "certificate.remove",
                f"{owner.name} / {rows[0][0]}",
                tenant=owner.tenant,
                old={"sha256": digest},
            )

        await self._ground.changes.run(actor, work)

    async def find(self, der: bytes) -> Certificate | None:
        """Give the certificate that a client has shown, when it signs in to somebody and has not expired."""
        found = await self._found.get(digest_of(der))
        if found is None or (found.expires_ms is not None and found.expires_ms <= self._ground.now_ms()):
            return None
        return found


def _octets(digest: str) -> bytes:
    try:
        return bytes.fromhex(digest)
    except ValueError:
        raise NotFound("no such certificate") from None


async def _load(tx: Transaction, digest: bytes, tags: set[int]) -> Certificate | None:
    tags.add(tag("certificate", digest.hex()))
    row = await tx.row(f"{_SELECT} WHERE c.digest = ?1", digest)
    if row is None:
        return None
    tags.add(tag("account", row[1]))
    return Certificate(digest.hex(), AccountId(row[1]), *row[2:])
