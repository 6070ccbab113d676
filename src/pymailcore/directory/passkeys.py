"""Passkeys: what the browser is asked, and whether what it answers is right.

Standards: Web Authentication Level 2, sections 7.1 (registering) and 7.2 (verifying an assertion).

Pure: challenges are given, and what has to be known again when the answer comes is a text that the caller
seals. The mathematics are those of the library `fido2`; attestation is neither asked for nor looked at.
"""

import hmac
import struct
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, cast
from urllib.parse import urlsplit

from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from pymailcore.base.errors import Forbidden, InvalidValue

CHALLENGE_OCTETS: Final = 32

State = dict[str, str | None]
"""What is known again when the browser answers."""

_BROKEN: Final = (
    ValueError,
    KeyError,
    TypeError,
    AssertionError,
    IndexError,
    AttributeError,
    RecursionError,
    NotImplementedError,
    struct.error,
)
"""What the library raises for octets that are not as they should be, or a key that it cannot use."""


class Passkey(NamedTuple):
    """A registered passkey.

    Attributes:
        handle: its id, which the browser names.
        data: id and public key in the form of the library.
        counter: the newest signature count; 0 where the device does not count.
    """

    handle: bytes
    data: bytes
    counter: int


class RelyingParty:
    """This server towards browsers.

    Args:
        host: name of the server, without a port; passkeys are bound to it.
        origins: where its pages are ("https://mail.example.org").
    """

    def __init__(self, host: str, origins: Sequence[str] = ()) -> None:
        self._origins = tuple(origins)
        self._host = host
        entity = PublicKeyCredentialRpEntity(name=host, id=host)
        self._server = Fido2Server(entity, verify_origin=self._is_ours)

    def _is_ours(self, origin: str) -> bool:
        if self._origins:
            return origin in self._origins
        parts = urlsplit(origin)
        return parts.hostname == self._host and (parts.scheme == "https" or self._host == "localhost")

    def registration(
        self, user: bytes, name: str, existing: Sequence[Passkey], challenge: bytes
    ) -> tuple[Mapping[str, object], State]:
        """What `navigator.credentials.create` is given, and the state.

        Args:
            user: octets that stand for the account and tell nobody anything.
        """
        options, state = self._server.register_begin(
            PublicKeyCredentialUserEntity(id=user, name=name, display_name=name),
            [_descriptor(key) for key in existing],
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
            challenge=challenge,
        )
        return dict(options), cast(State, dict(state))

    def registered(self, state: State, answer: Mapping[str, object]) -> Passkey:
        """Take what the browser has made.

        Raises:
            InvalidValue: it does not answer what was asked, or the user was not verified.
        """
        try:
            data = self._server.register_complete(state, _texts(answer))
            made = data.credential_data
            if made is None:
                raise ValueError
            return Passkey(made.credential_id, bytes(made), data.counter)
        except _BROKEN:
            raise InvalidValue("that is not what was asked of the passkey") from None

    def assertion(self, known: Sequence[Passkey], challenge: bytes) -> tuple[Mapping[str, object], State]:
        """What `navigator.credentials.get` is given, and the state.

        Args:
            known: passkeys of the account; none to let the user choose, who is not known yet.
        """
        options, state = self._server.authenticate_begin(
            [_descriptor(key) for key in known] or None,
            user_verification=UserVerificationRequirement.REQUIRED,
            challenge=challenge,
        )
        return dict(options), cast(State, dict(state))

    def asserted(self, state: State, passkey: Passkey, answer: Mapping[str, object]) -> int:
        """Check what a passkey has signed; gives its new signature count.

        Web Authentication section 7.2 step 21: a count that does not rise is that of a copy; a device that
        does not count says 0 always.

        Raises:
            Forbidden: it is not right.
        """
        try:
            response = AuthenticationResponse.from_dict(_texts(answer))
            known, _ = AttestedCredentialData.unpack_from(passkey.data)
            self._server.authenticate_complete(state, [known], response)
            data: AuthenticatorData = response.response.authenticator_data
            counter = data.counter
        except _BROKEN:
            raise Forbidden("the passkey is not right") from None
        if (counter or passkey.counter) and counter <= passkey.counter:
            raise Forbidden("the passkey was copied")
        return counter


def handle_of(answer: Mapping[str, object]) -> tuple[bytes, bytes]:
    """Which passkey an answer names, and for which user.

    Raises:
        Forbidden: it is no answer of a browser.
    """
    try:
        response = AuthenticationResponse.from_dict(_texts(answer))
        return response.raw_id, response.response.user_handle or b""
    except _BROKEN:
        raise Forbidden("the passkey is not right") from None


def _texts(answer: Mapping[str, object]) -> dict[str, object]:
    """What the library reads of an answer, where it is text: it takes a number for so many octets of zero."""
    response = answer["response"]
    inside = response if isinstance(response, dict) else {}
    texts: dict[str, object] = {name: value for name, value in answer.items() if isinstance(value, str)}
    texts["response"] = {name: value for name, value in inside.items() if isinstance(value, str)}
    return texts


def is_user(given: bytes, user: bytes) -> bool:
    """Whether the user whom an answer names is this one; a second factor need not name any."""
    return not given or hmac.compare_digest(given, user)


def _descriptor(key: Passkey) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=key.handle)
