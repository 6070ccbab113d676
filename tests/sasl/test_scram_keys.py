import base64
import hashlib
import hmac

import pytest

from pymailcore.base.errors import InvalidValue
from pymailcore.sasl.scram_keys import derive, fitting_key, proof_octets, server_signature
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, ScramKey, ScramKeys

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")


def keys_of(*passwords: str) -> ScramKeys:
    made = [ScramKey(n, *derive("SCRAM-SHA-256", it, SALT, 4096)) for n, it in enumerate(passwords, 7)]
    return ScramKeys(SALT, 4096, tuple(made))


def proof_of(password: str, auth_message: bytes) -> bytes:
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, 4096)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), auth_message, "sha256")
    return bytes(a ^ b for a, b in zip(client_key, signature, strict=True))


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 40])
def test_whichever_secret_it_is_it_is_found(count: int) -> None:
    """RFC 5802 section 3, for app passwords beside the password."""
    passwords = [f"secret number {number}" for number in range(count)]
    keys = keys_of(*passwords)
    for number in {0, count // 2, count - 1}:
        found = fitting_key("SCRAM-SHA-256", keys, b"message", proof_of(passwords[number], b"message"))
        assert found is not None
        assert found.secret == 7 + number
    assert fitting_key("SCRAM-SHA-256", keys, b"message", proof_of("another", b"message")) is None
    assert fitting_key("SCRAM-SHA-256", keys, b"other", proof_of(passwords[0], b"message")) is None


def test_no_keys_fit_nothing() -> None:
    assert fitting_key("SCRAM-SHA-256", keys_of(), b"message", bytes(32)) is None


def test_the_work_tells_neither_which_key_fits_nor_how_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Counted and not timed: a clock says nothing on a busy machine."""
    counted = []
    original = hmac.digest

    def counting(key: bytes, message: bytes, digest: str) -> bytes:
        counted.append(1)
        return original(key, message, digest)

    monkeypatch.setattr(hmac, "digest", counting)
    work = set()
    for passwords, right in ((["a"], "a"), (["a"], "b"), (["a", "b", "c"], "a"), (["a", "b", "c"], "c")):
        keys, proof = keys_of(*passwords), proof_of(right, b"m")
        counted.clear()
        fitting_key("SCRAM-SHA-256", keys, b"m", proof)
        work.add(len(counted))
    assert work == {16}


def test_passwords_are_prepared() -> None:
    """RFC 5802 section 2.2, RFC 4013 section 3."""
    assert derive("SCRAM-SHA-1", "I\u00adX", SALT, 1) == derive("SCRAM-SHA-1", "IX", SALT, 1)
    for password in ("\u0007", "", "\u00ad", "\U0001f600", "\ud800"):
        with pytest.raises(InvalidValue):
            derive("SCRAM-SHA-256", password, SALT, 1)


@pytest.mark.parametrize(("extra", "good"), [(-1, True), (0, True), (1, False)])
def test_passwords_are_bounded(extra: int, good: bool) -> None:
    password = "x" * (MAX_FIELD_OCTETS + extra)
    if good:
        assert derive("SCRAM-SHA-256", password, SALT, 1)
    else:
        with pytest.raises(InvalidValue):
            derive("SCRAM-SHA-256", password, SALT, 1)


def test_proofs_and_signatures_are_as_long_as_the_hash() -> None:
    """RFC 5802 section 3, RFC 7677 section 3."""
    assert (proof_octets("SCRAM-SHA-1"), proof_octets("SCRAM-SHA-256")) == (20, 32)
    assert len(server_signature("SCRAM-SHA-256", b"key", b"message")) == 32
