"""Digests of random secrets, and sealed octets: under one key of the installation.

App passwords, API keys, tokens and sessions are made here of 128 random bits or more, so a fast hash keeps
them; it has a key, so that who reads the tables elsewhere cannot even say whether a guess is one of them. The
key lies in the table `secrets` and is made when it is first needed. Secrets that must be had back in clear
(of authenticator apps) are sealed with AES-256-GCM.
"""

import hashlib
import hmac
from typing import Final

from pymailcore.base.errors import InvalidValue
from pymailcore.directory.ground import Ground
from pymailcore.store.ciphers import Cipher
from pymailcore.store.types import Transaction

NAME: Final = "directory"
_KEY_OCTETS: Final = 32
_NONCE_OCTETS: Final = 12


class Keys:
    """What one installation digests and seals with. Pure.

    Args:
        root: 32 random octets.
    """

    def __init__(self, root: bytes) -> None:
        self._root = root

    def digest(self, kind: str, *parts: str | bytes) -> bytes:
        """Give 32 octets that stand for something; different kinds have nothing in common."""
        mac = hmac.new(self._root, digestmod=hashlib.sha256)
        for part in (kind, *parts):
            octets = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
            mac.update(len(octets).to_bytes(8, "big") + octets)
        return mac.digest()

    def seal(self, octets: bytes, about: str, nonce: bytes) -> bytes:
        """Encrypt octets; they can be had back only for the same thing.

        Args:
            nonce: 12 octets that are used once.
        """
        return nonce + self._cipher().encrypt(nonce, octets, about.encode())

    def unseal(self, sealed: bytes, about: str) -> bytes:
        """Give back what was sealed.

        Raises:
            InvalidValue: it was changed, or is of another thing or installation.
        """
        try:
            return self._cipher().decrypt(sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:], about.encode())
        except ValueError:
            raise InvalidValue("a sealed secret cannot be opened") from None

    def _cipher(self) -> Cipher:
        return Cipher(self.digest("seal"))


class Digests:
    """The keys of the installation, read once by each process."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._keys: Keys | None = None

    async def keys(self) -> Keys:
        """Give the keys; makes them in a new installation.

        Raises:
            TemporaryFailure: they are to be made, and nothing can be written now.
        """
        if self._keys is None:
            root = await self._ground.database.read(_read)
            if root is None:
                fresh = self._ground.random_bytes(_KEY_OCTETS)
                root = await self._ground.database.write(lambda tx: _keep(tx, fresh))
            self._keys = Keys(root)
        return self._keys

    def nonce(self) -> bytes:
        """Draw what a sealing needs."""
        return self._ground.random_bytes(_NONCE_OCTETS)


async def _read(tx: Transaction) -> bytes | None:
    row = await tx.row("SELECT value FROM secrets WHERE name = ?1", NAME)
    return None if row is None else bytes(row[0])


async def _keep(tx: Transaction, fresh: bytes) -> bytes:
    """Keep a key, unless another process was first; gives the one that is kept."""
    await tx.run(
        "INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING", NAME, fresh
    )
    return await _read(tx) or fresh
