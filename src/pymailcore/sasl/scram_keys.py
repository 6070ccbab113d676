"""Keys and proofs of SCRAM: what is kept of a password, and the arithmetic of an exchange.

Standards: RFC 5802 sections 2.2 and 3, RFC 7677 section 3 (SHA-256).
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pymailcore.base.errors import InvalidValue
from pymailcore.sasl.prepare import saslprep
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, ScramKey, ScramKeys

SCRAM_SHA_256: Final = "SCRAM-SHA-256"
SCRAM_SHA_1: Final = "SCRAM-SHA-1"

HASHES: Final[Mapping[str, str]] = MappingProxyType({SCRAM_SHA_256: "sha256", SCRAM_SHA_1: "sha1"})
"""What hashlib calls the hash of a mechanism."""

_CONSTRUCTORS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {SCRAM_SHA_256: hashlib.sha256, SCRAM_SHA_1: hashlib.sha1}
)
_ROUND_UP_TO: Final = 16


def derive(mechanism: str, password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """Make StoredKey and ServerKey of a password; costs `iterations` HMACs, so call it in a thread.

    Args:
        mechanism: a key of `HASHES`.
        iterations: RFC 7677 section 4 asks for 4096 at least.

    Raises:
        InvalidValue: SASLprep does not allow the password, or it is empty or too long: it cannot be used
            with SCRAM.
    """
    if len(password.encode("utf-8", "surrogatepass")) > MAX_FIELD_OCTETS:
        raise InvalidValue("the password is too long")
    prepared = saslprep(password, stored=True)
    if not prepared:
        raise InvalidValue("the password is empty")
    salted = hashlib.pbkdf2_hmac(HASHES[mechanism], prepared.encode(), salt, iterations)
    client_key = _hmac(mechanism, salted, b"Client Key")
    return _hash(mechanism, client_key), _hmac(mechanism, salted, b"Server Key")


def proof_octets(mechanism: str) -> int:
    """Length of a ClientProof."""
    return hashlib.new(HASHES[mechanism], usedforsecurity=False).digest_size


def fitting_key(mechanism: str, keys: ScramKeys, auth_message: bytes, proof: bytes) -> ScramKey | None:
    """Find the key that a ClientProof was made with.

    All keys are tried, and some of them again up to a round number, so that the time tells neither which
    one fits nor how many there are.

    Args:
        proof: as long as `proof_octets` says.
    """
    if not keys.keys:
        return None
    fits: ScramKey | None = None
    for number in range(-(-len(keys.keys) // _ROUND_UP_TO) * _ROUND_UP_TO):
        key = keys.keys[number % len(keys.keys)]
        signature = _hmac(mechanism, key.stored_key, auth_message)
        client_key = bytes(one ^ other for one, other in zip(proof, signature, strict=True))
        if hmac.compare_digest(_hash(mechanism, client_key), key.stored_key):
            fits = key
    return fits


def server_signature(mechanism: str, server_key: bytes, auth_message: bytes) -> bytes:
    """The server's own proof that it knows the client's secret."""
    return _hmac(mechanism, server_key, auth_message)


def _hmac(mechanism: str, key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, HASHES[mechanism])


def _hash(mechanism: str, octets: bytes) -> bytes:
    digest: bytes = _CONSTRUCTORS[mechanism](octets).digest()
    return digest
