"""Password hashes of other programs: which are known, what they may cost, and whether a password fits.

Standards: RFC 9106 (Argon2), RFC 7914 (scrypt), RFC 8018 section 5.2 (PBKDF2).

Known: Argon2id and Argon2i; bcrypt (`$2a$`, `$2b$`, `$2y$`); SHA-crypt (`$5$`, `$6$`); scrypt and PBKDF2 as
passlib, Django and Werkzeug write them; and Dovecot's schemes ARGON2ID, ARGON2I, BLF-CRYPT, SHA256-CRYPT,
SHA512-CRYPT, CRYPT, PBKDF2, SSHA256 and SSHA512 as a prefix in braces. Pure: it takes the time that the hash
asks for, so it runs in a thread. A hash that asks for more than the bounds below is refused before any work
is done, whether it is to be imported or was put into the table by other hands.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import argon2
import argon2.low_level
import bcrypt

from pymailcore.base.errors import InvalidValue
from pymailcore.directory import sha_crypt

MAX_OCTETS: Final = 1_024
"""Longest hash."""

_MOST_ARGON2_KIB: Final = 262_144
_MOST_ARGON2_WORK_KIB: Final = 1_048_576  # memory times passes: about a second
_MOST_ARGON2_LANES: Final = 16
_BCRYPT_COSTS: Final = range(4, 15)
_BCRYPT_OCTETS: Final = 72  # all that bcrypt ever looked at
_MOST_SHA_CRYPT_ROUNDS: Final = 1_000_000
_MOST_PBKDF2_ROUNDS: Final = 2_000_000
_MOST_SCRYPT_OCTETS: Final = 268_435_456
_MOST_SCRYPT_WORK: Final = 2_097_152  # N times r times p

Check = Callable[[bytes], bool]
"""Whether a password fits."""

_SCHEME: Final = re.compile(r"\{([A-Za-z0-9-]+)\}")
_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}\Z")
_PASSLIB_PBKDF2: Final = re.compile(
    r"\$pbkdf2(-sha256|-sha512)?\$(\d{1,9})\$([./A-Za-z0-9]+)\$([./A-Za-z0-9]+)\Z"
)
_DJANGO_PBKDF2: Final = re.compile(r"pbkdf2_(sha1|sha256|sha512)\$(\d{1,9})\$([^$]+)\$([+/=A-Za-z0-9]+)\Z")
_WERKZEUG_PBKDF2: Final = re.compile(
    r"pbkdf2:(sha1|sha256|sha512):(\d{1,9})\$([A-Za-z0-9]+)\$((?:[0-9a-f]{2})+)\Z"
)
_DOVECOT_PBKDF2: Final = re.compile(r"\$1\$([^$]+)\$(\d{1,9})\$([0-9a-f]{40})\Z")
_PASSLIB_SCRYPT: Final = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4})\$([+/A-Za-z0-9]+)\$([+/A-Za-z0-9]+)\Z"
)
_WERKZEUG_SCRYPT: Final = re.compile(
    r"scrypt:(\d{1,9}):(\d{1,4}):(\d{1,4})\$([A-Za-z0-9]+)\$((?:[0-9a-f]{2})+)\Z"
)


def load(verifier: str) -> Check:
    """Give what says whether a password fits a hash.

    Raises:
        InvalidValue: the hash is of no known kind, is broken, or asks for too much work; without the hash.
    """
    if len(verifier) > MAX_OCTETS or not verifier.isascii():
        raise InvalidValue("the password hash is too long or no ASCII")
    try:
        check = _load(verifier)
    except (ValueError, binascii.Error, argon2.exceptions.InvalidHashError):
        raise InvalidValue("the password hash is broken") from None
    return lambda password: b"\0" not in password and check(password)  # HMAC takes zeros at the end for none


def _load(verifier: str) -> Check:
    scheme = _SCHEME.match(verifier)
    if scheme is not None:
        load_scheme = _SCHEMES.get(scheme[1].upper())
        if load_scheme is None:
            raise InvalidValue(f"password hashes of the scheme {scheme[1]} are not known")
        return load_scheme(verifier[scheme.end() :])
    for prefix, load_kind in _KINDS.items():
        if verifier.startswith(prefix):
            return load_kind(verifier)
    raise InvalidValue("the password hash is of no known kind")


def _bounded(within: bool) -> None:
    if not within:
        raise InvalidValue("the password hash asks for too much work")


def _argon2(verifier: str) -> Check:
    parameters = argon2.extract_parameters(verifier)
    _bounded(
        parameters.memory_cost <= _MOST_ARGON2_KIB
        and parameters.memory_cost * parameters.time_cost <= _MOST_ARGON2_WORK_KIB
        and parameters.parallelism <= _MOST_ARGON2_LANES
    )

    def check(password: bytes) -> bool:
        try:
            return argon2.low_level.verify_secret(verifier.encode(), password, parameters.type)
        except argon2.exceptions.VerificationError:
            return False

    return check


def _bcrypt(verifier: str) -> Check:
    found = _BCRYPT.match(verifier)
    if found is None:
        raise ValueError
    _bounded(int(found[1]) in _BCRYPT_COSTS)
    wanted = verifier.encode()

    def check(password: bytes) -> bool:
        return hmac.compare_digest(bcrypt.hashpw(password[:_BCRYPT_OCTETS], wanted)[4:], wanted[4:])

    return check


def _sha_crypt(verifier: str) -> Check:
    algorithm, rounds, salt, total = sha_crypt.parse(verifier)
    _bounded(rounds <= _MOST_SHA_CRYPT_ROUNDS)

    def check(password: bytes) -> bool:
        return hmac.compare_digest(sha_crypt.checksum(algorithm, password, salt.encode(), rounds), total)

    return check


def _pbkdf2_check(algorithm: str, rounds: int, salt: bytes, wanted: bytes) -> Check:
    _bounded(0 < rounds <= _MOST_PBKDF2_ROUNDS and 16 <= len(wanted) <= 64)

    def check(password: bytes) -> bool:
        return hmac.compare_digest(
            hashlib.pbkdf2_hmac(algorithm, password, salt, rounds, len(wanted)), wanted
        )

    return check


def _pbkdf2(verifier: str) -> Check:
    """PBKDF2 of passlib (`$pbkdf2-sha256$`), Django (`pbkdf2_sha256$`) and Werkzeug (`pbkdf2:sha256:`)."""
    if found := _PASSLIB_PBKDF2.match(verifier):
        algorithm = (found[1] or "-sha1")[1:]
        return _pbkdf2_check(algorithm, int(found[2]), _short64(found[3]), _short64(found[4]))
    if found := _DJANGO_PBKDF2.match(verifier):
        wanted = base64.b64decode(found[4], validate=True)
        return _pbkdf2_check(found[1], int(found[2]), found[3].encode(), wanted)
    if found := _WERKZEUG_PBKDF2.match(verifier):
        return _pbkdf2_check(found[1], int(found[2]), found[3].encode(), bytes.fromhex(found[4]))
    raise ValueError


def _dovecot_pbkdf2(verifier: str) -> Check:
    found = _DOVECOT_PBKDF2.match(verifier)
    if found is None:
        raise ValueError
    return _pbkdf2_check("sha1", int(found[2]), found[1].encode(), bytes.fromhex(found[3]))


def _scrypt(verifier: str) -> Check:
    """Scrypt of passlib (`$scrypt$ln=`) and Werkzeug (`scrypt:`)."""
    if found := _PASSLIB_SCRYPT.match(verifier):
        rounds, salt, wanted = 1 << int(found[1]), _short64(found[4]), _short64(found[5])
    elif found := _WERKZEUG_SCRYPT.match(verifier):
        rounds, salt, wanted = int(found[1]), found[4].encode(), bytes.fromhex(found[5])
    else:
        raise ValueError
    block, lanes = int(found[2]), int(found[3])
    _bounded(
        rounds > 1
        and rounds & (rounds - 1) == 0
        and block > 0
        and lanes > 0
        and 128 * block * (rounds + lanes) <= _MOST_SCRYPT_OCTETS
        and rounds * block * lanes <= _MOST_SCRYPT_WORK
        and 16 <= len(wanted) <= 64
    )

    def check(password: bytes) -> bool:
        made = hashlib.scrypt(
            password, salt=salt, n=rounds, r=block, p=lanes, maxmem=2 * _MOST_SCRYPT_OCTETS, dklen=len(wanted)
        )
        return hmac.compare_digest(made, wanted)

    return check


def _salted(algorithm: str, size: int) -> Callable[[str], Check]:
    def load_salted(verifier: str) -> Check:
        octets = base64.b64decode(verifier, validate=True)
        wanted, salt = octets[:size], octets[size:]
        if not salt:
            raise ValueError

        def check(password: bytes) -> bool:
            return hmac.compare_digest(hashlib.new(algorithm, password + salt).digest(), wanted)

        return check

    return load_salted


def _short64(text: str) -> bytes:
    """Base64 without padding, with `.` for `+` where passlib wrote it."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)


def _crypt(verifier: str) -> Check:
    return _sha_crypt(verifier) if verifier.startswith(("$5$", "$6$")) else _bcrypt(verifier)


_KINDS: Final[Mapping[str, Callable[[str], Check]]] = MappingProxyType(
    {
        "$argon2id$": _argon2,
        "$argon2i$": _argon2,
        "$2": _bcrypt,
        "$5$": _sha_crypt,
        "$6$": _sha_crypt,
        "$pbkdf2": _pbkdf2,
        "pbkdf2": _pbkdf2,
        "$scrypt$": _scrypt,
        "scrypt:": _scrypt,
    }
)
_SCHEMES: Final[Mapping[str, Callable[[str], Check]]] = MappingProxyType(
    {
        "ARGON2ID": _argon2,
        "ARGON2I": _argon2,
        "BLF-CRYPT": _bcrypt,
        "SHA256-CRYPT": _sha_crypt,
        "SHA512-CRYPT": _sha_crypt,
        "CRYPT": _crypt,
        "PBKDF2": _dovecot_pbkdf2,
        "SSHA256": _salted("sha256", 32),
        "SSHA512": _salted("sha512", 64),
    }
)
