"""Very many sign-ins at once over the sockets of a whole family of processes (security notes, A3).

Few passwords are hashed at a time and few wait; all others are told to come again. Who is signed in already
hardly notices.
"""

import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
from tests.support.family import Family
from tests.support.guessing import Connection, connected, sign_in
from tests.support.said import Say

pytestmark = pytest.mark.slow

HASH_OCTETS = 19_456 * 1024  # of one Argon2id run as it is by default
THREADS = 2
LATER = (b"a NO [UNAVAILABLE]", b"454 4.7.0")
WRONG = (b"a NO [AUTHENTICATIONFAILED]", b"535 5.7.8")


def crowded(folder: Path, waiting: int) -> Family:
    """A family in which limits of failures hold nobody up, and few may wait for a hash."""
    limits = "failures_per_minute = 100000\nfailures_per_day = 100000\n"
    extra = f"[directory]\n{limits}hashing_waiting_count = {waiting}\n"
    return Family(folder, processes=1, extra=extra, accounts=("anna",))


def resident(pid: int) -> dict[str, tuple[int, int]]:
    """Memory of each process of a family, now and at most, in octets."""
    found = {}
    tasks = [task.read_text("ascii") for task in Path(f"/proc/{pid}/task").glob("*/children")]
    for child in [str(pid), *" ".join(tasks).split()]:
        status = Path(f"/proc/{child}/status").read_text("ascii")
        now, most = (int(status.partition(f"{name}:")[2].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
        found[child] = (now, most)
    return found


class Sources:
    """Loopback addresses, two connections for each."""

    def __init__(self) -> None:
        self._taken = self._addresses()

    def __iter__(self) -> Iterator[str]:
        return self._taken

    def _addresses(self) -> Iterator[str]:
        for number in range(1_000):
            for _ in range(2):
                yield f"127.{90 + number // 30}.{number % 30 * 8}.1"


async def trip(connection: Connection) -> float:
    """Ask for nothing; how long the answer took."""
    began = trio.current_time()
    await connection.send(b"n NOOP\r\n")
    await connection.last_line(b"n OK")
    return trio.current_time() - began


@pytest.mark.parametrize(
    ("count", "waiting"),
    [(60, 10), pytest.param(500, 50, marks=[pytest.mark.long, pytest.mark.timeout(300)])],
)
async def test_a_flood_is_put_off_on_the_wire(tmp_path: Path, say: Say, count: int, waiting: int) -> None:
    answers, seconds, ended = Counter[str](), list[float](), trio.Event()
    with crowded(tmp_path, waiting) as family:
        async with AsyncExitStack() as stack:
            anna = await stack.enter_async_context(connected(family, "imap", "127.0.0.1"))
            assert await sign_in(anna, "imap", family.address("anna"))
            flood = [
                (protocol, await stack.enter_async_context(connected(family, protocol, source)))
                for number, source in zip(range(count), Sources(), strict=False)
                for protocol in ("smtp" if number % 5 == 4 else "imap",)
            ]
            quiet = [await trip(anna) for _ in range(50)]
            before = resident(family.pid)

            async def guess(number: int, protocol: str, connection: Connection) -> None:
                assert not await sign_in(connection, protocol, f"u{number}@example.test", "wrong horse")
                said = connection.heard[-1]
                answers[
                    "later" if said.startswith(LATER) else "wrong" if said.startswith(WRONG) else str(said)
                ] += 1

            async def live() -> None:
                while not ended.is_set():
                    seconds.append(await trip(anna))
                    await trio.sleep(0.005)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(live)
                async with trio.open_nursery() as guesses:
                    for number, (protocol, connection) in enumerate(flood):
                        guesses.start_soon(guess, number, protocol, connection)
                ended.set()
            grown = max(most - before[child][0] for child, (_, most) in resident(family.pid).items())
    late = statistics.quantiles(seconds, n=20)
    say(
        f"A3: {count} sign-ins at once: {dict(answers)}; memory of a process grew by {grown / 2**20:.0f} MiB;"
        f" NOOP beside it p50 {statistics.median(seconds) * 1000:.1f}, p95 {late[-1] * 1000:.1f}, most"
        f" {max(seconds) * 1000:.1f} ms (before it p50 {statistics.median(quiet) * 1000:.1f},"
        f" most {max(quiet) * 1000:.1f} ms)"
    )
    assert set(answers) == {"later", "wrong"}
    assert answers["wrong"] >= waiting
    assert answers["later"] >= count // 4
    assert grown < THREADS * HASH_OCTETS + 40 * 2**20
    assert statistics.median(seconds) < 0.05
