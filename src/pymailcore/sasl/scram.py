"""The SCRAM mechanisms, server side: the password is never sent, and the server proves that it knows it, too.

Standards: RFC 5802 sections 3, 5 and 6 (channel binding), RFC 7677 (SCRAM-SHA-256), RFC 5929 section 4
(tls-server-end-point), RFC 9266 (tls-exporter).

Theory: client-first names who; the keys of that name come from outside, and for a name that does not exist
they are made up, the same each time. So every exchange runs to its end in the same way, and only the
decision on `ScramProof` tells a wrong password from a right one. "y" in the GS2 header says that the client
could bind and believes that we cannot; where we announced "-PLUS" somebody has removed it on the way.
"""

import base64
import hmac
from collections.abc import Mapping
from typing import Final

from pymailcore.sasl.machine import Machine
from pymailcore.sasl.scram_keys import fitting_key, proof_octets, server_signature
from pymailcore.sasl.scram_messages import (
    MAX_NONCE_OCTETS,
    ClientFirst,
    Unreadable,
    parse_client_final,
    parse_client_first,
)
from pymailcore.sasl.steps import Challenge, Failed, NeedKeys, ScramKey, ScramKeys, ScramProof, Step

PLUS: Final = "-PLUS"


class Scram(Machine):
    """One exchange of SCRAM-SHA-256, SCRAM-SHA-1 or one of their -PLUS forms.

    Args:
        name: of the mechanism, as it is announced.
        nonce: printable ASCII without commas, 18 random octets in base64 or more; never used before.
        bindings: channel-binding data by type ("tls-exporter"), for a -PLUS mechanism.
        plus_announced: a -PLUS mechanism is offered on this connection.
    """

    def __init__(
        self, name: str, *, nonce: bytes, bindings: Mapping[str, bytes], plus_announced: bool
    ) -> None:
        super().__init__()
        self._name = name
        self._mechanism = name.removesuffix(PLUS)
        self._nonce = nonce
        self._bindings = bindings
        self._plus_announced = plus_announced
        self._first: ClientFirst | None = None
        self._server_first = b""
        self._keys: ScramKeys | None = None
        self._fits: ScramKey | None = None
        self._auth_message = b""

    def _read(self, message: bytes) -> Step:
        try:
            if self._first is None:
                return self._read_first(message)
            return self._read_final(self._first, message)
        except Unreadable as fault:
            return _failed(fault.error)

    def _read_first(self, message: bytes) -> Step:
        first = parse_client_first(message)
        if len(first.nonce) > MAX_NONCE_OCTETS:
            return _failed("invalid-encoding")
        error = self._binding_error(first)
        if error:
            return _failed(error)
        self._first = first
        return NeedKeys(self._mechanism, first.authentication_id)

    def _binding_error(self, first: ClientFirst) -> str:
        """RFC 5802 section 6: which flag may come with which mechanism."""
        if self._name.endswith(PLUS):
            if first.flag != "p":
                return "channel-binding-not-supported"
            return "" if first.binding in self._bindings else "unsupported-channel-binding-type"
        if first.flag == "p":
            return "channel-binding-not-supported"
        if first.flag == "y" and self._plus_announced:
            return "server-does-support-channel-binding"
        return ""

    def _take_keys(self, keys: ScramKeys) -> Step:
        first = self._first
        assert first is not None  # noqa: S101 - keys are asked for by client-first only
        self._keys = keys
        self._nonce = first.nonce + self._nonce
        salt = base64.b64encode(keys.salt)
        self._server_first = b"r=%b,s=%b,i=%d" % (self._nonce, salt, keys.iterations)
        return Challenge(self._server_first)

    def _read_final(self, first: ClientFirst, message: bytes) -> Step:
        final = parse_client_final(message)
        keys = self._keys
        assert keys is not None  # noqa: S101 - client-final answers the challenge that the keys gave
        if not hmac.compare_digest(final.binding, first.gs2_header + self._bindings.get(first.binding, b"")):
            return _failed("channel-bindings-dont-match")
        if not hmac.compare_digest(final.nonce, self._nonce):
            return _failed("other-error")
        if len(final.proof) != proof_octets(self._mechanism):
            return _failed("invalid-proof")
        self._auth_message = b",".join((first.bare, self._server_first, final.without_proof))
        self._fits = fitting_key(self._mechanism, keys, self._auth_message, final.proof)
        return ScramProof(
            mechanism=self._name,
            authentication_id=first.authentication_id,
            authorization_id=first.authorization_id,
            secret=None if self._fits is None else self._fits.secret,
            generation=keys.generation,
        )

    def _outcome(self) -> bytes:
        if self._fits is None:
            raise ValueError("a proof that fits no key was accepted")
        signature = server_signature(self._mechanism, self._fits.server_key, self._auth_message)
        return b"v=" + base64.b64encode(signature)

    def _refusal(self) -> Failed:
        return _failed("invalid-proof")


def _failed(error: str) -> Failed:
    """RFC 5802 section 7: server-error."""
    return Failed(error, b"e=" + error.encode())
