"""The fuzz targets under seeded mutations of the corpus: the same inputs in each run, about 20 s in all.

More by hand: `PYMAILCORE_FUZZ_ROUNDS=1000000 pytest tests/fuzz`, or atheris (`message_atheris`).
"""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fuzz.message_targets import TARGETS

CORPUS = Path(__file__).parents[1] / "corpora" / "message"
SEEDS = [path.read_bytes()[:4000] for path in sorted(CORPUS.glob("*.eml"))]
ROUNDS = int(os.environ.get("PYMAILCORE_FUZZ_ROUNDS", "20000"))
LONG_SECONDS = 20.0
TOKENS = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"--b\r\n", b"--b--", b"=", b"=\r\n", b"=?utf-8?q?", b"?=", b"=?x?b?",
    b";",
    b":", b'"', b"\\", b"(", b")", b"<", b">", b"@", b",", b"*0*=", b"*1=", b"utf-8''",
    b"%C3", b"\xc3\xa9", b"\xff",
    b"\0", b" ", b"\t", b"-- \n", b"> ", b"Content-Type: multipart/mixed; boundary=b\r\n", b"<!--",
    b"<script>", b"&amp",
    b"Content-Type: message/rfc822\r\n", b"Content-Transfer-Encoding: base64\r\n", b"begin 644 a\n",
    b"A" * 1100,
    b"Content-Transfer-Encoding: quoted-printable\r\n", b"From: ", b"Date: ", b"Subject: ",
    b"utf-16\n", b"hz\n",
]  # fmt: skip


def mutated(source: random.Random) -> bytes:
    """Change one seed, or a splice of two, in a few places."""
    octets = bytearray(source.choice(SEEDS))
    if source.random() < 0.3:
        other = source.choice(SEEDS)
        cut = source.randint(0, len(octets))
        octets[cut:] = other[source.randint(0, len(other)) :]
    for _ in range(source.randint(1, 6)):
        place = source.randint(0, len(octets))
        kind = source.randrange(5)
        if kind == 0:
            octets[place:place] = source.choice(TOKENS)
        elif kind == 1:
            del octets[place : place + source.randint(1, 20)]
        elif kind == 2 and place < len(octets):
            octets[place] = source.randrange(256)
        elif kind == 3:
            piece = octets[place : place + source.randint(1, 60)]
            octets[place:place] = piece * source.randint(1, 20)
        else:
            octets[place : place + 8] = source.choice(TOKENS)
    return bytes(octets)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_no_mutation_breaks_a_promise(target: Callable[[bytes], None]) -> None:
    """security.md section 3.2: MIME, fields, addresses, dates, words, parameters, QP, base64, DSN."""
    source = random.Random(f"{target.__name__}")  # noqa: S311 - the same in each run
    for seed in SEEDS:
        target(seed)
    for _ in range(ROUNDS):
        octets = mutated(source)
        try:
            target(octets)
        except Exception as fault:
            raise AssertionError(f"{target.__name__}({octets!r})") from fault


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_no_mutation_breaks_a_promise_in_twenty_seconds(target: Callable[[bytes], None]) -> None:
    """The same for 20 s of CPU each, with other inputs in each run; a finding shows its seed."""
    number = random.SystemRandom().getrandbits(64)
    source = random.Random(number)  # noqa: S311 - written down below
    until = time.process_time() + LONG_SECONDS
    while time.process_time() < until:
        octets = mutated(source)
        try:
            target(octets)
        except Exception as fault:
            raise AssertionError(f"seed {number}: {octets!r}") from fault
