"""SHA-crypt (`$5$`, `$6$`): the hashes of /etc/shadow.

Written after the published algorithm ("Unix crypt using SHA-256 and SHA-512", Ulrich Drepper). Pure; it takes
a second for a million rounds.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

_ALPHABET: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SALT_CHARACTERS: Final = 16
_LEAST_ROUNDS: Final = 1_000
_USUAL_ROUNDS: Final = 5_000


def parse(text: str) -> tuple[str, int, str, str]:
    """Take a hash apart: name of the digest, rounds, salt, sum.

    Raises:
        ValueError: it is no SHA-crypt.
    """
    fields = text.split("$")
    if len(fields) not in {4, 5} or fields[0] or fields[1] not in {"5", "6"}:
        raise ValueError("no SHA-crypt")
    rounds = _USUAL_ROUNDS
    if len(fields) == 5:
        word, _, number = fields[2].partition("=")
        if word != "rounds" or not number.isascii() or not number.isdigit() or len(number) > 9:
            raise ValueError("no number of rounds")
        rounds = max(_LEAST_ROUNDS, int(number))
    total = fields[-1]
    if len(total) != (43 if fields[1] == "5" else 86) or not set(total) <= set(_ALPHABET):
        raise ValueError("no sum")
    if not fields[-2].isascii():
        raise ValueError("no salt")
    return "sha256" if fields[1] == "5" else "sha512", rounds, fields[-2][:_SALT_CHARACTERS], total


def checksum(algorithm: str, password: bytes, salt: bytes, rounds: int) -> str:
    """Give the sum of a password, in the alphabet of crypt.

    Args:
        algorithm: "sha256" or "sha512".
    """
    size = 32 if algorithm == "sha256" else 64
    other = hashlib.new(algorithm, password + salt + password).digest()
    first = password + salt + _stretch(other, len(password))
    bits = len(password)
    while bits:
        first += other if bits & 1 else password
        bits >>= 1
    running = hashlib.new(algorithm, first).digest()
    key = _stretch(hashlib.new(algorithm, password * len(password)).digest(), len(password))
    salted = _stretch(hashlib.new(algorithm, salt * (16 + running[0])).digest(), len(salt))
    make = hashlib.sha256 if algorithm == "sha256" else hashlib.sha512
    for number in range(rounds):
        octets = key if number & 1 else running
        if number % 3:
            octets += salted
        if number % 7:
            octets += key
        running = make(octets + (running if number & 1 else key)).digest()
    return "".join(_letters(running, size))


def _stretch(octets: bytes, size: int) -> bytes:
    return (octets * (size // len(octets) + 1))[:size]


def _letters(digest: bytes, size: int) -> Iterator[str]:
    """Encode the sum: three octets at a time, in the order that the algorithm lists."""
    third, step = (10, 21) if size == 32 else (21, 22)
    whole = 10 if size == 32 else 21
    a, b, c = 0, third, 2 * third
    for _ in range(whole):
        yield from _group(digest[a] << 16 | digest[b] << 8 | digest[c], 4)
        a, b, c = ((n + step) % (3 * third) for n in (a, b, c))
    if size == 32:
        yield from _group(digest[31] << 8 | digest[30], 3)
    else:
        yield from _group(digest[63], 2)


def _group(value: int, count: int) -> Iterator[str]:
    for _ in range(count):
        yield _ALPHABET[value & 63]
        value >>= 6
