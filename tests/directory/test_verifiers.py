"""verifiers: password hashes of other programs, and what they may cost."""

import time

import argon2
import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.errors import InvalidValue
from pymailcore.directory import verifiers

PASSWORD = b"correct horse"
BCRYPT = bcrypt.hashpw(PASSWORD, b"$2b$04$abcdefghijklmnopqrstuu").decode()
ARGON2ID = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
ARGON2I = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=argon2.low_level.Type.I).hash(
    PASSWORD
)
KNOWN = {
    "argon2id": ARGON2ID,
    "argon2i": ARGON2I,
    "bcrypt 2b": BCRYPT,
    "bcrypt 2y": BCRYPT.replace("$2b$", "$2y$"),
    "bcrypt 2a": BCRYPT.replace("$2b$", "$2a$"),
    "passlib pbkdf2 sha1": "$pbkdf2$1000$c2FsdHNhbHQ$wQoBU7GXMNo2CJC.raijrf6key4",
    "passlib pbkdf2 sha256": "$pbkdf2-sha256$1000$c2FsdHNhbHQ$qQDPSZa3Ormyy9oK1Pu0ZLLwP2Svzmx3yu8OvDdq/J0",
    "passlib pbkdf2 sha512": "$pbkdf2-sha512$1000$c2FsdHNhbHQ$"
    "+sUSD8jw4f8ns7m9b7kj8PeJLe8lJXO8Am09BLgO79kST9D/Ija5aKINGF5Xg7hkKXw1.fNhBzzJP3eIXcWXww".replace(
        "+", "."
    ),
    "django": "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
    "werkzeug pbkdf2": "pbkdf2:sha512:1000$seasalt$081c76ae4a6f8f2100a28a4d56e45958e3b14d3470a15e898eb1c0"
    "4590265a84467fb06597ff8deadb55ff8816bed775e8d27de0ea55a591e6e3821d32b1542e",
    "dovecot pbkdf2": "{PBKDF2}$1$seasalt$1000$890be434e175c042f82a187c7a8809f2b5218a93",
    "passlib scrypt": "$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$5eJHz+r0WlGIVtbszqsCUiq6CMxJnB1YJDpacs0jSZQ",
    "werkzeug scrypt": "scrypt:16:8:1$seasalt$4318a5f2759c232d7660d318a5e5758572a"
    "fc058b987ec78c0723c5904c9dff8f53"
    "5e72bae23369a4281f086aa5a3cfa4545df1f34793b9906d63616c1b3ee04",
    "doveadm pbkdf2": "{PBKDF2}$1$fsZGiu/4K..3sKVg$5000$158bebdc07a81bccdf117bead1362bde1bced58b",
    "doveadm ssha256": "{SSHA256}SLz8oAWSzQpT191OF09ZAB7YKAUAuIcYPeLMUP9sb7i9B9L9",
    "doveadm ssha512": "{SSHA512}8tSO5asrGcSMCH97g/X3BcxGNPMIO3e2WCu7uMr1wBlLSuHL6bu0"
    "+znyuqGj+deZ85BqhelwP/WbbqERtfb6nf7Jas0=",
    "doveadm argon2id": "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$RdGXg0CEc4l6HDTVWeQj/A"
    "$mF2s/EbXQ/g2gaEckp6NTPgN+BX2jVYxlndgWgGNVEo",
    "doveadm sha512-crypt": "{SHA512-CRYPT}$6$jJFjLQFa9Qi3bI/K$xCm8y6rPcWE2D.C.jY"
    "BzUCh78Lf1dzNX0y3SEVZEY5Qhg3z"
    "kdj8f6EChxpPnvHYBa1fxqxADwA1vk8JaR56qk/",
    "dovecot argon2id": "{ARGON2ID}" + ARGON2ID,
    "dovecot blf-crypt": "{BLF-CRYPT}" + BCRYPT.replace("$2b$", "$2y$"),
    "dovecot crypt": "{crypt}" + BCRYPT,
}


@pytest.mark.parametrize("kind", KNOWN)
def test_the_right_password_fits_and_no_other(kind: str) -> None:
    check = verifiers.load(KNOWN[kind])
    assert check(PASSWORD)
    for wrong in (b"", b"correct hors", b"correct horse ", b"Correct horse", PASSWORD + b"\0"):
        assert not check(wrong)


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        ("", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        ("{SHA256-CRYPT}", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        ("{CRYPT}", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
    ],
)
def test_sha_crypt_with_and_without_a_scheme(scheme: str, text: str) -> None:
    assert verifiers.load(scheme + text)(b"Hello world!")
    assert not verifiers.load(scheme + text)(b"Hello world")


@pytest.mark.parametrize(
    "hostile",
    [
        "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43,
        "$argon2id$v=19$m=262144,t=1000,p=1$c2FsdHNhbHQ$" + "A" * 43,
        "$argon2id$v=19$m=8192,t=1,p=1000$c2FsdHNhbHQ$" + "A" * 43,
        "$2b$31$" + "a" * 53,
        "$2y$15$" + "a" * 53,
        "$6$rounds=999999999$salt$" + "a" * 86,
        "$pbkdf2-sha256$999999999$c2FsdA$" + "A" * 43,
        "$pbkdf2-sha256$0$c2FsdA$" + "A" * 43,
        "{PBKDF2}$1$salt$999999999$" + "0" * 40,
        "$scrypt$ln=30,r=8,p=1$c2FsdA$" + "A" * 43,
        "$scrypt$ln=10,r=8,p=9999$c2FsdA$" + "A" * 43,
        "$scrypt$ln=1,r=9999,p=9999$c2FsdA$" + "A" * 43,
        "scrypt:15:8:1$salt$" + "00" * 32,
    ],
)
def test_a_hash_that_asks_for_too_much_work_is_refused_before_any_is_done(hostile: str) -> None:
    """A3: who can put hashes into the table cannot bind the processor with them."""
    began = time.monotonic()
    with pytest.raises(InvalidValue, match="too much work"):
        verifiers.load(hostile)
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "correct horse",
        "{PLAIN}correct horse",
        "{MD5}x",
        "{SSHA256}",
        "{SSHA256}!!!",
        "{SSHA256}" + "A" * 40,
        "$2b$04$short",
        "$2x$04$" + "a" * 53,
        "$argon2id$",
        "$argon2d$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43,
        "$pbkdf2-md5$1000$c2FsdA$" + "A" * 43,
        "$pbkdf2-sha256$1000$c2FsdA$AA",
        "$scrypt$ln=4,r=8$x$y",
        "$scrypt$ln=99,r=8,p=1$c2FsdA$" + "A" * 43,
        "$6$rounds=1000$salt$short",
        "{PBKDF2}$1$salt$1000$zz",
        "pbkdf2_md5$1000$salt$AAAA",
        "x" * 100_000,
        "$2b$04$é",
    ],
)
def test_what_is_no_known_hash_is_refused(broken: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        verifiers.load(broken)
    assert broken not in str(caught.value) or not broken


@given(st.one_of(st.text(max_size=80), st.sampled_from(sorted(KNOWN.values())).map(lambda text: text[:-1])))
def test_any_text_is_a_hash_or_refused(text: str) -> None:
    try:
        check = verifiers.load(text)
    except InvalidValue:
        return
    assert not check(b"")
