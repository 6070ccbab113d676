"""Attachments under seeded mutations: whatever they do to a helper, our side gets an answer and goes on.

More by hand: `PYMAILCORE_FUZZ_ROUNDS=100000 pytest tests/fuzz/test_attachments_fuzz.py`.
"""

import io
import os
import random
import zipfile
from collections.abc import Callable

import pytest
import trio
from tests.support.attachments import CORPUS, docx, package, paragraph, pdf, shown

from pymailcore.extract.extractor import open_extractor
from pymailcore.extract.frames import Outcome
from pymailcore.extract.settings import AttachmentSettings
from pymailcore.runtime.metrics import Metrics

ROUNDS = int(os.environ.get("PYMAILCORE_FUZZ_ROUNDS", "60"))
SMALL = [path.read_bytes() for path in sorted(CORPUS.iterdir()) if path.stat().st_size < 20_000]
SEEDS = [
    *SMALL,
    pdf(shown("plain page"), shown("another"), packed=False),
    rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset128 M;}}\f0 \'93\'8c \u26481? {\*\x y}\par text}",
]
TOKENS = [
    b"obj", b"endobj", b"stream\n", b"endstream", b"<<", b">>", b"[", b"]", b"/Kids", b"/Prev 9",
    b"/Length 99999999",
    b"/Filter /LZWDecode", b"/W [1 2 1]", b"5 0 R", b"xref", b"trailer", b"%%EOF", b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06", b"\xff\xff\xff\xff", b"\0" * 64, b"{", b"}", b"\\u", b"\\bin9", b"\\'", b"(", b")", b"-1",
    b"99999999999999999999",
]  # fmt: skip


def mutated(source: random.Random) -> bytes:
    """Change one seed in a few places."""
    octets = bytearray(source.choice(SEEDS))
    for _ in range(source.randint(1, 8)):
        place = source.randint(5, len(octets))
        kind = source.randrange(4)
        if kind == 0:
            octets[place:place] = source.choice(TOKENS)
        elif kind == 1:
            del octets[place : place + source.randint(1, 50)]
        elif kind == 2 and place < len(octets):
            octets[place] = source.randrange(256)
        else:
            octets[place : place + 8] = source.choice(TOKENS)
    return bytes(octets)


def mutated_inside(source: random.Random) -> bytes:
    """Change the XML inside a package, which stays whole around it."""
    seed = source.choice([octets for octets in SMALL if octets.startswith(b"PK")] + [docx(paragraph("one"))])
    with zipfile.ZipFile(io.BytesIO(seed)) as opened:
        members = {name: bytearray(opened.read(name)) for name in opened.namelist()}
    for octets in members.values():
        for _ in range(source.randint(0, 2)):
            place = source.randint(0, len(octets))
            octets[place : place + source.randint(0, 9)] = source.choice(
                [
                    b"<t>",
                    b"</p>",
                    b"&x;",
                    b"<!--",
                    b"<![CDATA[",
                    b'<!DOCTYPE a [<!ENTITY b "c">]>',
                    b"\xff",
                    b"\0",
                    b">",
                ]
            )
    return package({name: bytes(octets) for name, octets in members.items()})


@pytest.mark.slow
@pytest.mark.parametrize("mutate", [mutated, mutated_inside])
async def test_no_mutation_hurts_us(mutate: Callable[[random.Random], bytes]) -> None:
    metrics = Metrics()
    source = random.Random(5)  # noqa: S311 - the same in every run
    good = pdf(shown("word"))
    async with open_extractor(AttachmentSettings(cpu_seconds=2.0, seconds=20.0), metrics) as extractor:
        for _ in range(ROUNDS):
            octets = mutate(source)
            reading = await extractor.read(octets)
            assert reading.outcome is not Outcome.TIME, octets
            assert (reading.text is not None) is (reading.outcome in {Outcome.READ, Outcome.CUT})
        assert (await extractor.read(good)).text == "word"
    await trio.lowlevel.checkpoint()
