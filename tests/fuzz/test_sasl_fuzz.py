"""The fuzz targets of sasl under seeded mutations: the same inputs in each run, a few seconds in all."""

import os
import random
from collections.abc import Callable

import pytest
from tests.fuzz.sasl_targets import TARGETS

ROUNDS = int(os.environ.get("PYMAILCORE_FUZZ_ROUNDS", "20000")) // 10
SEEDS = [
    b"\0tim\0secret",
    b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    b"p=tls-exporter,a=boss,n=a=2Cb,r=abc,x=y",
    b"y,,n=user,r=abc",
    b"c=biws,r=abcrrrr,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    b"n,a=user@example.com,\x01host=h\x01port=143\x01auth=Bearer abc==\x01\x01",
    b"user=a@b\x01auth=Bearer abc\x01\x01",
    "pässwörd\u00ad\u00a0\u0627\u0628".encode(),
]
TOKENS = [
    b",",
    b"=",
    b"=2C",
    b"=3D",
    b"\x01",
    b"\0",
    b"m=",
    b"a=",
    b"r=",
    b"\xff",
    b"\xed\xa0\x80",
    b"n",
    b"A" * 1100,
]


def mutated(source: random.Random) -> bytes:
    octets = bytearray(source.choice(SEEDS))
    for _ in range(source.randint(1, 5)):
        place = source.randint(0, len(octets))
        match source.randrange(4):
            case 0:
                octets[place:place] = source.choice(TOKENS)
            case 1:
                del octets[place : place + source.randint(1, 4)]
            case 2:
                octets[place : place + 1] = bytes([source.randrange(256)])
            case _:
                octets += source.choice(SEEDS)
    return bytes(octets)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_nothing_that_a_client_says_raises(target: Callable[[bytes], None]) -> None:
    source = random.Random(6)  # noqa: S311 - the same inputs in each run
    for _ in range(ROUNDS):
        octets = mutated(source)
        try:
            target(octets)
        except Exception as fault:
            fault.add_note(f"input: {octets!r}")
            raise
