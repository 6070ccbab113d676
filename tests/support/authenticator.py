"""A device with passkeys, made of software: answers what a browser would."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256
from fido2.webauthn import AttestedCredentialData, AuthenticatorData


def websafe(octets: bytes) -> str:
    """Base64 as browsers write it."""
    return urlsafe_b64encode(octets).decode().rstrip("=")


class Authenticator:
    """One device; it has one passkey.

    Args:
        counts: whether it counts its signatures.
    """

    def __init__(
        self, origin: str = "https://mail.example", *, handle: bytes = b"handle-1", counts: bool = True
    ) -> None:
        self.origin = origin
        self.host = origin.partition("://")[2].partition(":")[0]
        self.handle = handle
        self.counter = 0
        self.flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV
        self.user = b""
        self._counts = counts
        self._key = ec.generate_private_key(ec.SECP256R1())

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _rp(self) -> bytes:
        return hashlib.sha256(self.host.encode()).digest()

    def create(self, options: Mapping[str, Any]) -> dict[str, object]:
        """Make the passkey (`navigator.credentials.create`)."""
        asked = options["publicKey"]
        self.user = urlsafe_b64decode(asked["user"]["id"] + "==")
        numbers = self._key.public_key().public_numbers()
        public = ES256(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        )
        credential = AttestedCredentialData.create(b"\0" * 16, self.handle, public)
        data = AuthenticatorData.create(
            self._rp(), self.flags | AuthenticatorData.FLAG.AT, self.counter, credential
        )
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": bytes(data)})
        return {
            "id": websafe(self.handle),
            "rawId": websafe(self.handle),
            "type": "public-key",
            "response": {
                "clientDataJSON": websafe(self._client_data("webauthn.create", asked["challenge"])),
                "attestationObject": websafe(attestation),
            },
        }

    def get(self, options: Mapping[str, Any], *, user: bytes | None = None) -> dict[str, object]:
        """Sign (`navigator.credentials.get`)."""
        asked = options["publicKey"]
        self.counter += int(self._counts)
        data = bytes(AuthenticatorData.create(self._rp(), self.flags, self.counter))
        client = self._client_data("webauthn.get", asked["challenge"])
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return {
            "id": websafe(self.handle),
            "rawId": websafe(self.handle),
            "type": "public-key",
            "response": {
                "clientDataJSON": websafe(client),
                "authenticatorData": websafe(data),
                "signature": websafe(signature),
                "userHandle": None if user is None else websafe(user),
            },
        }
