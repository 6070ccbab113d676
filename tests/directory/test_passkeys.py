"""passkeys: what a right device says, and all that is wrong."""

from collections.abc import Callable, Mapping
from typing import cast

import pytest
from fido2 import cbor
from fido2.webauthn import AuthenticatorData
from tests.support.authenticator import Authenticator, websafe

from pymailcore.base.errors import Forbidden, InvalidValue
from pymailcore.directory import passkeys
from pymailcore.directory.passkeys import Passkey, RelyingParty, handle_of

PARTY = RelyingParty("mail.example")
CHALLENGE = b"c" * 32


def registered(device: Authenticator, party: RelyingParty = PARTY) -> Passkey:
    options, state = party.registration(b"u" * 32, "ann@a.example", [], CHALLENGE)
    return party.registered(state, device.create(options))


def test_registering_and_signing() -> None:
    """Web Authentication sections 7.1 and 7.2."""
    device = Authenticator()
    passkey = registered(device)
    assert (passkey.handle, passkey.counter) == (b"handle-1", 0)
    for count in (1, 2):
        options, state = PARTY.assertion([passkey], bytes([count]) * 32)
        assert PARTY.asserted(state, passkey._replace(counter=count - 1), device.get(options)) == count


def test_what_the_browser_is_asked() -> None:
    passkey = registered(Authenticator())
    options, _ = PARTY.registration(b"u" * 32, "ann@a.example", [passkey], CHALLENGE)
    text = str(options)
    for word in ("residentKey", "required", websafe(b"handle-1"), websafe(CHALLENGE)):
        assert word in text
    resident, _ = PARTY.assertion([], CHALLENGE)
    assert websafe(b"handle-1") not in str(resident)


def _spoil_user_verification(device: Authenticator) -> None:
    device.flags = AuthenticatorData.FLAG.UP


def _spoil_presence(device: Authenticator) -> None:
    device.flags = AuthenticatorData.FLAG.UV


def _spoil_origin(device: Authenticator) -> None:
    device.origin = "https://mail.example.evil.example"


def _spoil_scheme(device: Authenticator) -> None:
    device.origin = "http://mail.example"


def _spoil_host(device: Authenticator) -> None:
    device.host = "evil.example"


@pytest.mark.parametrize(
    "spoil", [_spoil_user_verification, _spoil_presence, _spoil_origin, _spoil_scheme, _spoil_host]
)
def test_a_device_that_says_something_else_is_refused(spoil: Callable[[Authenticator], None]) -> None:
    """Web Authentication sections 7.1 steps 7 to 15 and 7.2 steps 11 to 17."""
    device = Authenticator()
    passkey = registered(device)
    spoil(device)
    with pytest.raises(InvalidValue):
        registered(device)
    options, state = PARTY.assertion([passkey], CHALLENGE)
    with pytest.raises(Forbidden):
        PARTY.asserted(state, passkey, device.get(options))


def test_another_challenge_or_key_is_refused() -> None:
    device, other = Authenticator(), Authenticator()
    passkey, foreign = registered(device), registered(other)
    options, _ = PARTY.assertion([passkey], CHALLENGE)
    _, later = PARTY.assertion([passkey], b"d" * 32)
    answer = device.get(options)
    with pytest.raises(Forbidden):
        PARTY.asserted(later, passkey, answer)
    options, state = PARTY.assertion([passkey], CHALLENGE)
    with pytest.raises(Forbidden):
        PARTY.asserted(state, foreign, device.get(options))


def test_a_count_that_does_not_rise_is_that_of_a_copy() -> None:
    """Web Authentication section 7.2 step 21."""
    device = Authenticator()
    passkey = registered(device)._replace(counter=5)
    options, state = PARTY.assertion([passkey], CHALLENGE)
    with pytest.raises(Forbidden, match="copied"):
        PARTY.asserted(state, passkey, device.get(options))
    silent = Authenticator(counts=False)
    passkey = registered(silent)
    for _ in range(2):
        assert PARTY.asserted(state, passkey, silent.get(options)) == 0


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": 1},
        {"rawId": "x", "id": "x", "type": "public-key", "response": {}},
        {
            "rawId": "AA",
            "id": "AA",
            "response": {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": ""},
        },
        {"response": None},
    ],
)
def test_what_is_no_answer_is_refused(answer: dict[str, object]) -> None:
    passkey = registered(Authenticator())
    _, state = PARTY.assertion([passkey], CHALLENGE)
    with pytest.raises(Forbidden):
        PARTY.asserted(state, passkey, answer)
    _, state = PARTY.registration(b"u", "ann", [], CHALLENGE)
    with pytest.raises(InvalidValue):
        PARTY.registered(state, answer)


def spoiled(answer: Mapping[str, object], odd: dict[str, object]) -> dict[str, object] | None:
    given = cast("dict[str, object]", answer["response"])
    return {**answer, "response": given | odd} if odd.keys() <= given.keys() else None


@pytest.mark.parametrize(
    "odd",
    [
        {"authenticatorData": websafe(bytes(32) + b"\x80" + bytes(4) + b"\x81" * 3_000)},
        {"authenticatorData": websafe(bytes(32) + b"\x80" + bytes(4) + b"\x19")},
        {"authenticatorData": websafe(bytes(32) + b"\x41" + bytes(20) + b"\0\1x" + b"\x81" * 3_000)},
        {"clientDataJSON": websafe(b'{"a":' + b"[" * 20_000)},
        {"attestationObject": websafe(b"\x81" * 3_000)},
        {"signature": 2**45},
    ],
)
def test_octets_that_make_the_library_stumble_are_no_answer(odd: dict[str, object]) -> None:
    """Found in review: deep nesting and numbers for texts, which anybody can send without signing in."""
    device = Authenticator()
    passkey = registered(device)
    options, state = PARTY.registration(b"u" * 32, "ann", [], CHALLENGE)
    made = spoiled(device.create(options), odd)
    if made is not None:
        with pytest.raises(InvalidValue):
            PARTY.registered(state, made)
    options, state = PARTY.assertion([passkey], CHALLENGE)
    signed = spoiled(device.get(options), odd)
    if signed is not None:
        with pytest.raises(Forbidden):
            handle_of(signed)
        with pytest.raises(Forbidden):
            PARTY.asserted(state, passkey, signed)
    assert made or signed


def test_a_key_of_an_unknown_kind_signs_nothing() -> None:
    """Web Authentication section 5.8.5: whoever asks for ES256 and the like may be given anything."""
    device = Authenticator()
    passkey = registered(device)
    head = passkey.data[: 18 + len(passkey.handle)]
    odd = passkey._replace(data=head + cbor.encode({1: 2, 3: -9_999}))
    options, state = PARTY.assertion([odd], CHALLENGE)
    with pytest.raises(Forbidden):
        PARTY.asserted(state, odd, device.get(options))


def test_origins_can_be_listed() -> None:
    """A server behind a proxy with a port of its own."""
    party = RelyingParty("mail.example", ["https://mail.example:8443"])
    registered(Authenticator("https://mail.example:8443"), party)
    with pytest.raises(InvalidValue):
        registered(Authenticator("https://mail.example"), party)
    registered(Authenticator("http://localhost"), RelyingParty("localhost"))


def test_the_user_is_compared() -> None:
    assert passkeys.is_user(b"", b"u")
    assert passkeys.is_user(b"u", b"u")
    assert not passkeys.is_user(b"v", b"u")
