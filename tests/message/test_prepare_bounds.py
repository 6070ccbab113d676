"""How much memory a message may take, and how long one call may keep the interpreter to itself."""

import base64
import random
import sys
import time
import tracemalloc
from collections.abc import Callable
from types import FrameType

import pytest
from tests.message.bombs import BOMBS

from pymailcore.message.parse import parse
from pymailcore.message.prepare import prepare
from pymailcore.message.split import join
from pymailcore.message.text import decode_body, text_of

SIZE = 3_000_000
"""Octets of security.md P2."""
SIZES = (1_000_000, SIZE)
"""The first is about what one field may have; 10,000 parts, which cost a fixed 7 MB, fit into both."""
NOISE = random.Random(3).randbytes(12 << 20)  # noqa: S311 - the same in each run


def attachment(size: int) -> bytes:
    return (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(NOISE[:size]).replace(b"\n", b"\r\n")
        + b"--b--\r\n"
    )


def plain(size: int) -> bytes:
    return b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + b"caf\xc3\xa9 and tea, or not\r\n" * (
        size // 26
    )


def one_long_line(size: int) -> bytes:
    return b"Subject: x\r\n\r\n" + b"x" * size


def broken_base64(size: int) -> bytes:
    return b"Content-Transfer-Encoding: base64\r\n\r\n!" + base64.encodebytes(NOISE[: size * 3 // 4])


def quoted_printable(size: int) -> bytes:
    return b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"caf=C3=A9 =\r\n tea \r\n" * (size // 21)


LARGE = [attachment, plain, one_long_line, broken_base64, quoted_printable]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", [*BOMBS, *LARGE], ids=lambda make: make.__name__)
def test_memory_is_at_most_8_times_the_input(make: Callable[[int], bytes], size: int) -> None:
    octets = make(size)
    prepare(make(1000))
    tracemalloc.start()
    prepared = prepare(octets)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert prepared.size_octets == len(octets)
    assert peak <= 8 * len(octets)


class Stopwatch:
    """CPU seconds of the longest single call into C, by its name, seen through the profiler's hook."""

    def __init__(self) -> None:
        self.longest: dict[str, float] = {}
        self._begun: float | None = None

    def __call__(self, _frame: FrameType, event: str, function: object) -> None:
        begun, self._begun = self._begun, None  # a call that calls Python lets others run in between
        if event == "c_call":
            self._begun = time.thread_time()
        elif event in ("c_return", "c_exception") and begun is not None:
            seconds = time.thread_time() - begun
            name = getattr(function, "__qualname__", repr(function))
            self.longest[name] = max(self.longest.get(name, 0.0), seconds)


def everything(octets: bytes) -> None:
    prepared = prepare(octets)
    join(prepared.recipe, prepared.skeleton, [leaf.octets for leaf in prepared.leaves])
    root = parse(octets).root
    for part in (root, *root.children[:3]):
        decode_body(octets, part)
        if part.type == "text":
            text_of(octets, part)


# Copies that Python makes in one piece: the leaves of a message and the message itself.
COPIES = {"bytes.join", "str.join"}
LONGEST = 0.005
"""Seconds: the interval at which the interpreter would change threads."""


@pytest.mark.slow
@pytest.mark.parametrize("make", [*BOMBS, *LARGE], ids=lambda make: make.__name__)
def test_no_call_keeps_the_interpreter_for_long(make: Callable[[int], bytes]) -> None:
    """DESIGN section 4.5: 256 KiB at most for each; at 12 MiB a call on all of it would take 3 to 60 ms.

    The best of at most four runs for each call, because the machine may be busy with other things.
    """
    octets = make(12 << 20 if make in LARGE else SIZE)
    best: dict[str, float] = {}
    for _ in range(4):
        watch = Stopwatch()
        sys.setprofile(watch)
        try:
            everything(octets)
        finally:
            sys.setprofile(None)
        best = {
            name: min(best.get(name, 1.0), seconds)
            for name, seconds in watch.longest.items()
            if name not in COPIES
        }
        if max(best.values()) < LONGEST:
            break
    assert max(best.values()) < LONGEST, {name: value for name, value in best.items() if value > LONGEST / 2}
