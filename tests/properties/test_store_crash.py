"""Kill -9 under load loses nothing that was acknowledged (DESIGN 4.2; RFC 5321 section 6.1)."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.stores import opened_store

from pymailcore.base.ids import AccountId, EmailId

_PROGRAM = """
import secrets
import sys
import time
from pathlib import Path

import trio

from pymailcore.base.ids import IdMint
from tests.support.stores import a_message, opened_store


async def main() -> None:
    first = int(sys.argv[2])
    ids = IdMint(lambda: time.time_ns() // 1_000_000, secrets.randbits)
    async with opened_store(
        Path(sys.argv[1]), maintain=True, ids=ids, passive_checkpoint_octets=200_000
    ) as opened:

        async def caller(number: int) -> None:
            while True:
                number += 20
                octets = a_message(f"{first} {number}", body=f"{first} {number} " * (number % 700) + "\\r\\n")
                filed = await opened.deliver(octets)
                sys.stdout.write(f"{filed.email} {first} {number}\\n")
                sys.stdout.flush()

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(caller, number)

trio.run(main)
"""


def body_of(first: int, number: int) -> bytes:
    return (f"{first} {number} " * (number % 700) + "\r\n").encode()


@pytest.mark.slow
async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    source = random.Random(5)  # noqa: S311
    acknowledged: list[tuple[int, int, int]] = []
    for first in range(4):
        log = tmp_path / f"log{first}"
        with log.open("wb") as out:
            child = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-c", _PROGRAM, str(tmp_path / "data"), str(first)],
                stdout=out,
                cwd=Path(__file__).parents[2],
            )
            until = time.monotonic() + 30
            wanted = 200 + source.randrange(30_000)  # octets of the log: somewhere in the work
            while log.stat().st_size < wanted and time.monotonic() < until:
                assert child.poll() is None
                os.sched_yield()
            child.send_signal(signal.SIGKILL)
            child.wait()
        lines = log.read_text().split("\n")[:-1]  # the last line may be cut
        assert len(lines) > 5
        acknowledged += [(int(a), int(b), int(c)) for a, b, c in (line.split() for line in lines)]
    async with opened_store(tmp_path / "data") as opened:
        await opened.check()
        for email, first, number in acknowledged:
            octets = await opened.store.message(AccountId(1), EmailId(email))
            assert octets.endswith(b"\r\n\r\n" + body_of(first, number))
        assert (await opened.counters("INBOX")).messages >= len(acknowledged)
